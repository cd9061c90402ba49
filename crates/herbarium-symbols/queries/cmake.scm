; Definitions

(function_def (function_command (argument_list . (argument) @name))) @definition.function
(macro_def (macro_command (argument_list . (argument) @name))) @definition.macro
; What a function sets for others.
((normal_command
  . (identifier) @_define
  (argument_list . (argument) @name (argument) @_scope)) @definition.variable
  (#any-of? @_define "set" "SET")
  (#any-of? @_scope "CACHE" "PARENT_SCOPE"))
((normal_command . (identifier) @_define (argument_list . (argument) @name)) @definition.variable
  (#any-of? @_define "set" "SET")
  (#set! outside-functions))
((normal_command . (identifier) @_define (argument_list . (argument) @name)) @definition.parameter
  (#any-of? @_define "option" "OPTION"))
((normal_command . (identifier) @_define (argument_list . (argument) @name)) @definition.target
  (#any-of? @_define 
    "add_executable" "ADD_EXECUTABLE" "add_library" "ADD_LIBRARY" "add_custom_target"
    "ADD_CUSTOM_TARGET" "add_test" "ADD_TEST"))
((normal_command . (identifier) @_define (argument_list . (argument) @name)) @definition.package
  (#any-of? @_define "project" "PROJECT"))

; References

((normal_command . (identifier) @_import (argument_list . (argument) @name)) @reference.import
  (#any-of? @_import 
    "include" "INCLUDE" "find_package" "FIND_PACKAGE" "add_subdirectory" "ADD_SUBDIRECTORY"))
((normal_command . (identifier) @name) @reference.call
  (#not-any-of? @name "set" "SET" "option" "OPTION" "project" "PROJECT" "include" "INCLUDE"))
(variable_ref (normal_var (variable) @name)) @reference.variable
