//! Opening trees: by key, by file of a workspace, of a text that came along.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use herbarium::codec::{Fingerprint, Tree, encode, source_hash};
use herbarium::index::{OpenError, Source};
use herbarium::languages::{HEAD_BYTES, detect, known};
use herbarium::store::{KeyParts, StoreError, TreeKey};
use herbarium::{Cancel, Origin};

use crate::beneath::{Content, look_beneath, look_without_waiting, read_beneath};
use crate::metrics::TREES;
use crate::problem::{self, Problem};
use crate::relative::Relative;
use crate::service::Shared;
use crate::workspaces::Workspace;

/// A tree that was opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) tree: Arc<Tree>,
    pub(crate) key: TreeKey,
    /// Id of its language.
    pub(crate) language: &'static str,
    /// Whether it was parsed just now.
    pub(crate) parsed: bool,
    /// Its source, where that came along.
    pub(crate) source: Option<Arc<[u8]>>,
}

/// How a text is called, and what it is in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Name<'a> {
    pub(crate) language: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
}

impl Shared {
    /// The tree of a key, if it is hot: for where nothing may block.
    pub(crate) fn hot(&self, key: &TreeKey) -> Option<Opened> {
        if self.options.baseline {
            return None;
        }
        let tree = self.engine().open_hot(key)?;
        self.count("hot");
        if self.counters.is_a_use() {
            // What is only looked at would be taken for unused, and make way for others.
            // It was hot a moment ago, so that nothing is read.
            drop(self.engine().open_key(key));
        }
        Some(Opened::of_key(tree, *key))
    }

    /// The tree of a key, from whichever tier has it. Blocks.
    pub(crate) fn open_key(&self, key: &TreeKey) -> Result<Opened, Problem> {
        if self.options.baseline {
            return Err(problem::not_in_baseline());
        }
        if let Some(hot) = self.hot(key) {
            return Ok(hot);
        }
        let opened = self.engine().open_key(key).map_err(|error| problem::open(&error))?;
        self.count("store");
        Ok(Opened::of_key(opened, *key))
    }

    /// The tree of a file as it is now, with its content. Blocks.
    pub(crate) fn open_file(
        &self,
        workspace: &Workspace,
        path: &Relative,
        cancel: &Cancel,
    ) -> Result<Opened, Problem> {
        let read = SystemTime::now();
        let Content { bytes: text, looks } = self.read_content(workspace, path)?;
        // Detection looks at the folders on the path, too.
        let full = path.below(&workspace.root);
        let opened = self.open_text(&text, &full, None, true, cancel);
        let mut opened = opened.map_err(|problem| problem::in_file(problem, path.as_str()))?;
        if let Some(looks) = looks {
            self.memo.note((&workspace.root, path), looks, read, opened.key);
        }
        opened.source = Some(text.into());
        Ok(opened)
    }

    /// The tree of a file as it is now, if the file is known not to have changed since its
    /// tree was opened, and that is still at hand: nothing is read then. Blocks.
    pub(crate) fn open_unchanged(&self, workspace: &Workspace, path: &Relative) -> Option<Opened> {
        if self.options.baseline {
            return None;
        }
        let looks = look_beneath(&workspace.root, path)?;
        let key = self.memo.tree_of(&workspace.root, path, looks)?;
        self.open_key(&key).ok()
    }

    /// The same, if the tree is hot and nothing has to be waited for: for where nothing
    /// may block.
    pub(crate) fn hot_unchanged(&self, workspace: &Workspace, path: &Relative) -> Option<Opened> {
        if self.options.baseline {
            return None;
        }
        let looks = look_without_waiting(&workspace.root, path)?;
        let key = self.memo.tree_of(&workspace.root, path, looks)?;
        self.hot(&key)
    }

    /// A file's content.
    pub(crate) fn read_file(
        &self,
        workspace: &Workspace,
        path: &Relative,
    ) -> Result<Vec<u8>, Problem> {
        self.read_content(workspace, path).map(|content| content.bytes)
    }

    fn read_content(&self, workspace: &Workspace, path: &Relative) -> Result<Content, Problem> {
        let most = self.options.max_source_bytes as u64;
        read_beneath(&workspace.root, path, most)
            .map_err(|why| problem::no_file(&workspace.name, path.as_str(), why, most))
    }

    /// The tree of a text that came along. Blocks.
    pub(crate) fn open_posted(
        &self,
        text: &[u8],
        name: Name<'_>,
        keep: bool,
        cancel: &Cancel,
    ) -> Result<Opened, Problem> {
        if text.len() > self.options.max_source_bytes {
            let (len, most) = (text.len() as u64, self.options.max_source_bytes as u64);
            return Err(problem::source_too_large(len, most));
        }
        if name.language.is_none() && name.path.is_none() {
            return Err(problem::language_needed());
        }
        let path = Path::new(name.path.unwrap_or_default());
        let opened = self.open_text(text, path, name.language, keep, cancel)?;
        if keep && !self.options.baseline {
            self.ensure_stored(&opened).map_err(|error| problem::not_stored(&error))?;
        }
        Ok(opened)
    }

