; Definitions

(module (module_statement (name) @name)) @definition.module
(submodule (submodule_statement (name) @name)) @definition.module
(program (program_statement (name) @name)) @definition.function
(subroutine (subroutine_statement name: (name) @name)) @definition.function
(function (function_statement name: (name) @name)) @definition.function
(interface (interface_statement (name) @name)) @definition.interface
(derived_type_definition (derived_type_statement (type_name) @name)) @definition.struct
(derived_type_definition (variable_declaration declarator: (identifier) @name) @definition.field)
(derived_type_definition
  (variable_declaration declarator: (init_declarator left: (identifier) @name)) @definition.field)
(derived_type_definition
  (variable_declaration declarator: (sized_declarator . (identifier) @name)) @definition.field)
(derived_type_procedures
  (procedure_statement
    declarator: [
      (method_name) @name
      (binding (binding_name (_) @name))
    ]) @definition.method)
(derived_type_procedures
  (generic_statement declarator: (binding_list (binding_name (_) @name))) @definition.method)
(interface (interface_statement (operator (operator_name) @name))) @definition.interface
(derived_type_definition
  (variable_declaration declarator: (pointer_init_declarator left: (identifier) @name)) @definition.field)
((variable_declaration
  attribute: (type_qualifier) @_parameter
  declarator: (init_declarator left: (identifier) @name)) @definition.constant
  (#match? @_parameter "^(?i)parameter$")
  (#set! outside-functions))
((variable_declaration declarator: (identifier) @name) @definition.variable
  (#set! outside-functions))
((variable_declaration declarator: (init_declarator left: (identifier) @name)) @definition.variable
  (#set! outside-functions))
((variable_declaration declarator: (sized_declarator . (identifier) @name)) @definition.variable
  (#set! outside-functions))

; References

(use_statement (module_name) @name) @reference.import
(subroutine_call subroutine: (identifier) @name) @reference.call
(call_expression . (identifier) @name) @reference.call
(derived_type name: (type_name) @name) @reference.type
