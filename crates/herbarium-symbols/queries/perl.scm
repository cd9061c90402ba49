; Definitions

(package_statement name: (package) @name (block)) @definition.package
((package_statement name: (package) @name) @definition.package
  (#set! rest-of-scope))
(class_statement name: (package) @name) @definition.class
(subroutine_declaration_statement name: (bareword) @name) @definition.function
(method_declaration_statement name: (bareword) @name) @definition.method
((use_statement
  module: (package) @_constant
  . [
    (list_expression . (autoquoted_bareword) @name)
    (anonymous_hash_expression (list_expression (autoquoted_bareword) @name))
  ]) @definition.constant
  (#eq? @_constant "constant"))
((variable_declaration (scalar (varname) @name)) @definition.variable
  (#set! outside-functions))
((variable_declaration (array (varname) @name)) @definition.variable
  (#set! outside-functions))
((variable_declaration (hash (varname) @name)) @definition.variable
  (#set! outside-functions))
(statement_label label: (identifier) @name) @definition.label

(anonymous_subroutine_expression) @local.scope

; References

(use_statement module: (package) @name) @reference.import
(require_expression (bareword) @name) @reference.import
(method_call_expression method: (method) @name) @reference.call
(function_call_expression function: (function) @name) @reference.call
(ambiguous_function_call_expression function: (function) @name) @reference.call
