; Definitions

(variable_declaration (identifier) @name "=" (struct_declaration)) @definition.struct
(variable_declaration (identifier) @name "=" (enum_declaration)) @definition.enum
(variable_declaration (identifier) @name "=" (union_declaration)) @definition.union
(variable_declaration (identifier) @name "=" (error_set_declaration)) @definition.enum
(variable_declaration (identifier) @name "=" (opaque_declaration)) @definition.type
((variable_declaration "const" . (identifier) @name) @definition.constant
  (#set! outside-functions))
((variable_declaration "var" . (identifier) @name) @definition.variable
  (#set! outside-functions))
((function_declaration name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
(enum_declaration (container_field . (identifier) @name) @definition.enum_member)
(enum_declaration (container_field name: (identifier) @name) @definition.enum_member)
(error_set_declaration (identifier) @name @definition.enum_member)
(container_field name: (identifier) @name) @definition.field
((test_declaration (string) @name) @definition.function
  (#set! trim "\""))

; References

((builtin_function (builtin_identifier) @_import (arguments (string) @name)) @reference.import
  (#eq? @_import "@import")
  (#set! trim "\""))
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (field_expression member: (identifier) @name)) @reference.call
(builtin_function (builtin_identifier) @name) @reference.call
