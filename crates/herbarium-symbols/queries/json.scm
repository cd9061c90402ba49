; Keys, with the keys around them as containers

(pair key: (string (string_content) @name)) @definition.key

; Pointers to other parts of JSON documents
((pair
  key: (string (string_content) @_key)
  value: (string (string_content) @name)) @reference.import
  (#eq? @_key "$ref"))
