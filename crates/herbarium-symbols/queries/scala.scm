; Definitions

(package_clause name: (package_identifier) @name) @definition.package
(package_object name: (identifier) @name) @definition.package
(trait_definition name: (identifier) @name) @definition.trait
(class_definition name: (identifier) @name) @definition.class
(object_definition name: (identifier) @name) @definition.class
(enum_definition name: (identifier) @name) @definition.enum
(simple_enum_case name: (identifier) @name) @definition.enum_member
(full_enum_case name: (identifier) @name) @definition.enum_member
(type_definition name: (type_identifier) @name) @definition.type
(given_definition name: (identifier) @name) @definition.variable
((function_definition name: [(identifier) (operator_identifier)] @name) @definition.function
  (#set! kind-in-type "method"))
((function_declaration name: [(identifier) (operator_identifier)] @name) @definition.function
  (#set! kind-in-type "method"))
((val_definition pattern: (identifier) @name) @definition.constant
  (#set! kind-in-type "field")
  (#set! outside-functions))
((val_definition pattern: (identifiers (identifier) @name)) @definition.constant
  (#set! kind-in-type "field")
  (#set! outside-functions))
((val_definition pattern: (tuple_pattern (identifier) @name)) @definition.constant
  (#set! kind-in-type "field")
  (#set! outside-functions))
((var_definition pattern: (identifier) @name) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))
(val_declaration name: (identifier) @name) @definition.field
(var_declaration name: (identifier) @name) @definition.field
(class_parameters (class_parameter name: (identifier) @name) @definition.field)

(lambda_expression) @local.scope

; References

(extends_clause type: (type_identifier) @name) @reference.implementation
(extends_clause type: (generic_type type: (type_identifier) @name)) @reference.implementation
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (field_expression field: (identifier) @name)) @reference.call
(call_expression function: (generic_function function: (identifier) @name)) @reference.call
(instance_expression (type_identifier) @name) @reference.class
(import_declaration (identifier) @name) @reference.import
(namespace_selectors (identifier) @name) @reference.import
(type_identifier) @name @reference.type
