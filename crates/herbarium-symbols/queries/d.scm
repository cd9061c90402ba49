; Definitions

(module_declaration (module_fqn) @name) @definition.module
(class_declaration (class) . (identifier) @name) @definition.class
(struct_declaration (struct) . (identifier) @name) @definition.struct
(union_declaration (union) . (identifier) @name) @definition.union
(interface_declaration (interface) . (identifier) @name) @definition.interface
(enum_declaration (enum) . (identifier) @name) @definition.enum
(enum_member . (identifier) @name) @definition.enum_member
(template_declaration (template) . (identifier) @name) @definition.macro
(alias_initializer . (identifier) @name) @definition.type
(alias_declaration (type) (identifier) @name) @definition.type
((function_declaration (identifier) @name (parameters)) @definition.function
  (#set! kind-in-type "method"))
(constructor (this) @name) @definition.constructor
(destructor (this) @name) @definition.method
((manifest_constant (manifest_declarator . (identifier) @name)) @definition.constant
  (#set! outside-functions))
((variable_declaration (declarator . (identifier) @name)) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))
((auto_declaration variable: (identifier) @name) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))

(unittest_declaration) @local.scope

; References

(base_class (identifier) @name) @reference.implementation
(imported (module_fqn) @name) @reference.import
(call_expression . (identifier) @name) @reference.call
(call_expression . (property_expression (identifier) @name .)) @reference.call
(call_expression . (template_instance . (identifier) @name)) @reference.call
(type (identifier) @name) @reference.type
