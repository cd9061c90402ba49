; Blocks go by their last label, or by their kind where they have none.

((block . (identifier) @_kind (string_lit (template_literal) @name) . (block_start)) @definition.parameter
  (#any-of? @_kind "variable" "output"))
((block . (identifier) @_kind (string_lit (template_literal) @name) . (block_start)) @definition.module
  (#eq? @_kind "module"))
(block (string_lit (template_literal) @name) . (block_start)) @definition.block
(block . (identifier) @name . (block_start)) @definition.block
(attribute (identifier) @name) @definition.key

; References

(function_call (identifier) @name) @reference.call
((expression . (variable_expr (identifier) @_var) . (get_attr (identifier) @name)) @reference.variable
  (#any-of? @_var "var" "local" "module"))
