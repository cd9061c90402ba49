//! Opening one tree: from the tiers, else from the parser.

use std::path::Path;
use std::sync::Arc;

use herbarium_capture::Capturer;
use herbarium_codec::{Tree, encode, source_hash};
use herbarium_languages::{Language, ParseLimits};
use herbarium_store::{ExportedTree, Provenance, TreeKey, path_bytes};

use crate::engine::Shared;
use crate::read::{Unfit, read};
use crate::rows::{OPTIONS, RUNTIME, tree_key};
use crate::tongue::{Foreign, Tongue};
use crate::weigh::parse_memory;
use crate::{Cancel, OpenError, Opened, Origin};

pub(crate) fn open(shared: &Shared, path: &Path) -> Result<Opened, OpenError> {
    // Detection looks at the folders on the path, so that it must be the whole
    // one, as it was when the file was indexed.
    let path = &std::fs::canonicalize(path)
        .map_err(|source| OpenError::Read { path: path.to_owned(), source })?;
    let mut source = Vec::new();
    let reading = read(path, &shared.options, &Foreign::new(&shared.store), &mut source);
    let tongue = reading.language.map_err(|why| refuse(path, why))?;
    let row = tongue.row();
    let key = tree_key(row.id, tongue.fingerprint(), &source);
    let mut from = Origin::Store;
    let mut make = || {
        let Tongue::Built(language) = tongue else {
            return Err(refuse(path, Unfit::NotBuilt(row)));
        };
        from = Origin::Parsed;
        make_way(shared, language, &key);
        let limits = shared.limits(&Cancel::new());
        parse(shared, &Text { path, key, source: &source }, language, &limits)
    };
    let mut tree = shared.tiers.get_or_make(&key, &mut make)?;
    if tree.source_hash() != source_hash(&source) {
        tracing::warn!(%key, "a stored tree is the tree of another source");
        shared.tiers.condemn(&key, &shared.store);
        tree = shared.tiers.put(&key, make()?);
    }
    Ok(Opened { tree, source, language: row, from, key })
}

pub(crate) fn export(shared: &Shared, path: &Path) -> Result<ExportedTree, OpenError> {
    let opened = open(shared, path)?;
    let of = Provenance {
        language: opened.language.id.to_owned(),
        runtime: RUNTIME.to_owned(),
        options: OPTIONS,
        included_ranges: Vec::new(),
        path: path_bytes(path),
    };
    let (grammar, bytes) = (Arc::clone(opened.tree.grammar()), encode(&opened.tree));
    ExportedTree::new(opened.key, of, grammar, bytes)
        .map_err(|source| OpenError::Export { path: path.to_owned(), source: Box::new(source) })
}

/// Sees to it that a tree that is about to be made can be stored: with its grammar
/// table, and in place of one that is there and was found to be none.
pub(crate) fn make_way(shared: &Shared, language: &Language, key: &TreeKey) {
    let store = &shared.store;
    if store.is_read_only() {
        return;
    }
    let condemn = || if store.contains(key)? { store.condemn_tree(key).map(drop) } else { Ok(()) };
    let done = store.put_grammar(language.grammar()).map(drop).and_then(|()| condemn());
    if let Err(error) = done {
        tracing::warn!(%key, %error, "a tree that is being parsed may not be storable");
    }
}

/// A text to parse, what messages call it, and the key of its tree.
pub(crate) struct Text<'a> {
    pub(crate) path: &'a Path,
    pub(crate) key: TreeKey,
    pub(crate) source: &'a [u8],
}

pub(crate) fn parse(
    shared: &Shared,
    text: &Text<'_>,
    language: &Language,
    limits: &ParseLimits,
) -> Result<Tree, OpenError> {
    let _permit = shared.budget.acquire(memory_for(shared, text)?);
    parse_within(shared, text, language, limits)
}

/// What parsing a text takes of the budget for trees being made.
///
/// # Errors
/// [`OpenError::TooDense`] if it is more than all of it.
pub(crate) fn memory_for(shared: &Shared, text: &Text<'_>) -> Result<u64, OpenError> {
    let (needed, limit) = (parse_memory(text.source), shared.options.memory_budget);
    if needed > limit {
        return Err(OpenError::TooDense { path: text.path.to_owned(), needed, limit });
    }
    Ok(needed)
}

/// As [`parse`], by who holds the memory for it.
pub(crate) fn parse_within(
    shared: &Shared,
    text: &Text<'_>,
    language: &Language,
    limits: &ParseLimits,
) -> Result<Tree, OpenError> {
    let Text { path, key, source } = *text;
    let at_work = shared.at_work.begin(key, language.id(), limits.max_time);
    let live = shared
        .parse(language, source, limits)
        .map_err(|source| OpenError::Parse { path: path.to_owned(), source })?;
    drop(at_work);
    Capturer::new(language.grammar())
        .capture(&live, source)
        .map_err(|error| OpenError::Capture { path: path.to_owned(), source: Box::new(error) })
}

pub(crate) fn refuse(path: &Path, why: Unfit) -> OpenError {
    let path = path.to_owned();
    match why {
        Unfit::Unknown => OpenError::UnknownLanguage { path },
        Unfit::NotBuilt(row) => OpenError::NotBuilt { path, id: row.id, name: row.name },
        Unfit::Filtered => OpenError::Filtered { path },
        Unfit::InjectionOnly => OpenError::InjectionOnly { path },
        Unfit::Binary => OpenError::Encoding { path, found: "binary" },
        Unfit::Encoding(found) => OpenError::Encoding { path, found },
        Unfit::TooLarge { len, limit } => OpenError::TooLarge { path, len, limit },
        Unfit::Changing => OpenError::Changing { path },
        Unfit::Vanished(source) | Unfit::Unreadable(source) => OpenError::Read { path, source },
        Unfit::NotAFile(found) => OpenError::NotAFile { path, found },
    }
}
