; Definitions

((attribute_item
  (attribute (identifier) @_doc value: (string_literal (string_content) @doc))) @documents
  (#eq? @_doc "doc"))
(mod_item
  name: (identifier) @name
  body: (declaration_list . (line_comment (inner_doc_comment_marker))+ @doc)) @definition.module
(mod_item name: (identifier) @name) @definition.module
(struct_item name: (type_identifier) @name) @definition.struct
(union_item name: (type_identifier) @name) @definition.union
(enum_item name: (type_identifier) @name) @definition.enum
(enum_variant name: (identifier) @name) @definition.enum_member
(trait_item name: (type_identifier) @name) @definition.trait
(type_item name: (type_identifier) @name) @definition.type
(associated_type name: (type_identifier) @name) @definition.type
(const_item name: (identifier) @name) @definition.constant
(static_item name: (identifier) @name) @definition.variable
(macro_definition name: (identifier) @name) @definition.macro
(field_declaration name: (field_identifier) @name) @definition.field

((function_item name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((function_signature_item name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))

(impl_item
  type: [
    (type_identifier) @name
    (primitive_type) @name
    (generic_type type: (type_identifier) @name)
    (generic_type type: (scoped_type_identifier name: (type_identifier) @name))
    (scoped_type_identifier name: (type_identifier) @name)
    (reference_type type: (type_identifier) @name)
    (reference_type type: (generic_type type: (type_identifier) @name))
    (reference_type type: (primitive_type) @name)
  ]) @definition.impl
; What has no name of its own goes by its whole type.
(impl_item
  type: [
    (array_type)
    (bounded_type)
    (dynamic_type)
    (function_type)
    (macro_invocation)
    (never_type)
    (pointer_type)
    (reference_type)
    (tuple_type)
    (unit_type)
  ] @name) @definition.impl

(extern_crate_declaration alias: (identifier) @name) @definition.module
(use_as_clause alias: (identifier) @name) @definition.type

; References

(impl_item
  trait: [
    (type_identifier) @name
    (generic_type type: (type_identifier) @name)
    (generic_type type: (scoped_type_identifier name: (type_identifier) @name))
    (scoped_type_identifier name: (type_identifier) @name)
  ]) @reference.implementation

(call_expression
  function: [
    (identifier) @name
    (field_expression field: (field_identifier) @name)
    (scoped_identifier name: (identifier) @name)
    (generic_function function: (identifier) @name)
    (generic_function function: (scoped_identifier name: (identifier) @name))
    (generic_function function: (field_expression field: (field_identifier) @name))
  ]) @reference.call
(macro_invocation
  macro: [
    (identifier) @name
    (scoped_identifier name: (identifier) @name)
  ]) @reference.macro

(extern_crate_declaration name: (identifier) @name) @reference.import
(use_declaration
  argument: [
    (identifier) @name
    (scoped_identifier name: (identifier) @name)
  ]) @reference.import
(use_list
  [
    (identifier) @name
    (scoped_identifier name: (identifier) @name)
  ]) @reference.import
(use_as_clause
  path: [
    (identifier) @name
    (scoped_identifier name: (identifier) @name)
  ]) @reference.import
(use_wildcard
  [
    (identifier) @name
    (scoped_identifier name: (identifier) @name)
  ]) @reference.import

(type_identifier) @name @reference.type
