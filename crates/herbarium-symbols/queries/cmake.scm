; Definitions

(function_def (function_command (argument_list . (argument) @name))) @definition.function
(macro_def (macro_command (argument_list . (argument) @name))) @definition.macro
((normal_command (identifier) @_define (argument_list . (argument) @name)) @definition.variable
  (#match? @_define "^(?i)set$")
  (#set! outside-functions))
((normal_command (identifier) @_define (argument_list . (argument) @name)) @definition.parameter
  (#match? @_define "^(?i)option$"))
((normal_command (identifier) @_define (argument_list . (argument) @name)) @definition.target
  (#match? @_define "^(?i)add_(executable|library|custom_target|test)$"))
((normal_command (identifier) @_define (argument_list . (argument) @name)) @definition.package
  (#match? @_define "^(?i)project$"))

; References

((normal_command (identifier) @_import (argument_list . (argument) @name)) @reference.import
  (#match? @_import "^(?i)(include|find_package|add_subdirectory)$"))
((normal_command (identifier) @name) @reference.call
  (#not-match? @name "^(?i)(set|option|project|include)$"))
(variable_ref (normal_var (variable) @name)) @reference.variable
