; Definitions

((binary_operator
  lhs: [(identifier) @name (string content: (string_content) @name)]
  operator: ["<-" "=" "<<-"]
  rhs: (function_definition)) @definition.function)
((binary_operator
  lhs: (identifier) @name
  operator: ["<-" "=" "<<-"]) @definition.variable
  (#set! outside-functions))
((binary_operator
  operator: ["->" "->>"]
  rhs: (identifier) @name) @definition.variable
  (#set! outside-functions))
((call
  function: (identifier) @_define
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.class
  (#any-of? @_define "setClass" "setRefClass" "R6Class"))
((call
  function: (identifier) @_define
  arguments: (arguments . argument: (argument value: (string content: (string_content) @name)))) @definition.method
  (#any-of? @_define "setGeneric" "setMethod" "setValidity"))

(function_definition) @local.scope

; References

((call
  function: (identifier) @_library
  arguments: (arguments . argument: (argument value: [(identifier) @name (string content: (string_content) @name)]))) @reference.import
  (#any-of? @_library "library" "require" "source" "requireNamespace"))
(call function: (identifier) @name) @reference.call
(call function: (namespace_operator rhs: (identifier) @name)) @reference.call
(call function: (extract_operator rhs: (identifier) @name)) @reference.call
