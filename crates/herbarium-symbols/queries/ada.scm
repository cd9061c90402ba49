; Definitions

(package_declaration name: [(identifier) (selected_component)] @name) @definition.package
(package_body name: [(identifier) (selected_component)] @name) @definition.package
(generic_package_declaration (package_declaration name: [(identifier) (selected_component)] @name)) @definition.package
(generic_instantiation name: [(identifier) (selected_component)] @name) @definition.package
(subprogram_body [(procedure_specification name: (_) @name) (function_specification name: (_) @name)]) @definition.function
(subprogram_declaration
  [
    (procedure_specification name: (_) @name)
    (function_specification name: (_) @name)
  ]) @definition.function
(generic_subprogram_declaration
  [
    (procedure_specification name: (_) @name)
    (function_specification name: (_) @name)
  ]) @definition.function
(expression_function_declaration
  (function_specification name: [(identifier) (selected_component) (string_literal)] @name)) @definition.function
(null_procedure_declaration
  (procedure_specification name: [(identifier) (selected_component) (string_literal)] @name)) @definition.function
(subprogram_renaming_declaration
  [
    (procedure_specification name: (_) @name)
    (function_specification name: (_) @name)
  ]) @definition.function
(package_renaming_declaration name: [(identifier) (selected_component)] @name) @definition.package
(full_type_declaration . (identifier) @name (record_type_definition)) @definition.struct
(full_type_declaration . (identifier) @name (enumeration_type_definition)) @definition.enum
(full_type_declaration . (identifier) @name) @definition.type
(private_type_declaration . (identifier) @name) @definition.type
(incomplete_type_declaration . (identifier) @name) @definition.type
(subtype_declaration . (identifier) @name) @definition.type
(enumeration_type_definition (identifier) @name @definition.enum_member)
(component_declaration (identifier)+ @name) @definition.field
(task_type_declaration . (identifier) @name) @definition.class
(single_task_declaration . (identifier) @name) @definition.class
(protected_type_declaration . (identifier) @name) @definition.class
(exception_declaration (identifier)+ @name) @definition.type
(exception_renaming_declaration . (identifier) @name) @definition.type
(number_declaration (identifier) @name . [":" ","]) @definition.constant
((object_renaming_declaration . (identifier) @name) @definition.variable
  (#set! outside-functions))
((object_declaration (identifier) @name . ["," ":"] "constant") @definition.constant
  (#set! outside-functions))
((object_declaration (identifier) @name . ["," ":"]) @definition.variable
  (#set! outside-functions))

; References

(with_clause [(identifier) (selected_component)] @name) @reference.import
(procedure_call_statement name: (identifier) @name) @reference.call
(procedure_call_statement name: (selected_component selector_name: (identifier) @name)) @reference.call
(function_call name: (identifier) @name) @reference.call
(function_call name: (selected_component selector_name: (identifier) @name)) @reference.call
