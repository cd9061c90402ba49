; Definitions

(module name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.module
(class name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.class
(method name: (_) @name) @definition.method
(singleton_method name: (_) @name) @definition.method
((alias name: (_) @name) @definition.method
  (#set! trim ":"))
((assignment
  left: (constant) @name
  right: (call receiver: (constant) @_struct method: (identifier) @_new)) @definition.class
  (#any-of? @_struct "Struct" "Class" "Data")
  (#any-of? @_new "new" "define"))
(assignment left: (constant) @name) @definition.constant
(assignment left: (left_assignment_list (constant) @name)) @definition.constant
(operator_assignment left: (constant) @name) @definition.constant
(assignment left: (scope_resolution name: (constant) @name)) @definition.constant
(assignment left: (global_variable) @name) @definition.variable

((call
  method: (identifier) @_attribute
  arguments: (argument_list (simple_symbol) @name)) @definition.property
  (#any-of? @_attribute "attr_reader" "attr_writer" "attr_accessor")
  (#set! trim ":"))
((call
  method: (identifier) @_define
  arguments: (argument_list . [(simple_symbol) (string (string_content))] @name)) @definition.method
  (#any-of? @_define "define_method" "define_singleton_method" "alias_method")
  (#set! trim ":\"'"))

; References

(superclass [(constant) (scope_resolution)] @name) @reference.implementation
((call
  !receiver
  method: (identifier) @_mixin
  arguments: (argument_list [(constant) (scope_resolution)] @name)) @reference.implementation
  (#any-of? @_mixin "include" "extend" "prepend"))
((call
  !receiver
  method: (identifier) @_require
  arguments: (argument_list (string (string_content) @name))) @reference.import
  (#any-of? @_require "require" "require_relative" "load" "autoload"))
((call receiver: (constant) @name method: (identifier) @_new) @reference.class
  (#eq? @_new "new"))
((call receiver: (scope_resolution name: (constant) @name) method: (identifier) @_new) @reference.class
  (#eq? @_new "new"))
(call method: (identifier) @name) @reference.call
(call method: (constant) @name) @reference.call
(constant) @name @reference.type
