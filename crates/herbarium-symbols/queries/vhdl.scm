; Definitions

(entity_declaration entity: (identifier) @name) @definition.module
(architecture_definition architecture: (identifier) @name) @definition.impl
(package_declaration package: (identifier) @name) @definition.package
(component_declaration component: (identifier) @name) @definition.module
(type_declaration type: (identifier) @name (enumeration_type_definition)) @definition.enum
(type_declaration type: (identifier) @name) @definition.type
(subtype_declaration type: (identifier) @name) @definition.type
(enumeration_type_definition (enumeration_literal) @name @definition.enum_member)
(signal_declaration (identifier_list (identifier) @name)) @definition.variable
(constant_declaration (identifier_list (identifier) @name)) @definition.constant
(port_clause
  (interface_list (interface_declaration (identifier_list (identifier) @name)) @definition.port))
(generic_clause
  (interface_list (interface_declaration (identifier_list (_) @name)) @definition.parameter))
(process_statement (label_declaration (label) @name)) @definition.function

; References

(architecture_definition entity: (name (identifier) @name)) @reference.implementation
(use_clause (selected_name_list (selected_name) @name)) @reference.import
