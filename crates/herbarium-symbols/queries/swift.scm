; Definitions

(class_declaration declaration_kind: "struct" name: (type_identifier) @name) @definition.struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name) @definition.enum
(class_declaration
  declaration_kind: "extension"
  name: [
    (type_identifier) @name
    (user_type (type_identifier) @name)
  ]) @definition.impl
(class_declaration name: (type_identifier) @name) @definition.class
(protocol_declaration name: (type_identifier) @name) @definition.interface
(typealias_declaration name: (type_identifier) @name) @definition.type
(associatedtype_declaration name: (type_identifier) @name) @definition.type
(enum_entry name: (simple_identifier) @name) @definition.enum_member
((function_declaration name: (simple_identifier) @name) @definition.function
  (#set! kind-in-type "method"))
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration name: "init" @name) @definition.constructor
(deinit_declaration "deinit" @name) @definition.method
(subscript_declaration "subscript" @name) @definition.method
((property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable
  (#set! kind-in-type "property")
  (#set! outside-functions))
(protocol_property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.property

(lambda_literal) @local.scope

; References

(inheritance_specifier inherits_from: (user_type (type_identifier) @name)) @reference.implementation
(call_expression . (simple_identifier) @name) @reference.call
(call_expression
  . (navigation_expression suffix: (navigation_suffix suffix: (simple_identifier) @name))) @reference.call
(import_declaration (identifier) @name) @reference.import
(user_type (type_identifier) @name) @reference.type
