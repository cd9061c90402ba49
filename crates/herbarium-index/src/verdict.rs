//! What verifying found.

use std::path::PathBuf;

use herbarium_store::TreeKey;

/// What verifying found.
///
/// Every tree in the store is read, checked and decoded. Deep verification then
/// parses again each file of each workspace that still has the content that it
/// was indexed with, and compares its stored tree node for node.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Trees that were read from the store.
    pub trees: u64,
    /// Of these, trees that were compared with a fresh parse.
    pub compared: u64,
    /// Nodes compared.
    pub nodes: u64,
    /// Whether trees were to be compared at all.
    pub deep: bool,
    /// Workspaces whose files say which trees should be in the store.
    pub workspaces: u64,
    /// Trees that differ from a fresh parse.
    pub differing: u64,
    /// Each difference, by path: the first ones of a tree, and of at most 1,000
    /// trees.
    pub differences: Vec<Difference>,
    /// Trees that cannot be read. The next `index` presses their files again.
    pub damaged: Vec<DamagedTree>,
    /// Damaged places that cost nothing any more: their tree is in the store once
    /// more, or they were noted before and every indexed file has its tree.
    /// Nothing is wrong with a store that has some.
    pub healed: u64,
    /// Files whose tree should be in the store and is not, or is damaged.
    pub missing_tree: u64,
    /// Indexed files that are gone or cannot be read.
    pub missing_source: u64,
    /// Indexed files whose content has changed since.
    pub changed_source: u64,
    /// Files of languages that are not built in.
    pub not_built: u64,
    /// Files that could not be parsed again within the limits.
    pub not_parsed: u64,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Time on the clock.
    pub seconds: f64,
}

impl VerifyReport {
    /// Whether nothing is wrong with the store. One whose trees were to be
    /// compared, and that knows of no workspace to compare them with, is not
    /// sound: see [`VerifyReport::is_adrift`].
    pub fn is_sound(&self) -> bool {
        self.differing == 0
            && self.damaged.is_empty()
            && self.missing_tree == 0
            && !self.is_adrift()
    }

    /// Whether there was nothing to compare the trees with: no workspace is
    /// known. The next `index` makes its workspace known again.
    pub fn is_adrift(&self) -> bool {
        self.deep && self.trees != 0 && self.workspaces == 0
    }
}

/// A place where a stored tree is not what a parser says now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The file.
    pub path: PathBuf,
    /// Key of the stored tree.
    pub key: TreeKey,
    /// Number of the node in pre-order.
    pub node: u64,
    /// What differs: `kind`, `field`, `start_position` and so on.
    pub what: &'static str,
    /// What the parser says.
    pub expected: String,
    /// What is stored.
    pub found: String,
}

/// A tree that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedTree {
    /// Its key, where it is known.
    pub key: Option<TreeKey>,
    /// Where it lies and what is wrong with it.
    pub message: String,
}