    /// Sees to it that a tree that was to be kept is: the tiers leave out what the store did
    /// not take, and whoever is told that it is there comes back for it. Blocks.
    fn ensure_stored(&self, opened: &Opened) -> Result<(), StoreError> {
        let (store, grammar) = (self.engine().store(), opened.tree.grammar());
        if store.contains(&opened.key)? {
            return Ok(());
        }
        store.put_grammar(grammar)?;
        let bytes = encode(&opened.tree);
        store.put_tree(&opened.key, grammar.fingerprint(), &bytes, None).map(drop)
    }

    fn open_text(
        &self,
        text: &[u8],
        path: &Path,
        language: Option<&str>,
        keep: bool,
        cancel: &Cancel,
    ) -> Result<Opened, Problem> {
        if self.options.baseline {
            return self.parse_anew(text, path, language);
        }
        let max_parse_time = Some(self.options.parse_time);
        let source = Source { path, language, max_parse_time, keep, ..Source::new(text) };
        let opened = self.engine().open_source(&source, cancel);
        let opened = opened.map_err(|error| problem::open(&error))?;
        let parsed = opened.from == Origin::Parsed;
        self.count(if parsed { "parsed" } else { "store" });
        let (tree, key, language) = (opened.tree, opened.key, opened.language.id);
        Ok(Opened { tree, key, language, parsed, source: None })
    }

    /// As if there were no Herbarium but its parser: for the baseline.
    fn parse_anew(
        &self,
        text: &[u8],
        path: &Path,
        language: Option<&str>,
    ) -> Result<Opened, Problem> {
        let head = text.get(..HEAD_BYTES).unwrap_or(text);
        let found = language.or_else(|| detect(path, head).map(|it| it.row().id));
        let unknown = || OpenError::UnknownLanguage { path: path.to_owned() };
        let id = found.ok_or_else(|| problem::open(&unknown()))?;
        let tree = herbarium::press(id, text).map_err(|error| problem::press(&error))?;
        self.count("parsed");
        let parts = KeyParts {
            runtime: "baseline",
            language: id,
            grammar: tree.grammar().fingerprint(),
            options: 0,
            included_ranges: &[],
            source: text,
        };
        let (key, language) = (parts.key(), language_of(&tree));
        Ok(Opened { tree: Arc::new(tree), key, language, parsed: true, source: None })
    }

    /// The source of a tree: of a workspace's file that has it, if there is one. Blocks.
    pub(crate) fn find_source(&self, opened: &Opened) -> Option<Arc<[u8]>> {
        self.workspaces.all().iter().find_map(|workspace| {
            let sheet = workspace.sheets.get(self.engine()).ok()??;
            let row = sheet.file_with(&opened.key)?;
            let path = Relative::parse(std::str::from_utf8(&row.path).ok()?).ok()?;
            let text = self.read_file(workspace, &path).ok()?;
            opened.is_of(&text).then(|| text.into())
        })
    }

    fn count(&self, from: &'static str) {
        self.counters.opened(from);
    }
}

impl Opened {
    fn of_key(tree: Arc<Tree>, key: TreeKey) -> Self {
        let language = language_of(&tree);
        Self { tree, key, language, parsed: false, source: None }
    }

    /// Whether it is the tree of a text.
    pub(crate) fn is_of(&self, text: &[u8]) -> bool {
        self.tree.source_len() as usize == text.len()
            && self.tree.source_hash() == source_hash(text)
    }
}

/// The language of a tree; `other` for one that is not known here.
fn language_of(tree: &Tree) -> &'static str {
    static BY_GRAMMAR: LazyLock<HashMap<Fingerprint, &str>> =
        LazyLock::new(|| known().iter().map(|row| (row.pin.fingerprint, row.id)).collect());
    BY_GRAMMAR.get(&tree.grammar().fingerprint()).copied().unwrap_or("other")
}

/// A key as text.
pub(crate) fn hex(key: &TreeKey) -> String {
    let mut text = String::with_capacity(2 * key.0.len());
    hex_into(&mut text, key);
    text
}

/// A key as text. Its own way there goes digit by digit, and each answer has one.
pub(crate) fn hex_into(text: &mut String, key: &TreeKey) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |it: u8| char::from(DIGITS[usize::from(it & 15)]);
    text.extend(key.0.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]));
}

/// Counters that are asked for with every tree, looked up once.
pub(crate) struct Counters {
    hot: metrics::Counter,
    store: metrics::Counter,
    parsed: metrics::Counter,
    looks: AtomicU64,
}

/// One in so many looks at a hot tree counts as a use: it costs more than a look.
const LOOKS_PER_USE: u64 = 8;

impl Counters {
    pub(crate) fn new() -> Self {
        let of = |from| TREES.as_counter(&[from]);
        let looks = AtomicU64::new(0);
        Self { hot: of("hot"), store: of("store"), parsed: of("parsed"), looks }
    }

    fn is_a_use(&self) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOKS_PER_USE)
    }

    fn opened(&self, from: &str) {
        match from {
            "hot" => &self.hot,
            "store" => &self.store,
            _ => &self.parsed,
        }
        .increment(1);
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}
