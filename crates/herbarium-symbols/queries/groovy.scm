; Definitions

(groovy_package (qualified_name) @name) @definition.package
(class_definition name: (identifier) @name) @definition.class
((function_definition function: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((function_declaration function: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((declaration name: (identifier) @name) @definition.variable
  (#set! kind-in-type "field")
  (#set! outside-functions))

; References

(class_definition superclass: (identifier) @name) @reference.implementation
(groovy_import import: (qualified_name) @name) @reference.import
(function_call function: (identifier) @name) @reference.call
(function_call function: (dotted_identifier (identifier) @name .)) @reference.call
(juxt_function_call function: (identifier) @name) @reference.call
(declaration type: (identifier) @name) @reference.type
(annotation (identifier) @name) @reference.type
