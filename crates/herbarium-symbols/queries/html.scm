; Definitions

((attribute . (attribute_name) @_id . (quoted_attribute_value . (attribute_value) @name)) @definition.element
  (#eq? @_id "id")
  (#set! out "2"))
((attribute . (attribute_name) @_id . (attribute_value) @name) @definition.element
  (#eq? @_id "id")
  (#set! out "2"))
((start_tag
  (tag_name) @_tag
  (attribute . (attribute_name) @_name . (quoted_attribute_value . (attribute_value) @name))) @definition.element
  (#eq? @_name "name")
  (#any-of? @_tag "a" "A"))
((element . (start_tag . (tag_name) @_tag) (end_tag) .) @name @definition.section
  (#any-of? @_tag
    "h1" "h2" "h3" "h4" "h5" "h6" "H1" "H2" "H3" "H4" "H5" "H6" "title" "TITLE" "Title")
  (#set! inside))

; References

((attribute . (attribute_name) @_source . (quoted_attribute_value . (attribute_value) @name)) @reference.import
  (#any-of? @_source "src" "href"))
((attribute . (attribute_name) @_source . (attribute_value) @name) @reference.import
  (#any-of? @_source "src" "href"))
((attribute . (attribute_name) @_class . (quoted_attribute_value . (attribute_value) @name)) @reference.class
  (#eq? @_class "class"))
((attribute . (attribute_name) @_class . (attribute_value) @name) @reference.class
  (#eq? @_class "class"))
