; Definitions

(rule_set (selectors (_) @name)) @definition.selector
((declaration (property_name) @name) @definition.variable
  (#match? @name "^--"))
(keyframes_statement (keyframes_name) @name) @definition.rule
((at_rule (at_keyword) @_layer . (keyword_query) @name) @definition.namespace
  (#eq? @_layer "@layer"))
(namespace_statement (namespace_name) @name) @definition.namespace

; References

(import_statement
  [
    (string_value (string_content) @name)
    (call_expression (arguments (string_value (string_content) @name)))
    (call_expression (arguments (plain_value) @name))
  ]) @reference.import
((call_expression
  (function_name) @_var
  (arguments . (plain_value) @name)) @reference.variable
  (#eq? @_var "var"))
((declaration (property_name) @_property (plain_value) @name) @reference.rule
  (#any-of? @_property "animation" "animation-name"))
