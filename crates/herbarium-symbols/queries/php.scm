; Definitions

(namespace_definition name: (namespace_name) @name body: (_)) @definition.namespace
((namespace_definition name: (namespace_name) @name) @definition.namespace
  (#set! rest-of-scope))
(class_declaration name: (name) @name) @definition.class
(interface_declaration name: (name) @name) @definition.interface
(trait_declaration name: (name) @name) @definition.trait
(enum_declaration name: (name) @name) @definition.enum
(enum_case name: (name) @name) @definition.enum_member
(function_definition name: (name) @name) @definition.function
((method_declaration name: (name) @name) @definition.constructor
  (#match? @name "^(?i)__construct$"))
(method_declaration name: (name) @name) @definition.method
(property_declaration
  (property_element name: (variable_name (name) @name))) @definition.field
(property_promotion_parameter name: (variable_name (name) @name)) @definition.field
(const_declaration (const_element . (name) @name)) @definition.constant
((function_call_expression
  function: (name) @_define
  arguments: (arguments . (argument [(string (string_content) @name) (encapsed_string (string_content) @name)]))) @definition.constant
  (#eq? @_define "define"))
((assignment_expression
  left: (variable_name (name) @name)
  right: [(anonymous_function) (arrow_function)]) @definition.function)
((assignment_expression left: (variable_name (name) @name)) @definition.variable
  (#set! outside-functions))
(namespace_use_clause alias: (name) @name) @definition.type
(named_label_statement (name) @name) @definition.label

[(anonymous_function) (arrow_function)] @local.scope

; References

(base_clause [(name) @name (qualified_name (name) @name)]) @reference.implementation
(class_interface_clause [(name) @name (qualified_name (name) @name)]) @reference.implementation
(use_declaration [(name) @name (qualified_name (name) @name)]) @reference.implementation
(function_call_expression function: [(name) @name (qualified_name (name) @name)]) @reference.call
(member_call_expression name: (name) @name) @reference.call
(nullsafe_member_call_expression name: (name) @name) @reference.call
(scoped_call_expression name: (name) @name) @reference.call
(object_creation_expression [(name) @name (qualified_name (name) @name)]) @reference.class
(attribute [(name) @name (qualified_name (name) @name)]) @reference.type
((named_type [(name) @name (qualified_name (name) @name)]) @reference.type
  (#not-any-of? @name "self" "static" "parent"))
(namespace_use_clause (qualified_name) @name) @reference.import
(namespace_use_clause . (name) @name) @reference.import
