; Definitions

(package_declaration name: (simple_identifier) @name) @definition.package
(module_declaration (module_ansi_header name: (simple_identifier) @name)) @definition.module
(module_declaration (module_nonansi_header name: (simple_identifier) @name)) @definition.module
(interface_declaration (interface_ansi_header name: (simple_identifier) @name)) @definition.interface
(interface_declaration (interface_nonansi_header name: (simple_identifier) @name)) @definition.interface
(program_declaration (program_nonansi_header name: (simple_identifier) @name)) @definition.module
(program_declaration (program_ansi_header name: (simple_identifier) @name)) @definition.module
(class_declaration name: (simple_identifier) @name) @definition.class
(class_constructor_declaration "new" @name) @definition.constructor
(constraint_declaration (simple_identifier) @name) @definition.rule
((function_declaration (function_body_declaration name: (simple_identifier) @name)) @definition.function
  (#set! kind-in-type "method"))
((task_declaration (task_body_declaration name: (simple_identifier) @name)) @definition.function
  (#set! kind-in-type "method"))
(covergroup_declaration . name: (simple_identifier) @name) @definition.rule
(property_declaration name: (simple_identifier) @name) @definition.rule
(sequence_declaration name: (simple_identifier) @name) @definition.rule
(concurrent_assertion_item . (simple_identifier) @name) @definition.rule
(deferred_immediate_assertion_item . (simple_identifier) @name) @definition.rule
(modport_item . (simple_identifier) @name) @definition.interface
(clocking_declaration name: (simple_identifier) @name) @definition.block
(seq_block . (simple_identifier) @name) @definition.block
(par_block . (simple_identifier) @name) @definition.block
(generate_block name: (simple_identifier) @name) @definition.block
(module_instantiation
  (hierarchical_instance (name_of_instance instance_name: (simple_identifier) @name)) @definition.variable)
(interface_instantiation
  (hierarchical_instance (name_of_instance instance_name: (simple_identifier) @name))) @definition.variable
(program_instantiation
  (hierarchical_instance (name_of_instance instance_name: (simple_identifier) @name))) @definition.variable
(checker_instantiation
  (name_of_instance instance_name: (simple_identifier) @name)) @definition.variable
(udp_instantiation
  (udp_instance (name_of_instance instance_name: (simple_identifier) @name))) @definition.variable
(udp_declaration (udp_nonansi_declaration . (simple_identifier) @name)) @definition.module
(udp_declaration (udp_ansi_declaration . (simple_identifier) @name)) @definition.module
(udp_output_declaration (simple_identifier) @name) @definition.port
(udp_input_declaration
  (list_of_udp_port_identifiers (simple_identifier) @name)) @definition.port
(type_assignment name: (simple_identifier) @name) @definition.parameter
(genvar_declaration (list_of_genvar_identifiers (simple_identifier) @name)) @definition.variable
(port_declaration (_ (list_of_port_identifiers (simple_identifier) @name))) @definition.port
(port_declaration (_ (list_of_variable_identifiers (simple_identifier) @name))) @definition.port
(port_declaration (_ (list_of_variable_port_identifiers (simple_identifier) @name))) @definition.port
(type_declaration (data_type (struct_union)) type_name: (simple_identifier) @name) @definition.struct
(type_declaration (data_type (enum_name_declaration)) type_name: (simple_identifier) @name) @definition.enum
(type_declaration type_name: (simple_identifier) @name) @definition.type
(enum_name_declaration . (simple_identifier) @name) @definition.enum_member
(struct_union_member
  (list_of_variable_decl_assignments (variable_decl_assignment name: (simple_identifier) @name))) @definition.field
(ansi_port_declaration port_name: (simple_identifier) @name) @definition.port
(parameter_declaration
  (list_of_param_assignments (param_assignment . (simple_identifier) @name))) @definition.parameter
(parameter_port_declaration
  (list_of_param_assignments (param_assignment . (simple_identifier) @name))) @definition.parameter
(parameter_port_list
  (list_of_param_assignments (param_assignment . (simple_identifier) @name))) @definition.parameter
(specparam_assignment . (simple_identifier) @name) @definition.constant
(class_property "const" (simple_identifier) @name) @definition.constant
(local_parameter_declaration
  (list_of_param_assignments (param_assignment . (simple_identifier) @name))) @definition.constant
((data_declaration
  (list_of_variable_decl_assignments (variable_decl_assignment name: (simple_identifier) @name))) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))
(net_declaration (list_of_net_decl_assignments (net_decl_assignment . (simple_identifier) @name))) @definition.variable
((net_declaration
  (list_of_net_decl_assignments (net_decl_assignment . (escaped_identifier) @name))) @definition.variable
  (#set! trim "\\"))
(text_macro_definition (text_macro_name (simple_identifier) @name)) @definition.macro

; References

(package_import_item . (simple_identifier) @name) @reference.import
(module_instantiation instance_type: (simple_identifier) @name) @reference.type
(interface_instantiation instance_type: (simple_identifier) @name) @reference.type
(program_instantiation instance_type: (simple_identifier) @name) @reference.type
(data_type (simple_identifier) @name) @reference.type
