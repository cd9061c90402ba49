; Definitions

((call
  target: (identifier) @_define
  (arguments . (alias) @name)
  (do_block
    . (unary_operator
      operand: (call
        target: (identifier) @_doc
        (arguments (string (quoted_content) @doc))))?)) @definition.module
  (#any-of? @_define "defmodule" "defprotocol")
  (#eq? @_doc "moduledoc"))
((call
  target: (identifier) @_define
  (arguments . (alias) @name)) @definition.module
  (#any-of? @_define "defmodule" "defprotocol"))
((call
  target: (identifier) @_define
  (arguments . (alias) @name)) @definition.impl
  (#eq? @_define "defimpl"))
((unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_doc
    (arguments (string (quoted_content) @doc)))) @documents
  (#any-of? @_doc "doc" "typedoc"))
((call
  target: (identifier) @_define
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (call target: (identifier) @name))
      (binary_operator left: (identifier) @name)
    ])) @definition.function
  (#any-of? @_define "def" "defp" "defdelegate")
  (#set! clauses))
((call
  target: (identifier) @_define
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator left: (call target: (identifier) @name))
    ])) @definition.macro
  (#any-of? @_define "defmacro" "defmacrop" "defguard" "defguardp")
  (#set! clauses))
; `def left &&& right`
((call
  target: (identifier) @_define
  (arguments
    . [
      (binary_operator operator: _ @name)
      (binary_operator left: (binary_operator operator: _ @name) operator: "when")
      (unary_operator operator: _ @name)
    ])) @definition.function
  (#any-of? @_define "def" "defp" "defmacro" "defmacrop")
  (#not-eq? @name "when")
  (#set! clauses))
((call
  target: (identifier) @_test
  (arguments . (string (quoted_content) @name))) @definition.function
  (#any-of? @_test "test" "describe"))
((call
  target: (dot left: (alias) right: (identifier) @_record)
  (arguments . (atom) @name)) @definition.struct
  (#any-of? @_record "defrecord" "defrecordp")
  (#set! trim ":"))
((call
  target: (identifier) @_define
  (arguments (keywords (pair key: (keyword) @name) @definition.field)))
  (#any-of? @_define "defstruct" "defexception")
  (#set! trim ": "))
((call
  target: (identifier) @_define
  (arguments (list (atom) @name @definition.field)))
  (#any-of? @_define "defstruct" "defexception")
  (#set! trim ":"))
((unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_type
    (arguments
      (binary_operator
        left: [
          (identifier) @name
          (call target: (identifier) @name)
        ])))) @definition.type
  (#any-of? @_type "type" "typep" "opaque"))
((unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_callback
    (arguments
      (binary_operator
        left: [
          (identifier) @name
          (call target: (identifier) @name)
          (binary_operator left: [(identifier) @name (call target: (identifier) @name)])
        ])))) @definition.method
  (#any-of? @_callback "callback" "macrocallback"))
((unary_operator
  operator: "@"
  operand: (call target: (identifier) @name (arguments))) @definition.constant
  (#not-any-of? @name
    "doc" "moduledoc" "typedoc" "spec" "type" "typep" "opaque" "callback" "macrocallback" "impl"
    "behaviour" "derive" "enforce_keys" "deprecated" "since" "dialyzer" "tag" "moduletag"
    "describetag" "before_compile" "after_compile" "on_definition" "external_resource" "compile"
    "optional_callbacks"))

; References

((call
  target: (identifier) @_import
  (arguments . [(alias) @name (dot left: (alias) @name)])) @reference.import
  (#any-of? @_import "alias" "import" "use" "require"))
((call target: (identifier) @name) @ignore
  (#any-of? @name
    "def" "defp" "defmodule" "defmacro" "defmacrop" "defstruct" "defprotocol" "defimpl"
    "defexception" "defdelegate" "defguard" "defguardp" "alias" "import" "use" "require"))
(unary_operator operator: "@" operand: (call target: (identifier) @name)) @ignore
((unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_spec
    (arguments (binary_operator left: (call target: (identifier) @name))))) @ignore
  (#eq? @_spec "spec"))
(call target: (identifier) @name) @reference.call
(call target: (dot right: (identifier) @name) (arguments)) @reference.call
