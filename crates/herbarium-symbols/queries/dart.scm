; Definitions

(class_declaration name: (identifier) @name) @definition.class
(mixin_declaration (identifier) @name) @definition.trait
(extension_declaration name: (identifier) @name) @definition.impl
(extension_type_declaration name: (_) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.enum
(enum_entry name: (identifier) @name) @definition.enum_member
(type_alias (type_identifier) @name) @definition.type
(function_declaration signature: (function_signature name: (identifier) @name)) @definition.function
(method_declaration signature: (method_signature (function_signature name: (identifier) @name))) @definition.method
(method_declaration signature: (method_signature (getter_signature name: (identifier) @name))) @definition.property
(method_declaration signature: (method_signature (setter_signature name: (identifier) @name))) @definition.property
(method_declaration
  signature: (method_signature (factory_constructor_signature name: (identifier) @name .))) @definition.constructor
(method_declaration
  signature: (method_signature
    (factory_constructor_signature name: (identifier) name: (identifier) @name))) @definition.constructor
(method_declaration
  signature: (method_signature (constructor_signature . name: (identifier) @name))) @definition.constructor
(declaration (constructor_signature . name: (identifier) @name)) @definition.constructor
(declaration (function_signature name: (identifier) @name)) @definition.method
(declaration (getter_signature name: (identifier) @name)) @definition.property
(declaration (setter_signature name: (identifier) @name)) @definition.property
(declaration
  (initialized_identifier_list (initialized_identifier name: (identifier) @name))) @definition.field
(declaration (static_final_declaration_list (static_final_declaration name: (identifier) @name))) @definition.field

(mixin_application_class (identifier) @name) @definition.class
(getter_declaration signature: (getter_signature name: (identifier) @name)) @definition.property
(top_level_variable_declaration
  (static_final_declaration_list (static_final_declaration name: (identifier) @name))) @definition.constant
(top_level_variable_declaration
  (initialized_identifier_list (initialized_identifier name: (identifier) @name))) @definition.variable

(function_expression) @local.scope

; References

(superclass type: (type (type_identifier) @name)) @reference.implementation
(interfaces (type (type_identifier) @name)) @reference.implementation
(mixins (type (type_identifier) @name)) @reference.implementation
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (member_expression property: (identifier) @name)) @reference.call
(constructor_invocation type: (type_identifier) @name) @reference.class
(const_object_expression type: (type (type_identifier) @name)) @reference.class
((uri) @name @reference.import
  (#set! trim "'\""))
(type_identifier) @name @reference.type
