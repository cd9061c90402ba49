; Definitions

(function_statement (function_name) @name) @definition.function
(class_statement . (simple_name) @name) @definition.class
(enum_statement . (simple_name) @name) @definition.enum
(enum_member . (simple_name) @name) @definition.enum_member
((class_property_definition (variable) @name) @definition.property
  (#set! trim "$"))
(class_method_definition (simple_name) @name) @definition.method
((script_parameter (variable) @name) @definition.parameter
  (#set! outside-functions)
  (#set! trim "$"))
; `$x = …` and `$x, $y = …`
((assignment_expression
  (left_assignment_expression
    (logical_expression
      (bitwise_expression
        (comparison_expression
          (additive_expression
            (multiplicative_expression
              (format_expression
                (range_expression
                  (array_literal_expression (unary_expression (variable) @name))))))))))) @definition.variable
  (#set! outside-functions)
  (#set! trim "$"))
; `[string] $x = …`
((assignment_expression
  (left_assignment_expression
    (logical_expression
      (bitwise_expression
        (comparison_expression
          (additive_expression
            (multiplicative_expression
              (format_expression
                (range_expression
                  (array_literal_expression
                    (unary_expression
                      (expression_with_unary_operator
                        (cast_expression (unary_expression (variable) @name)))))))))))))) @definition.variable
  (#set! outside-functions)
  (#set! trim "$"))

(script_block_expression) @local.scope

; References

(command command_name: (command_name) @name) @reference.call
(invokation_expression (member_name) @name) @reference.call
(type_literal (type_spec (type_name (type_identifier) @name))) @reference.type
