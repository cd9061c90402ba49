; Definitions

(create_table (object_reference name: (identifier) @name)) @definition.table
(create_view (object_reference name: (identifier) @name)) @definition.view
(create_materialized_view (object_reference name: (identifier) @name)) @definition.view
(create_index column: (identifier) @name) @definition.index
(create_function . (keyword_create) (object_reference name: (identifier) @name)) @definition.function
(create_type (object_reference name: (identifier) @name)) @definition.type
(create_schema (identifier) @name) @definition.namespace
(create_database (identifier) @name) @definition.namespace
(create_sequence (object_reference name: (identifier) @name)) @definition.variable
(create_trigger (keyword_trigger) . (object_reference name: (identifier) @name)) @definition.event
(column_definition name: (identifier) @name) @definition.field
(cte (identifier) @name) @definition.view

; References

(relation (object_reference name: (identifier) @name)) @reference.table
(insert (object_reference name: (identifier) @name)) @reference.table
(from (object_reference name: (identifier) @name)) @reference.table
(alter_table (object_reference name: (identifier) @name)) @reference.table
(create_index (object_reference name: (identifier) @name)) @reference.table
(invocation (object_reference name: (identifier) @name)) @reference.call
