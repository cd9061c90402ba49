; Definitions

((rule (targets (_) @name)) @definition.target
  (#not-match? @name "^\\.[A-Z_]+$"))
(variable_assignment name: (_)+ @name) @definition.variable
(shell_assignment name: (word) @name) @definition.variable
(define_directive name: (_)+ @name) @definition.macro

; References

(include_directive filenames: (list (word) @name)) @reference.import
(rule normal: (prerequisites (word) @name)) @reference.target
(variable_reference (word) @name) @reference.variable
