; Definitions

(class_declaration name: (type_identifier) @name) @definition.class
(abstract_class_declaration name: (type_identifier) @name) @definition.class
(class name: (type_identifier) @name) @definition.class
(interface_declaration name: (type_identifier) @name) @definition.interface
(type_alias_declaration name: (type_identifier) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.enum
(enum_body
  [
    (property_identifier) @name
    (string (string_fragment) @name)
  ] @definition.enum_member)
(enum_assignment
  name: [
    (property_identifier) @name
    (string (string_fragment) @name)
  ]) @definition.enum_member
(internal_module name: [(identifier) (nested_identifier)] @name) @definition.namespace
(module name: [(identifier) (nested_identifier)] @name) @definition.module
(module name: (string (string_fragment) @name)) @definition.module
(function_signature name: (identifier) @name) @definition.function
((method_signature name: (property_identifier) @name) @definition.constructor
  (#eq? @name "constructor"))
(construct_signature "new" @name) @definition.constructor
(method_signature
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
    (computed_property_name) @name
  ]) @definition.method
(abstract_method_signature
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
  ]) @definition.method
(property_signature
  name: [
    (property_identifier) @name
    (string (string_fragment) @name)
    (computed_property_name) @name
  ]) @definition.property
(required_parameter
  (accessibility_modifier)
  pattern: (identifier) @name) @definition.field
(required_parameter
  "readonly"
  pattern: (identifier) @name) @definition.field
(optional_parameter
  (accessibility_modifier)
  pattern: (identifier) @name) @definition.field
(public_field_definition
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
  ]
  value: [(arrow_function) (function_expression) (generator_function)]) @definition.method
(public_field_definition
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
    (number) @name
    (computed_property_name) @name
  ]) @definition.field

; References

(extends_clause
  value: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]) @reference.implementation
(implements_clause
  [
    (type_identifier) @name
    (generic_type name: (type_identifier) @name)
    (nested_type_identifier name: (type_identifier) @name)
    (generic_type name: (nested_type_identifier name: (type_identifier) @name))
  ]) @reference.implementation
(extends_type_clause
  type: [
    (type_identifier) @name
    (generic_type name: (type_identifier) @name)
    (nested_type_identifier name: (type_identifier) @name)
    (generic_type name: (nested_type_identifier name: (type_identifier) @name))
  ]) @reference.implementation
(type_identifier) @name @reference.type
