; Definitions

(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro
(class_interface . (identifier) @name category: (identifier)) @definition.impl
(class_interface . (identifier) @name) @definition.class
(class_implementation . (identifier) @name) @definition.impl
(protocol_declaration . (identifier) @name) @definition.interface
(method_declaration . (method_type) . (identifier) @name) @definition.method
(method_definition . (method_type) . (identifier) @name) @definition.method
(property_declaration (struct_declaration (struct_declarator (identifier) @name))) @definition.property
(property_declaration
  (struct_declaration (struct_declarator (pointer_declarator declarator: (identifier) @name)))) @definition.property
(instance_variable (struct_declaration (struct_declarator (identifier) @name))) @definition.field
(instance_variable
  (struct_declaration (struct_declarator (array_declarator declarator: (identifier) @name)))) @definition.field
(instance_variable
  (struct_declaration
    (struct_declarator
      (pointer_declarator
        declarator: (pointer_declarator declarator: (identifier) @name))))) @definition.field
(instance_variable
  (struct_declaration (struct_declarator (pointer_declarator declarator: (identifier) @name)))) @definition.field

(struct_specifier name: (type_identifier) @name body: (_)) @definition.struct
(union_specifier name: (type_identifier) @name body: (_)) @definition.union
(enum_specifier name: (type_identifier) @name body: (_)) @definition.enum
(enumerator name: (identifier) @name) @definition.enum_member
((_ declarator: (type_identifier) @name @definition.type)
  (#set! declared-by "type_definition"))
((_ declarator: (field_identifier) @name @definition.field)
  (#set! declared-by "field_declaration"))
((function_declarator declarator: (identifier) @name @definition.function)
  (#set! declared-by "function_definition"))
((function_declarator declarator: (identifier) @name @definition.function)
  (#set! declared-by "declaration")
  (#set! outside-functions))
((_ declarator: (identifier) @name @definition.variable)
  (#set! declared-by "declaration")
  (#set! outside-functions))

; References

((preproc_include
  path: [
    (string_literal (string_content) @name)
    (system_lib_string) @name
  ]) @reference.import
  (#set! trim "<>"))
(class_interface superclass: (identifier) @name) @reference.implementation
(parameterized_arguments (type_name (type_identifier) @name)) @reference.implementation
(protocol_reference_list (identifier) @name) @reference.implementation
(message_expression . receiver: (_) . method: (identifier) @name) @reference.call
(call_expression function: (identifier) @name) @reference.call
(type_identifier) @name @reference.type
