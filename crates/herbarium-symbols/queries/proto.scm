; Definitions

(package (full_ident) @name) @definition.package
(message (message_name) @name) @definition.struct
(group (message_name) @name) @definition.struct
(enum (enum_name) @name) @definition.enum
(enum_field (identifier) @name) @definition.enum_member
(service (service_name) @name) @definition.interface
(rpc (rpc_name) @name) @definition.method
(field (type) (identifier) @name) @definition.field
(map_field (identifier) @name) @definition.field
(oneof (identifier) @name) @definition.union
(oneof_field (type) (identifier) @name) @definition.field

; References

((import path: (string) @name) @reference.import
  (#set! trim "\"'"))
(extend (full_ident) @name) @reference.implementation
(message_or_enum_type) @name @reference.type
