; Definitions

(element
  (start_tag
    (attribute
      (attribute_name) @_id
      (quoted_attribute_value (attribute_value) @name)))
  (#eq? @_id "id")) @definition.element
(element
  (self_closing_tag
    (attribute
      (attribute_name) @_id
      (quoted_attribute_value (attribute_value) @name)))
  (#eq? @_id "id")) @definition.element
((attribute
  (attribute_name) @_id
  [
    (quoted_attribute_value (attribute_value) @name)
    (attribute_value) @name
  ]) @definition.element
  (#eq? @_id "id"))
((element
  (start_tag (tag_name) @_tag)
  . (text) @name) @definition.section
  (#match? @_tag "^([hH][1-6]|title|TITLE)$"))

; References

((attribute
  (attribute_name) @_source
  [
    (quoted_attribute_value (attribute_value) @name)
    (attribute_value) @name
  ]) @reference.import
  (#any-of? @_source "src" "href"))
((attribute
  (attribute_name) @_class
  [
    (quoted_attribute_value (attribute_value) @name)
    (attribute_value) @name
  ]) @reference.class
  (#eq? @_class "class"))
