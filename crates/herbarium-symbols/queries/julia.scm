; Definitions

(source_file (string_literal (content) @doc) @documents)
(module_definition (string_literal (content) @doc) @documents)
(struct_definition (string_literal (content) @doc) @documents)

(module_definition name: (identifier) @name) @definition.module
(abstract_definition (type_head [(identifier) @name (binary_expression . (identifier) @name)])) @definition.type
(struct_definition
  (type_head
    [
      (identifier) @name
      (parametrized_type_expression . (identifier) @name)
      (binary_expression . (identifier) @name)
      (binary_expression . (parametrized_type_expression . (identifier) @name))
    ])) @definition.struct
(struct_definition (typed_expression . (identifier) @name) @definition.field)
(struct_definition (identifier) @name @definition.field)
((struct_definition (assignment . (call_expression . (identifier) @name)) @definition.constructor))

((string_literal (content) @doc)?
  . (function_definition
    (signature
      [
        (call_expression . (identifier) @name)
        (call_expression . (field_expression (identifier) @name .))
        (typed_expression . (call_expression . (identifier) @name))
        (where_expression . (call_expression . (identifier) @name))
        (where_expression . (typed_expression . (call_expression . (identifier) @name)))
      ])) @definition.function)
(assignment . (call_expression . (identifier) @name)) @definition.function
(assignment . (call_expression . (field_expression (identifier) @name .))) @definition.function
(assignment . (typed_expression . (call_expression . (identifier) @name))) @definition.function
(assignment . (where_expression . (call_expression . (identifier) @name))) @definition.function
(macro_definition (signature (call_expression . (identifier) @name))) @definition.macro

((const_statement (assignment . (identifier) @name)) @definition.constant
  (#set! outside-functions))
((assignment . (identifier) @name) @definition.variable
  (#set! outside-functions))

; References

(call_expression . (identifier) @name) @reference.call
(call_expression . (field_expression (identifier) @name .)) @reference.call
(macrocall_expression (macro_identifier (identifier) @name)) @reference.macro
(using_statement (identifier) @name) @reference.import
(import_statement (identifier) @name) @reference.import
(selected_import (identifier) @name) @reference.import
