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
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(function_expression name: (identifier) @name) @definition.function
(generator_function name: (identifier) @name) @definition.function

((method_definition name: (property_identifier) @name) @definition.constructor
  (#eq? @name "constructor"))
(method_definition
  ["get" "set"]
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
    (number) @name
    (computed_property_name) @name
  ]) @definition.property
(method_definition
  name: [
    (property_identifier) @name
    (private_property_identifier) @name
    (string (string_fragment) @name)
    (number) @name
    (computed_property_name) @name
  ]) @definition.method
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

; Values that are functions or classes go by the name they are given.
(variable_declarator
  name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @definition.function
(variable_declarator name: (identifier) @name value: (class)) @definition.class
(pair
  key: [
    (property_identifier) @name
    (string (string_fragment) @name)
  ]
  value: [(arrow_function) (function_expression) (generator_function)]) @definition.method
(pair
  key: [
    (property_identifier) @name
    (string (string_fragment) @name)
  ]
  value: (class)) @definition.class
((assignment_expression
  left: (member_expression
    object: (member_expression
      object: [
        (identifier) @container
        (member_expression property: (property_identifier) @container)
      ]
      property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]) @definition.method
  (#eq? @_prototype "prototype"))
(assignment_expression
  left: (member_expression
    object: (identifier) @container
    property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]) @definition.function
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
    (member_expression property: (private_property_identifier) @name)
  ]
  right: [(arrow_function) (function_expression) (generator_function)]) @definition.function
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]
  right: (class)) @definition.class

((lexical_declaration
  kind: "const"
  (variable_declarator name: (identifier) @name) @definition.constant)
  (#set! outside-functions))
((variable_declarator name: (identifier) @name) @definition.variable
  (#set! outside-functions))
((variable_declarator
  name: (object_pattern
    [
      (shorthand_property_identifier_pattern) @name
      (pair_pattern value: (identifier) @name)
      (object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
      (rest_pattern (identifier) @name)
    ])) @definition.variable
  (#set! outside-functions))
((variable_declarator
  name: (array_pattern [(identifier) @name (rest_pattern (identifier) @name)])) @definition.variable
  (#set! outside-functions))
((pair
  key: [
    (property_identifier) @name
    (string (string_fragment) @name)
    (number) @name
    (computed_property_name) @name
  ]) @definition.property
  (#set! outside-functions))
((assignment_expression
  left: (member_expression object: (identifier) @container property: (property_identifier) @name)) @definition.property
  (#set! outside-functions))
((assignment_expression
  left: (member_expression property: (property_identifier) @name)) @definition.property
  (#set! outside-functions))
(import_specifier alias: (identifier) @name) @definition.variable
(labeled_statement label: (statement_identifier) @name) @definition.label

[(arrow_function) (function_expression) (generator_function)] @local.scope

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
(call_expression function: (identifier) @name) @reference.call
(call_expression
  function: (member_expression
    property: [(property_identifier) (private_property_identifier)] @name)) @reference.call
(new_expression
  constructor: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]) @reference.class
(import_specifier name: (identifier) @name) @reference.import
(import_clause (identifier) @name) @reference.import
(namespace_import (identifier) @name) @reference.import
(import_statement source: (string (string_fragment) @name)) @reference.import
(export_statement source: (string (string_fragment) @name)) @reference.import
(type_identifier) @name @reference.type
