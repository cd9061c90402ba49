//! What can be wrong with bytes, with a grammar table, or with nodes handed in.

/// Why bytes are not a tree, a grammar table or a shape book that this
/// library can read.
///
/// Every variant names the place (`offset`, in bytes from the start of the
/// input), what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input does not start with the magic number of its kind.
    #[error("not {what}: expected the magic bytes {expected:02x?}, found {found:02x?}")]
    Magic {
        /// What the input was supposed to be.
        what: &'static str,
        /// The magic number.
        expected: [u8; 4],
        /// The first bytes of the input (zeroes where it was shorter).
        found: [u8; 4],
    },
    /// The bytes were written in a format of another major version.
    #[error(
        "{what} has format version {found_major}.{found_minor}, this library reads major version \
         {supported}: {}",
        if found_major > supported { "update Herbarium to open it" } else { "convert it with the version that wrote it, or press the source again" }
    )]
    Version {
        /// What was being read.
        what: &'static str,
        /// Major version in the header.
        found_major: u8,
        /// Minor version in the header.
        found_minor: u8,
        /// The only major version that this library reads.
        supported: u8,
    },
    /// A section that a reader must understand is of a kind it does not know.
    #[error(
        "required section {id} at offset {offset} is unknown to this library, which reads format \
         {supported_major}.{supported_minor} and found {found_major}.{found_minor}: update Herbarium to open it"
    )]
    UnknownSection {
        /// Section number.
        id: u8,
        /// Offset of its entry in the section table.
        offset: usize,
        /// Major version in the header.
        found_major: u8,
        /// Minor version in the header.
        found_minor: u8,
        /// Major version of this library.
        supported_major: u8,
        /// Minor version of this library.
        supported_minor: u8,
    },
    /// The input ends too early.
    #[error("truncated {what} at offset {offset}: expected {needed} more bytes, found {left}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// How many bytes it takes.
        needed: u64,
        /// How many are left.
        left: u64,
    },
    /// A checksum does not match the bytes it guards.
    #[error(
        "damaged {what} at offset {offset}: expected checksum {expected:016x}, found {found:016x}"
    )]
    Checksum {
        /// What the checksum guards.
        what: &'static str,
        /// Where the guarded bytes start.
        offset: usize,
        /// Checksum stored in the file.
        expected: u64,
        /// Checksum of the bytes as they are.
        found: u64,
    },
    /// A value that no writer of this format produces.
    #[error("invalid {what} at offset {offset}: expected {expected}, found {found}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// What a valid file has there.
        expected: String,
        /// What this one has.
        found: String,
    },
    /// The tree was pressed with another grammar than the one given.
    #[error(
        "the tree belongs to grammar {expected}, opened with grammar {found}: give the grammar table it was pressed with"
    )]
    Grammar {
        /// Fingerprint in the tree's header.
        expected: crate::Fingerprint,
        /// Fingerprint of the grammar given.
        found: crate::Fingerprint,
    },
    /// The tree refers to a shape book that was not given.
    #[error("the tree needs shape book {expected}, {}", match found { Some(found) => format!("found book {found}"), None => "none was given".to_owned() })]
    Book {
        /// The book named in the tree's header.
        expected: crate::BookId,
        /// The book given, if any.
        found: Option<crate::BookId>,
    },
}

/// Why the names of a grammar do not make a grammar table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// More names than a `u16` can number.
    #[error("grammar `{grammar}` has {found} {what}, the format numbers at most {limit}")]
    TooMany {
        /// Name of the grammar.
        grammar: String,
        /// Kinds or fields.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A supertype, or what a kind counts as, names a kind that does not exist.
    #[error(
        "grammar `{grammar}`: its supertypes or public kinds name kind {kind}, but there are {kinds} kinds"
    )]
    UnknownKind {
        /// Name of the grammar.
        grammar: String,
        /// The number given.
        kind: u16,
        /// How many kinds there are.
        kinds: usize,
    },
}

/// Why a sequence of nodes is not a tree, or a source cannot have one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Positions are 32 bits wide, as tree-sitter's are.
    #[error(
        "the source has {len} bytes, a tree holds at most {limit}: split the file or leave it out"
    )]
    SourceTooLong {
        /// Length of the source, in bytes.
        len: u64,
        /// The longest source, in bytes.
        limit: u64,
    },
    /// UTF-16 text would be counted in other units than its bytes.
    #[error(
        "the source starts with a {mark} byte order mark: trees are kept over UTF-8 or single-byte text, convert the source to UTF-8 first"
    )]
    Utf16 {
        /// The encoding that the mark announces.
        mark: &'static str,
    },
    /// A kind id outside the grammar.
    #[error("node {index} has kind {kind}, grammar `{grammar}` has {kinds} kinds")]
    UnknownKind {
        /// Index of the node in pre-order.
        index: usize,
        /// Kind id given.
        kind: u16,
        /// Name of the grammar.
        grammar: String,
        /// Number of kinds in the grammar.
        kinds: usize,
    },
    /// A field id outside the grammar.
    #[error("node {index} has field {field}, grammar `{grammar}` has {fields} fields")]
    UnknownField {
        /// Index of the node in pre-order.
        index: usize,
        /// Field id given.
        field: u16,
        /// Name of the grammar.
        grammar: String,
        /// Number of fields in the grammar.
        fields: usize,
    },
    /// A supertype outside the grammar.
    #[error(
        "node {index} stands for supertypes {supertypes:#x}, grammar `{grammar}` has {known}: expected no bit from {known} on"
    )]
    UnknownSupertype {
        /// Index of the node in pre-order.
        index: usize,
        /// Supertypes given, a bit each.
        supertypes: u32,
        /// Name of the grammar.
        grammar: String,
        /// Number of supertypes that nodes can stand for.
        known: usize,
    },
    /// The depth of a node does not follow from the node before it.
    #[error("node {index} at depth {found}: expected a depth from {min} to {max}")]
    Depth {
        /// Index of the node in pre-order.
        index: usize,
        /// The depth given.
        found: u32,
        /// Smallest depth possible here.
        min: u32,
        /// Largest depth possible here.
        max: u32,
    },
    /// A node lies outside its parent, before its predecessor, or ends before it starts.
    #[error("node {index} covers bytes {start}..{end}: expected a range within {min}..{max}")]
    Range {
        /// Index of the node in pre-order.
        index: usize,
        /// First byte of the node.
        start: u32,
        /// The byte after its last.
        end: u32,
        /// Smallest start possible here.
        min: u32,
        /// Largest end possible here.
        max: u32,
    },
    /// A missing token was never in the source: nothing can be under it.
    #[error("node {index} is under node {parent}, which is missing: expected no children there")]
    UnderMissing {
        /// Index of the node in pre-order.
        index: usize,
        /// Index of the missing node.
        parent: usize,
    },
    /// More line ends than a pressed tree has room for.
    #[error(
        "the source has {found} line ends, a tree holds at most {limit}: split the file or leave it out"
    )]
    TooManyLines {
        /// Line ends in the source.
        found: usize,
        /// The largest number of them.
        limit: u32,
    },
    /// A tree has at least its root.
    #[error("no node was given: a tree has at least a root")]
    Empty,
    /// More nodes than a pressed tree has room for.
    #[error("the tree has more than {limit} nodes")]
    TooManyNodes {
        /// The largest number of nodes.
        limit: u32,
    },
}
