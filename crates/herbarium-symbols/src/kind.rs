//! What a symbol is: its role and its kind.

use std::fmt;

/// Whether a symbol says what a name is, or uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The name is given to something here.
    Definition,
    /// The name is used here.
    Reference,
}

impl Role {
    /// `definition` or `reference`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Reference => "reference",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $variant:ident $word:literal $(| $other:literal)*,)+) => {
        /// What is defined, or how a name is used.
        ///
        /// The set is closed: a capture of another word makes a symbol of kind
        /// [`SymbolKind::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum SymbolKind {
            $($(#[$doc])+ $variant,)+
        }

        impl SymbolKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it, in captures and in output.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The kind that a word of a capture means.
            pub fn of_word(word: &str) -> Self {
                match word {
                    $($word $(| $other)* => Self::$variant,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    /// A module or a library: what a file, or a part of it, is imported as.
    Module "module",
    /// A namespace.
    Namespace "namespace",
    /// A package.
    Package "package",
    /// A class; an object that is the only one of its class.
    Class "class" | "object",
    /// A struct, record or message.
    Struct "struct" | "record",
    /// A union.
    Union "union",
    /// An enumeration.
    Enum "enum",
    /// One of the values of an enumeration, a variant of a sum type.
    EnumMember "enum_member" | "enum_variant",
    /// An interface, protocol or service.
    Interface "interface" | "protocol",
    /// A trait, mixin or type class.
    Trait "trait",
    /// What adds members to a type that is defined elsewhere: `impl`,
    /// extension, category, instance. Its name is that of the type.
    Impl "impl",
    /// A type that is none of the others: an alias, a named function type. As a
    /// reference: a type is used.
    Type "type",
    /// A function, procedure or subroutine.
    Function "function",
    /// A function of a type.
    Method "method",
    /// What makes a value of a type.
    Constructor "constructor",
    /// A macro. As a reference: a macro is used.
    Macro "macro",
    /// A named value that does not change.
    Constant "constant",
    /// A variable.
    Variable "variable",
    /// A variable of each value of a type; a column.
    Field "field",
    /// A field behind which code can be.
    Property "property",
    /// A named parameter of a program, a template or a build.
    Parameter "parameter",
    /// A place to jump to.
    Label "label",
    /// An event or signal.
    Event "event" | "signal",
    /// A port of a hardware module.
    Port "port",
    /// A table of a database.
    Table "table",
    /// A view of a database.
    View "view",
    /// An index of a database.
    Index "index",
    /// A key of a data file, a setting.
    Key "key",
    /// A heading or a table of a document.
    Section "section",
    /// An element of a document with a name of its own.
    Element "element" | "id",
    /// What a style sheet's rule applies to.
    Selector "selector",
    /// What a build makes; a step of a build.
    Target "target",
    /// A rule or predicate that is neither function nor target.
    Rule "rule",
    /// A block of a configuration with a name: a resource, a provider.
    Block "block" | "resource",
    /// Reference: called.
    Call "call" | "send",
    /// Reference: a type is extended or implemented.
    Implementation "implementation",
    /// Reference: brought in from elsewhere.
    Import "import",
    /// A word that is none of these.
    Other "other",
}

impl SymbolKind {
    /// Whether it has members: what a function within it is a method of.
    pub fn is_type(self) -> bool {
        use SymbolKind as K;
        matches!(
            self,
            K::Class | K::Struct | K::Union | K::Enum | K::Interface | K::Trait | K::Impl | K::Type
        )
    }

    /// Whether it is run: what a variable within it is local to.
    pub fn is_function(self) -> bool {
        matches!(self, Self::Function | Self::Method | Self::Constructor)
    }
}

impl fmt::Display for SymbolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
