; Definitions

(class_definition
  name: (identifier) @name
  body: (block . (expression_statement (string) @doc)?)) @definition.class

((function_definition
  name: (identifier) @name
  body: (block . (expression_statement (string) @doc)?)) @definition.function
  (#set! kind-in-type "method"))

(type_alias_statement left: (type (identifier) @name)) @definition.type
(type_alias_statement left: (type (generic_type (identifier) @name))) @definition.type

((assignment left: (identifier) @name right: (lambda)) @definition.function
  (#set! kind-in-type "method"))
((assignment left: (identifier) @name) @definition.variable
  (#match? @name "^_*[A-Z][A-Z0-9_]*$")
  (#set! kind-in-type "constant")
  (#set! outside-functions))
((assignment left: (identifier) @name) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))
((assignment
  left: [
    (pattern_list (identifier) @name)
    (tuple_pattern (identifier) @name)
    (list_pattern (identifier) @name)
  ]) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))
((named_expression name: (identifier) @name) @definition.variable
  (#set! outside-functions))
((import_from_statement (aliased_import alias: (identifier) @name)) @definition.module
  (#set! outside-functions))
((import_statement (aliased_import alias: (identifier) @name)) @definition.module
  (#set! outside-functions))

; References

(class_definition
  superclasses: (argument_list
    [
      (identifier) @name
      (attribute attribute: (identifier) @name)
      (subscript value: (identifier) @name)
      (subscript value: (attribute attribute: (identifier) @name))
    ])) @reference.implementation
(call
  function: [
    (identifier) @name
    (attribute attribute: (identifier) @name)
  ]) @reference.call
(decorator
  [
    (identifier) @name
    (attribute attribute: (identifier) @name)
  ]) @reference.call
(import_statement name: (dotted_name) @name) @reference.import
(import_statement name: (aliased_import name: (dotted_name) @name)) @reference.import
(import_from_statement module_name: (_) @name) @reference.import
(import_from_statement name: (dotted_name) @name) @reference.import
(import_from_statement name: (aliased_import name: (dotted_name) @name)) @reference.import
(type (identifier) @name) @reference.type
(type (attribute attribute: (identifier) @name)) @reference.type
(type (generic_type (identifier) @name)) @reference.type
(type (subscript value: (identifier) @name)) @reference.type
