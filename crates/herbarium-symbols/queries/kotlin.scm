; Definitions

(package_header (qualified_identifier) @name) @definition.package
(class_declaration (modifiers (class_modifier "enum")) name: (identifier) @name) @definition.enum
(class_declaration "interface" name: (identifier) @name) @definition.interface
(class_declaration name: (identifier) @name) @definition.class
; What the grammar takes for an expression where annotations stand above.
((infix_expression
  . (identifier) @_annotation
  . (identifier) @_class
  . (identifier) @name) @definition.class
  (#eq? @_annotation "annotation")
  (#eq? @_class "class"))
((infix_expression
  . (infix_expression . (identifier) . (identifier) @_annotation . (identifier) @_class)
  . (identifier) @name) @definition.class
  (#eq? @_annotation "annotation")
  (#eq? @_class "class"))
((infix_expression
  . (identifier) @_interface
  . (identifier) @name) @definition.interface
  (#eq? @_interface "interface"))
(object_declaration name: (identifier) @name) @definition.class
(companion_object name: (identifier) @name) @definition.class
(enum_entry (identifier) @name) @definition.enum_member
(type_alias type: (identifier) @name) @definition.type
; An extension belongs to the type that it extends.
((function_declaration
  [
    (user_type (identifier) @container . (type_arguments)? .)
    (nullable_type (user_type (identifier) @container . (type_arguments)? .))
  ]
  . name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((property_declaration
  [
    (user_type (identifier) @container . (type_arguments)? .)
    (nullable_type (user_type (identifier) @container . (type_arguments)? .))
  ]
  . (variable_declaration (identifier) @name)) @definition.property
  (#set! outside-functions))
((function_declaration name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((property_declaration
  (modifiers (property_modifier "const"))
  (variable_declaration (identifier) @name)) @definition.constant)
((property_declaration (variable_declaration (identifier) @name)) @definition.variable
  (#set! kind-in-type "property")
  (#set! outside-functions))
((property_declaration
  (multi_variable_declaration (variable_declaration (identifier) @name))) @definition.variable
  (#set! outside-functions))
(class_parameter ["val" "var"] (identifier) @name) @definition.property

(lambda_literal) @local.scope

; References

(delegation_specifier (user_type (identifier) @name)) @reference.implementation
(delegation_specifier (constructor_invocation (user_type (identifier) @name))) @reference.implementation
(annotation (user_type (identifier) @name)) @reference.type
(annotation (constructor_invocation (user_type (identifier) @name))) @reference.type
(call_expression (identifier) @name) @reference.call
(call_expression . (navigation_expression (identifier) @name .)) @reference.call
(import (qualified_identifier) @name) @reference.import
(user_type (identifier) @name) @reference.type
