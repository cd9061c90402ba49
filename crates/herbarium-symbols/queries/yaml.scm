; Keys, with the keys around them as containers

((block_mapping_pair key: (flow_node) @name) @definition.key
  (#set! trim "\"'"))
((flow_pair key: (flow_node) @name) @definition.key
  (#set! trim "\"'"))
(anchor (anchor_name) @name) @definition.label

; References

(alias (alias_name) @name) @reference.label
