; Definitions

(function_declaration name: (identifier) @name) @definition.function
(function_declaration
  name: (dot_index_expression
    table: [(identifier) @container (dot_index_expression field: (identifier) @container)]
    field: (identifier) @name)) @definition.function
(function_declaration
  name: (method_index_expression
    table: [(identifier) @container (dot_index_expression field: (identifier) @container)]
    method: (identifier) @name)) @definition.method
; Few assignments are of functions: to look for the word is quicker than to look at all.
((assignment_statement
  (variable_list
    . name: [
      (identifier) @name
      (dot_index_expression
        table: [
          (identifier) @container
          (dot_index_expression field: (identifier) @container)
          (bracket_index_expression)
          (function_call)
          (parenthesized_expression)
        ]
        field: (identifier) @name)
    ] .)
  (expression_list . value: (function_definition "function" @_function))) @definition.function
  (#eq? @_function "function"))
((field
  name: (identifier) @name
  value: (function_definition "function" @_function)) @definition.function
  (#eq? @_function "function"))
((variable_declaration
  (assignment_statement (variable_list name: (identifier) @name))) @definition.variable
  (#set! outside-functions))
((variable_declaration (variable_list name: (identifier) @name)) @definition.variable
  (#set! outside-functions))
((assignment_statement (variable_list name: (identifier) @name)) @definition.variable
  (#set! outside-functions))
(label_statement (identifier) @name) @definition.label

(function_definition) @local.scope

; References

((function_call
  name: (identifier) @_require
  arguments: (arguments (string content: (string_content) @name))) @reference.import
  (#any-of? @_require "require" "dofile"))
(function_call name: (identifier) @name) @reference.call
(function_call name: (dot_index_expression field: (identifier) @name)) @reference.call
(function_call name: (method_index_expression method: (identifier) @name)) @reference.call
