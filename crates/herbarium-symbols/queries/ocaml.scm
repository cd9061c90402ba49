; Definitions

(module_definition (module_binding (module_name) @name)) @definition.module
(module_type_definition (module_type_name) @name) @definition.interface
(type_binding name: (type_constructor) @name) @definition.type
(exception_definition (constructor_declaration (constructor_name) @name)) @definition.type
(constructor_declaration (constructor_name) @name) @definition.enum_member
(field_declaration (field_name) @name) @definition.field
(class_binding (class_name) @name) @definition.class
(class_type_binding (class_type_name) @name) @definition.interface
(method_definition (method_name) @name) @definition.method
(instance_variable_definition (instance_variable_name) @name) @definition.field
(value_specification (value_name) @name) @definition.function
(value_specification (parenthesized_operator . (_) @name)) @definition.function
(external [(value_name) @name (parenthesized_operator . (_) @name)]) @definition.function
(let_binding pattern: (parenthesized_operator . (_) @name)) @definition.function
(let_binding pattern: (value_name) @name (parameter)) @definition.function
(let_binding pattern: (value_name) @name body: (function_expression)) @definition.function
(let_binding pattern: (value_name) @name body: (fun_expression)) @definition.function
((let_binding
  pattern: [
    (tuple_pattern (value_name) @name)
    (parenthesized_pattern (tuple_pattern (value_name) @name))
  ]) @definition.variable
  (#set! outside-functions))
((let_binding pattern: (value_name) @name) @definition.variable
  (#set! outside-functions))
((type_binding (polymorphic_variant_type (tag_specification (tag) @name) @definition.enum_member))
  (#set! trim "`"))
((type_binding
  (_ (polymorphic_variant_type (tag_specification (tag) @name) @definition.enum_member)))
  (#set! trim "`"))
((let_binding pattern: (typed_pattern pattern: (value_name) @name)) @definition.variable
  (#set! outside-functions))
((let_binding pattern: (alias_pattern alias: (value_name) @name)) @definition.variable
  (#set! outside-functions))
((let_binding
  pattern: (alias_pattern
    pattern: (parenthesized_pattern (tuple_pattern (value_name) @name)))) @definition.variable
  (#set! outside-functions))

; References

(open_module module: (module_path) @name) @reference.import
(include_module (module_path) @name) @reference.import
(application_expression function: (value_path (value_name) @name)) @reference.call
(application_expression function: (constructor_path (constructor_name) @name)) @reference.call
(module_type_path (module_type_name) @name) @reference.implementation
(type_constructor_path (type_constructor) @name) @reference.type
