; Definitions

(namespace_declaration name: (_) @name) @definition.namespace
((file_scoped_namespace_declaration name: (_) @name) @definition.namespace
  (#set! rest-of-scope))
(class_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(struct_declaration name: (identifier) @name) @definition.struct
(interface_declaration name: (identifier) @name) @definition.interface
(enum_declaration name: (identifier) @name) @definition.enum
(enum_member_declaration name: (identifier) @name) @definition.enum_member
(delegate_declaration name: (identifier) @name) @definition.type

(method_declaration name: (identifier) @name) @definition.method
(local_function_statement name: (identifier) @name) @definition.function
(constructor_declaration name: (identifier) @name) @definition.constructor
(destructor_declaration name: (identifier) @name) @definition.method
(operator_declaration operator: _ @name) @definition.method
(conversion_operator_declaration type: (_) @name) @definition.method
(property_declaration name: (identifier) @name) @definition.property
(indexer_declaration "this" @name) @definition.property
(event_declaration name: (identifier) @name) @definition.event
(event_field_declaration
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.event
((field_declaration
  (modifier) @_modifier
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.constant
  (#eq? @_modifier "const"))
(field_declaration
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.field
(record_declaration
  (parameter_list (parameter name: (identifier) @name) @definition.property))
((global_statement
  (local_declaration_statement
    (variable_declaration (variable_declarator name: (identifier) @name)))) @definition.variable
  (#set! outside-functions))
(labeled_statement . (identifier) @name) @definition.label
(using_directive name: (identifier) @name) @definition.type

; References

(base_list
  [
    (identifier) @name
    (generic_name (identifier) @name)
    (qualified_name name: (identifier) @name)
    (qualified_name name: (generic_name (identifier) @name))
  ]) @reference.implementation
(invocation_expression function: (identifier) @name) @reference.call
(invocation_expression function: (generic_name (identifier) @name)) @reference.call
(invocation_expression
  function: (member_access_expression name: (identifier) @name)) @reference.call
(invocation_expression
  function: (member_access_expression name: (generic_name (identifier) @name))) @reference.call
(invocation_expression
  function: (conditional_access_expression (member_binding_expression name: (identifier) @name))) @reference.call
(object_creation_expression type: (identifier) @name) @reference.class
(object_creation_expression type: (generic_name (identifier) @name)) @reference.class
(object_creation_expression type: (qualified_name name: (identifier) @name)) @reference.class
(attribute name: (identifier) @name) @reference.type
(using_directive [(identifier) (qualified_name)] @name .) @reference.import
(_ type: (identifier) @name @reference.type)
(_ type: (generic_name (identifier) @name) @reference.type)
(_ type: (nullable_type (identifier) @name) @reference.type)
(_ type: (array_type type: (identifier) @name) @reference.type)
(_ returns: (identifier) @name @reference.type)
(_ returns: (generic_name (identifier) @name) @reference.type)
(_ returns: (nullable_type (identifier) @name) @reference.type)
(type_argument_list (identifier) @name @reference.type)
