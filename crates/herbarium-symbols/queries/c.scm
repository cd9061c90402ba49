; Definitions

(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro

(struct_specifier name: (type_identifier) @name body: (_)) @definition.struct
; `struct MACRO name { … }`, which the grammar takes for a function.
(function_definition
  type: (struct_specifier !body)
  declarator: (identifier) @name) @definition.struct
(union_specifier name: (type_identifier) @name body: (_)) @definition.union
(enum_specifier name: (type_identifier) @name body: (_)) @definition.enum
(enumerator name: (identifier) @name) @definition.enum_member

((_ declarator: (type_identifier) @name @definition.type)
  (#set! declared-by "type_definition"))
(type_definition declarator: (primitive_type) @name) @definition.type
((parenthesized_declarator (type_identifier) @name @definition.type)
  (#set! declared-by "type_definition"))

((_ declarator: (field_identifier) @name @definition.field)
  (#set! declared-by "field_declaration"))

((function_declarator declarator: (identifier) @name @definition.function)
  (#set! declared-by "function_definition"))
((parenthesized_declarator (identifier) @name @definition.function)
  (#set! declared-by "function_definition"))

; Prototypes
((function_declarator declarator: (identifier) @name @definition.function)
  (#set! declared-by "declaration")
  (#set! outside-functions))
((parenthesized_declarator (identifier) @name @definition.function)
  (#set! declared-by "declaration")
  (#set! outside-functions))

((_ declarator: (identifier) @name @definition.variable)
  (#set! declared-by "declaration")
  (#set! outside-functions))

(labeled_statement label: (statement_identifier) @name) @definition.label

; References

((preproc_include
  path: [
    (string_literal (string_content) @name)
    (system_lib_string) @name
  ]) @reference.import
  (#set! trim "<>"))
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (field_expression field: (field_identifier) @name)) @reference.call
(call_expression
  function: (parenthesized_expression (pointer_expression argument: (identifier) @name))) @reference.call
(type_identifier) @name @reference.type
