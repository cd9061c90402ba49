; Tables, and keys with the tables around them as containers

(table . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.section
(table_array_element . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.section
((pair . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.key
  (#set! trim "\"'"))
