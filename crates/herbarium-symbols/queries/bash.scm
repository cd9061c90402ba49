; Definitions

(function_definition name: (word) @name) @definition.function
((declaration_command
  "readonly"
  (variable_assignment name: (variable_name) @name)) @definition.constant
  (#set! outside-functions))
((declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable
  (#set! outside-functions))
((declaration_command (variable_name) @name) @definition.variable
  (#set! outside-functions))
((variable_assignment name: (variable_name) @name) @definition.variable
  (#set! not-in "command")
  (#set! outside-functions))
((command
  name: (command_name (word) @_alias)
  . argument: (concatenation . (word) @name)) @definition.function
  (#eq? @_alias "alias")
  (#set! trim "="))

; References

((command
  name: (command_name (word) @_source)
  . argument: (_) @name) @reference.import
  (#any-of? @_source "source" ".")
  (#set! trim "\"'"))
(command name: (command_name (word) @name)) @reference.call
