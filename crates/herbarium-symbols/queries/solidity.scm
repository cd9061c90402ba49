; Definitions

(contract_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name) @definition.interface
(library_declaration name: (identifier) @name) @definition.module
(struct_declaration name: (identifier) @name) @definition.struct
(struct_member name: (identifier) @name) @definition.field
(enum_declaration name: (identifier) @name) @definition.enum
(enum_body (enum_value) @name @definition.enum_member)
(event_definition name: (identifier) @name) @definition.event
(error_declaration name: (identifier) @name) @definition.type
(modifier_definition name: (identifier) @name) @definition.macro
((function_definition name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
(constructor_definition "constructor" @name) @definition.constructor
(state_variable_declaration "constant" name: (identifier) @name) @definition.constant
(state_variable_declaration name: (identifier) @name) @definition.field
(constant_variable_declaration name: (identifier) @name) @definition.constant
(user_defined_type_definition name: (identifier) @name) @definition.type

; References

((import_directive source: (string) @name) @reference.import
  (#set! trim "\"'"))
(inheritance_specifier ancestor: (user_defined_type (identifier) @name)) @reference.implementation
(emit_statement name: (expression (identifier) @name)) @reference.event
(call_expression function: (expression (identifier) @name)) @reference.call
(call_expression function: (expression (member_expression property: (identifier) @name))) @reference.call
(modifier_invocation (identifier) @name) @reference.macro
(user_defined_type (identifier) @name) @reference.type
