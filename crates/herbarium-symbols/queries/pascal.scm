; Definitions

(program (moduleName (identifier) @name)) @definition.module
(unit (moduleName (identifier) @name)) @definition.module
(library (moduleName (identifier) @name)) @definition.module
(declType name: (identifier) @name type: (declClass (kRecord))) @definition.struct
(declType name: (identifier) @name type: (declClass)) @definition.class
(declType name: (identifier) @name type: (declIntf)) @definition.interface
(declType name: (identifier) @name type: (type (declEnum))) @definition.enum
(declType name: (identifier) @name) @definition.type
(declEnumValue name: (identifier) @name) @definition.enum_member
(declField name: (identifier) @name) @definition.field
(declProp name: (identifier) @name) @definition.property
(declProc (kConstructor) name: (identifier) @name) @definition.constructor
(defProc
  header: (declProc
    (kConstructor)
    name: (genericDot
      lhs: [
        (identifier) @container
        (genericTpl entity: (identifier) @container)
        (genericDot rhs: (identifier) @container)
      ]
      rhs: (identifier) @name))) @definition.constructor
(defProc
  header: (declProc
    name: (genericDot
      lhs: [
        (identifier) @container
        (genericTpl entity: (identifier) @container)
        (genericDot rhs: (identifier) @container)
      ]
      rhs: (identifier) @name))) @definition.method
(defProc header: (declProc name: (genericDot rhs: (identifier) @name))) @definition.method
(defProc header: (declProc name: (identifier) @name)) @definition.function
((declProc name: (identifier) @name) @definition.function
  (#set! kind-in-type "method"))
((declConst name: (identifier) @name) @definition.constant
  (#set! outside-functions))
((declVar name: (identifier) @name) @definition.variable
  (#set! outside-functions))
(label (identifier) @name) @definition.label

; References

(declClass parent: (typeref (identifier) @name)) @reference.implementation
(declUses (moduleName (identifier) @name)) @reference.import
(exprCall entity: (identifier) @name) @reference.call
(exprCall entity: (exprDot rhs: (identifier) @name)) @reference.call
(typeref (identifier) @name) @reference.type
