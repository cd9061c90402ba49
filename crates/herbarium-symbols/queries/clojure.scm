; Definitions

((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (str_lit)? @doc) @definition.namespace
  (#any-of? @_define "ns" "in-ns"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (str_lit)? @doc) @definition.function
  (#any-of? @_define "defn" "defn-" "defmulti" "definline" "deftest"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name)) @definition.method
  (#eq? @_define "defmethod"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (str_lit)? @doc) @definition.macro
  (#eq? @_define "defmacro"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (vec_lit)) @definition.struct
  (#any-of? @_define "defrecord" "deftype"))
((list_lit
  . (sym_lit (sym_name) @_define)
  . (sym_lit)
  . (vec_lit (sym_lit (sym_name) @name @definition.field)))
  (#any-of? @_define "defrecord" "deftype"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (str_lit)? @doc) @definition.interface
  (#any-of? @_define "defprotocol" "definterface"))
((list_lit
  . (sym_lit (sym_name) @_define)
  (list_lit . (sym_lit (sym_name) @name) . (vec_lit) . (str_lit)? @doc) @definition.method)
  (#any-of? @_define "defprotocol" "definterface" "extend-type" "extend-protocol" "defrecord" "deftype"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name)) @definition.impl
  (#any-of? @_define "extend-type" "extend-protocol"))
((list_lit . (sym_lit (sym_name) @_define) . (sym_lit (sym_name) @name) . (str_lit)? @doc) @definition.variable
  (#any-of? @_define "def" "defonce" "declare"))

; References

((list_lit
  . (kwd_lit (kwd_name) @_require)
  [
    (vec_lit . (sym_lit) @name)
    (sym_lit) @name
  ]) @reference.import
  (#any-of? @_require "require" "use" "import" "refer"))
((list_lit . (sym_lit (sym_name) @name)) @reference.call
  (#not-any-of? @name
    "ns" "def" "defn" "defn-" "defmacro" "defrecord" "deftype" "defprotocol" "defmulti" "defmethod"
    "defonce" "extend-type" "extend-protocol" "let" "fn" "if" "do" "loop" "recur" "quote"))
