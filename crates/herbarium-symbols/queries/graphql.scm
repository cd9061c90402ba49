; Definitions

(object_type_definition (description)? @doc (name) @name) @definition.class
(interface_type_definition (description)? @doc (name) @name) @definition.interface
(input_object_type_definition (description)? @doc (name) @name) @definition.struct
(enum_type_definition (description)? @doc (name) @name) @definition.enum
(enum_value_definition (description)? @doc (enum_value (name) @name)) @definition.enum_member
(union_type_definition (description)? @doc (name) @name) @definition.union
(scalar_type_definition (description)? @doc (name) @name) @definition.type
(object_type_extension (name) @name) @definition.impl
(field_definition (description)? @doc (name) @name) @definition.field
(input_fields_definition (input_value_definition (description)? @doc (name) @name) @definition.field)
(directive_definition (description)? @doc (name) @name) @definition.macro
(operation_definition (name) @name) @definition.function
(fragment_definition (fragment_name) @name) @definition.type

; References

(implements_interfaces (named_type (name) @name)) @reference.implementation
(fragment_spread (fragment_name) @name) @reference.type
(directive (name) @name) @reference.macro
(named_type (name) @name) @reference.type
(selection (field (name) @name)) @reference.field
