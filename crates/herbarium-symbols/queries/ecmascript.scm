; What JavaScript, TypeScript and TSX share: each of them has it before what is its own.

; Definitions

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

(call_expression function: (identifier) @name) @reference.call
(call_expression function: (member_expression property: (property_identifier) @name)) @reference.call
(call_expression function: (member_expression property: (private_property_identifier) @name)) @reference.call
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
