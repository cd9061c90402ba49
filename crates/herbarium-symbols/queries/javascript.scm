; Definitions

(class_declaration name: (identifier) @name) @definition.class
(class name: (identifier) @name) @definition.class
(field_definition
  property: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
  ]
  value: [(arrow_function) (function_expression) (generator_function)]) @definition.method
(field_definition
  property: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
    (number) @name
    (computed_property_name) @name
  ]) @definition.field

; References

(class_heritage
  [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]) @reference.implementation
