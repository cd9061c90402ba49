; Definitions

(module_attribute name: (atom) @name) @definition.module
((fun_decl clause: (function_clause name: (atom) @name)) @definition.function
  (#set! clauses))
(record_decl name: (atom) @name) @definition.struct
(record_decl fields: (record_field name: (atom) @name) @definition.field)
(pp_define lhs: (macro_lhs name: [(var) (atom)] @name)) @definition.macro
(type_alias name: (type_name name: (atom) @name)) @definition.type
(opaque name: (type_name name: (atom) @name)) @definition.type
(callback fun: (atom) @name) @definition.method
((wild_attribute name: (attr_name name: (atom) @_doc) value: (string) @doc) @documents
  (#eq? @_doc "doc"))

; References

(behaviour_attribute name: (atom) @name) @reference.implementation
((pp_include file: (string) @name) @reference.import
  (#set! trim "\""))
((pp_include_lib file: (string) @name) @reference.import
  (#set! trim "\""))
(import_attribute module: (atom) @name) @reference.import
(remote fun: (call expr: (atom) @name)) @reference.call
(call expr: (atom) @name) @reference.call
(macro_call_expr name: [(var) (atom)] @name) @reference.macro
(record_expr name: (record_name name: (atom) @name)) @reference.type
