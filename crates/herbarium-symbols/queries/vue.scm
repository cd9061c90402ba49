; Definitions

((attribute
  (attribute_name) @_id
  (quoted_attribute_value (attribute_value) @name)) @definition.element
  (#any-of? @_id "id" "ref"))
(script_element (start_tag (tag_name) @name)) @definition.section
(template_element (start_tag (tag_name) @name)) @definition.section
(style_element (start_tag (tag_name) @name)) @definition.section

; References

; A component; other elements are those of HTML.
((start_tag (tag_name) @name) @reference.call
  (#match? @name "^[A-Z]|-"))
((self_closing_tag (tag_name) @name) @reference.call
  (#match? @name "^[A-Z]|-"))
((attribute
  (attribute_name) @_source
  (quoted_attribute_value (attribute_value) @name)) @reference.import
  (#any-of? @_source "src" "href"))
((attribute
  (attribute_name) @_class
  (quoted_attribute_value (attribute_value) @name)) @reference.class
  (#eq? @_class "class"))
