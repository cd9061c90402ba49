; Definitions

(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro

(namespace_definition name: (namespace_identifier) @name) @definition.namespace
(namespace_definition name: (nested_namespace_specifier (namespace_identifier) @name .)) @definition.namespace
(namespace_alias_definition name: (namespace_identifier) @name) @definition.namespace
(concept_definition name: (identifier) @name) @definition.trait

(class_specifier
  name: [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier
      scope: (namespace_identifier) @container
      name: (type_identifier) @name)
    (qualified_identifier name: (type_identifier) @name)
    (qualified_identifier name: (template_type name: (type_identifier) @name))
  ]
  body: (_)) @definition.class
(struct_specifier
  name: [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier
      scope: (namespace_identifier) @container
      name: (type_identifier) @name)
    (qualified_identifier name: (type_identifier) @name)
    (qualified_identifier name: (template_type name: (type_identifier) @name))
  ]
  body: (_)) @definition.struct
; `class MACRO name { … }`, which the grammar takes for a function.
(function_definition
  type: (class_specifier !body)
  declarator: (identifier) @name) @definition.class
(function_definition
  type: (struct_specifier !body)
  declarator: (identifier) @name) @definition.struct
(union_specifier name: (type_identifier) @name body: (_)) @definition.union
(enum_specifier
  name: [
    (type_identifier) @name
    (qualified_identifier name: (type_identifier) @name)
  ]
  body: (_)) @definition.enum
(enumerator name: (identifier) @name) @definition.enum_member

(alias_declaration name: (type_identifier) @name) @definition.type
((_ declarator: (type_identifier) @name @definition.type)
  (#set! declared-by "type_definition"))
(type_definition declarator: (primitive_type) @name) @definition.type
((parenthesized_declarator (type_identifier) @name @definition.type)
  (#set! declared-by "type_definition"))

; A function of a class: in its body, or elsewhere by its qualified name.
((function_declarator declarator: (field_identifier) @name @definition.method)
  (#set! declared-by "function_definition"))
((function_declarator declarator: (field_identifier) @name @definition.method)
  (#set! declared-by "field_declaration"))
((function_declarator
  declarator: [
    (destructor_name)
    (operator_name)
  ] @name @definition.function)
  (#set! kind-in-type "method")
  (#set! declared-by "function_definition"))
((function_declarator declarator: [(destructor_name) (operator_name)] @name @definition.method)
  (#set! declared-by "field_declaration"))
((function_declarator declarator: [(destructor_name) (operator_name)] @name @definition.function)
  (#set! kind-in-type "method")
  (#set! declared-by "declaration")
  (#set! outside-functions))
((function_definition declarator: (operator_cast) @name) @definition.method
  (#set! cut "("))
((function_definition
  declarator: (qualified_identifier
    scope: [
      (namespace_identifier) @container
      (template_type name: (type_identifier) @container)
    ]
    name: (operator_cast) @name)) @definition.method
  (#set! cut "("))
((declaration declarator: (operator_cast) @name) @definition.method
  (#set! cut "("))
((qualified_identifier
  scope: [
    (namespace_identifier) @container
    (template_type name: (type_identifier) @container)
  ]
  name: (identifier) @name @definition.constructor)
  (#eq? @name @container)
  (#set! declared-by "function_definition"))
((qualified_identifier
  scope: [
    (namespace_identifier) @container
    (template_type name: (type_identifier) @container)
  ]
  name: [
    (identifier)
    (destructor_name)
    (operator_name)
  ] @name @definition.method)
  (#set! declared-by "function_definition"))
; `::f`
((qualified_identifier
  name: [
    (identifier)
    (destructor_name)
    (operator_name)
  ] @name @definition.function)
  (#set! declared-by "function_definition"))
((template_function name: (identifier) @name @definition.function)
  (#set! declared-by "function_definition"))
; In a class body, what has no type is a constructor.
((function_definition
  !type
  declarator: (function_declarator declarator: (identifier) @name)) @definition.function
  (#set! kind-in-type "constructor"))
((declaration
  !type
  declarator: (function_declarator declarator: (identifier) @name)) @definition.function
  (#set! kind-in-type "constructor")
  (#set! outside-functions))
((function_declarator declarator: (identifier) @name @definition.function)
  (#set! kind-in-type "method")
  (#set! declared-by "function_definition"))
((parenthesized_declarator (identifier) @name @definition.function)
  (#set! declared-by "function_definition"))

; Prototypes
((function_declarator declarator: (identifier) @name @definition.function)
  (#set! kind-in-type "method")
  (#set! declared-by "declaration")
  (#set! outside-functions))
((parenthesized_declarator (identifier) @name @definition.function)
  (#set! declared-by "declaration")
  (#set! outside-functions))

((_ declarator: (field_identifier) @name @definition.field)
  (#set! declared-by "field_declaration"))
((reference_declarator (field_identifier) @name @definition.field)
  (#set! declared-by "field_declaration"))
((reference_declarator (identifier) @name @definition.variable)
  (#set! kind-in-type "field")
  (#set! declared-by "declaration")
  (#set! outside-functions))
((_ declarator: (identifier) @name @definition.variable)
  (#set! kind-in-type "field")
  (#set! declared-by "declaration")
  (#set! outside-functions))
((qualified_identifier
  scope: [
    (namespace_identifier) @container
    (template_type name: (type_identifier) @container)
  ]
  name: (identifier) @name @definition.field)
  (#set! declared-by "declaration")
  (#set! outside-functions))
((qualified_identifier name: (identifier) @name @definition.variable)
  (#set! declared-by "declaration")
  (#set! outside-functions))

(labeled_statement label: (statement_identifier) @name) @definition.label

(lambda_expression) @local.scope

; References

((preproc_include
  path: [
    (string_literal (string_content) @name)
    (system_lib_string) @name
  ]) @reference.import
  (#set! trim "<>"))
(using_declaration (qualified_identifier) @name) @reference.import
(using_declaration (identifier) @name) @reference.import
(base_class_clause
  [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier name: (type_identifier) @name)
    (qualified_identifier name: (template_type name: (type_identifier) @name))
  ]) @reference.implementation
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (field_expression field: (field_identifier) @name)) @reference.call
(call_expression function: (qualified_identifier name: (identifier) @name)) @reference.call
(call_expression
  function: (qualified_identifier name: (qualified_identifier name: (identifier) @name))) @reference.call
(call_expression function: (template_function name: (identifier) @name)) @reference.call
(call_expression
  function: (qualified_identifier name: (template_function name: (identifier) @name))) @reference.call
(call_expression
  function: (field_expression field: (template_method name: (field_identifier) @name))) @reference.call
(new_expression type: (type_identifier) @name) @reference.class
(type_identifier) @name @reference.type
