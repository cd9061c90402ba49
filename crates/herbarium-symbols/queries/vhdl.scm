; Definitions

(entity_declaration entity: (_) @name) @definition.module
(architecture_definition architecture: (_) @name) @definition.impl
(package_declaration package: (_) @name) @definition.package
(package_instantiation_declaration package: (_) @name) @definition.package
(interface_package_declaration package: (_) @name) @definition.package
(package_definition package: (_) @name) @definition.impl
(subprogram_declaration
  [
    (function_specification function: (_) @name)
    (procedure_specification procedure: (_) @name)
  ]) @definition.function
(subprogram_definition
  [
    (function_specification function: (_) @name)
    (procedure_specification procedure: (_) @name)
  ]) @definition.function
(alias_declaration . (_) @name) @definition.constant
(component_declaration component: (_) @name) @definition.module
(type_declaration type: (_) @name (enumeration_type_definition)) @definition.enum
(type_declaration type: (_) @name (record_type_definition)) @definition.struct
(record_type_definition
  (element_declaration (identifier_list (_)+ @name)) @definition.field)
(type_declaration type: (_) @name) @definition.type
(subtype_declaration type: (_) @name) @definition.type
(enumeration_type_definition (enumeration_literal) @name @definition.enum_member)
(signal_declaration (identifier_list (_)+ @name)) @definition.variable
(file_declaration (identifier_list (_)+ @name)) @definition.variable
((protected_type_body (variable_declaration (identifier_list (_)+ @name)) @definition.field)
  (#set! outside-functions))
((variable_declaration (identifier_list (_)+ @name)) @definition.variable
  (#set! outside-functions))
(attribute_declaration . (identifier) @name) @definition.property
((constant_declaration (identifier_list constant: (_) @name)) @definition.constant
  (#set! outside-functions))
(port_clause
  (interface_list (interface_declaration (identifier_list (_) @name)) @definition.port))
(port_clause
  (interface_list (interface_signal_declaration (identifier_list (_) @name)) @definition.port))
(generic_clause
  (interface_list (interface_declaration (identifier_list (_) @name)) @definition.parameter))
(generic_clause
  (interface_list
    (interface_constant_declaration (identifier_list (_) @name)) @definition.parameter))
(generic_clause
  (interface_list (interface_file_declaration (identifier_list (_) @name)) @definition.parameter))
(generic_clause
  (interface_list (interface_type_declaration type: (_) @name) @definition.parameter))
(process_statement (label_declaration (label) @name)) @definition.function
(component_instantiation_statement . (label_declaration (label) @name)) @definition.variable
(for_generate_statement . (label_declaration (label) @name)) @definition.block
(if_generate_statement . (label_declaration (label) @name)) @definition.block
(block_statement . (label_declaration (label) @name)) @definition.block

(process_statement) @local.scope

; References

(architecture_definition entity: (name (identifier) @name)) @reference.implementation
(use_clause (selected_name_list (selected_name) @name)) @reference.import
