; Definitions

(header module: (module) @name) @definition.module
(data_type name: (name) @name) @definition.type
(newtype name: (name) @name) @definition.type
(type_synonym name: (name) @name) @definition.type
(type_family name: (name) @name) @definition.type
(data_constructor
  constructor: [
    (prefix name: (constructor) @name)
    (record name: (constructor) @name)
  ]) @definition.enum_member
(newtype_constructor name: (constructor) @name) @definition.enum_member
(field name: (field_name (variable) @name)) @definition.field
(class name: (name) @name) @definition.trait
(class_declarations (signature name: (variable) @name) @definition.method)
(instance name: (name) @name) @definition.impl
((instance_declarations (function name: (variable) @name) @definition.method)
  (#set! clauses))
((instance_declarations (bind name: (variable) @name) @definition.method)
  (#set! clauses))
((declarations (function name: (variable) @name) @definition.function)
  (#set! clauses))
((declarations (bind name: (variable) @name) @definition.function)
  (#set! clauses))

; References

(import module: (module) @name) @reference.import
(import_name variable: (variable) @name) @reference.import
(apply function: (variable) @name) @reference.call
(apply function: (qualified id: (variable) @name)) @reference.call
(apply function: (constructor) @name) @reference.call
(infix operator: (infix_id (variable) @name)) @reference.call
(name) @name @reference.type
