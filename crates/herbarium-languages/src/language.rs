//! A language that is built in: its row and its grammar.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use herbarium_codec::{Fingerprint, Grammar};

use crate::generated::LANGUAGES;
use crate::row::{Pin, Row, Tier, Weight, known};

/// The languages that are built in, ordered by id.
///
/// Going over them loads no grammar; only [`Language::tree_sitter`] and what
/// builds on it does.
pub fn all() -> &'static [Language] {
    &LANGUAGES
}

/// The built-in language of that id.
///
/// ```
/// let rust = herbarium_languages::by_id("rust").ok_or("not built in")?;
/// assert_eq!(rust.name(), "Rust");
/// # Ok::<(), &str>(())
/// ```
pub fn by_id(id: &str) -> Option<&'static Language> {
    let index = all().binary_search_by(|language| language.id().cmp(id)).ok()?;
    all().get(index)
}

/// Which set of languages was built in: `core`, `extended` or `all`, or `custom`
/// where the languages are none of these exactly.
pub fn build_set() -> &'static str {
    let is = |tier: Tier| {
        let within = known().iter().filter(|row| row.tier <= tier);
        within.map(|row| row.index).eq(all().iter().map(|language| language.row.index))
    };
    match () {
        () if is(Tier::Core) => "core",
        () if is(Tier::Extended) => "extended",
        () if is(Tier::All) => "all",
        () => "custom",
    }
}

/// A language that is built in. There is one value of each, for as long as the
/// program runs.
pub struct Language {
    pub(crate) row: &'static Row,
    pub(crate) load: fn() -> tree_sitter::Language,
    pub(crate) loaded: OnceLock<tree_sitter::Language>,
    pub(crate) grammar: OnceLock<Arc<Grammar>>,
}

impl Language {
    /// The built-in language of a row.
    pub(crate) fn of(row: &Row) -> Option<&'static Self> {
        let index = all().binary_search_by_key(&row.index, |language| language.row.index).ok()?;
        all().get(index)
    }

    /// Everything that is known of it without its grammar.
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// What features, stores and queries call it, for instance `c_sharp`.
    pub fn id(&self) -> &'static str {
        self.row.id
    }

    /// What people call it, for instance `C#`.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// Extensions of its files, without the leading dot.
    pub fn extensions(&self) -> &'static [&'static str] {
        self.row.extensions
    }

    /// Whole names of its files.
    pub fn file_names(&self) -> &'static [&'static str] {
        self.row.file_names
    }

    /// Interpreters on the `#!` line of its scripts.
    pub fn shebangs(&self) -> &'static [&'static str] {
        self.row.shebangs
    }

    /// SPDX expression of the grammar's licence.
    pub fn licence(&self) -> &'static str {
        self.row.licence
    }

    /// The crate that its grammar comes from.
    pub fn crate_name(&self) -> &'static str {
        self.row.crate_name
    }

    /// The version of that crate.
    pub fn version(&self) -> &'static str {
        self.row.version
    }

    /// Size of the generated parser.
    pub fn weight(&self) -> Weight {
        self.row.weight
    }

    /// Whether it lives inside other languages and never makes a file of its own.
    pub fn is_injection_only(&self) -> bool {
        self.row.injection_only
    }

    /// ABI of the loaded grammar.
    pub fn abi(&self) -> u32 {
        self.loaded().abi_version() as u32
    }

    /// The grammar as tree-sitter takes it. A copy costs nothing.
    pub fn tree_sitter(&self) -> tree_sitter::Language {
        self.loaded().clone()
    }

    /// The names of the grammar, read from the loaded grammar once per process.
    pub fn grammar(&self) -> &Arc<Grammar> {
        self.grammar.get_or_init(|| Arc::new(self.table()))
    }

    /// Identity of the loaded grammar: what every key of a tree contains.
    pub fn fingerprint(&self) -> Fingerprint {
        self.grammar().fingerprint()
    }

    /// Whether the loaded grammar is the one that was measured.
    ///
    /// It is not where another crate of the program exports the same C symbol
    /// and the linker took that one. Trees then have other keys, so none is
    /// mistaken for another; but node kinds are not those that the row's crate
    /// documents.
    pub fn matches_pin(&self) -> bool {
        self.measure() == self.row.pin
    }

    /// What the loaded grammar looks like, to be compared with [`Row::pin`].
    pub fn measure(&self) -> Pin {
        let loaded = self.loaded();
        Pin {
            abi: self.abi(),
            states: loaded.parse_state_count() as u32,
            kinds: loaded.node_kind_count() as u32,
            fields: loaded.field_count() as u32,
            fingerprint: self.fingerprint(),
        }
    }

    pub(crate) fn loaded(&self) -> &tree_sitter::Language {
        self.loaded.get_or_init(self.load)
    }

    #[expect(
        clippy::expect_used,
        reason = "tree-sitter numbers kinds and fields as the table does"
    )]
    fn table(&self) -> Grammar {
        herbarium_capture::grammar_of(self.loaded(), self.id(), self.version())
            .expect("a generated parser has ids of 16 bits and supertypes among them")
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.row.index == other.row.index
    }
}

impl Eq for Language {}

impl Hash for Language {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.index.hash(state);
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({} from {} {})", self.id(), self.crate_name(), self.version())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
