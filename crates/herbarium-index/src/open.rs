//! Opening one tree: from the store, else from the parser.

use std::path::Path;
use std::sync::Arc;

use herbarium_capture::Capturer;
use herbarium_codec::{Decoder, Encoder, Grammar, Tree, source_hash};
use herbarium_languages::Language;
use herbarium_store::{StoreError, TreeKey};

use crate::engine::Shared;
use crate::means::stored_means;
use crate::read::{Unfit, read};
use crate::rows::tree_key;
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
    let (row, grammar) = (tongue.row(), tongue.grammar());
    let key = tree_key(row.id, tongue.fingerprint(), &source);
    if let Some(tree) = from_store(shared, grammar, &key, &source)? {
        return Ok(Opened { tree, source, language: row, from: Origin::Store, key });
    }
    let Tongue::Built(language) = tongue else { return Err(refuse(path, Unfit::NotBuilt(row))) };
    let tree = parse(shared, path, language, &source)?;
    if !shared.store.is_read_only()
        && let Err(error) = keep(shared, language, &key, &tree)
    {
        tracing::warn!(path = %path.display(), %error, "a tree was parsed and could not be stored");
    }
    Ok(Opened { tree, source, language: row, from: Origin::Parsed, key })
}

pub(crate) fn open_key(shared: &Shared, key: &TreeKey) -> Result<Tree, OpenError> {
    let stored = shared.store.get_tree(key)?.ok_or(OpenError::NoTree { key: *key })?;
    let grammar = shared.store.grammar(&stored.info.fingerprint)?;
    let grammar = grammar.ok_or(OpenError::NoTree { key: *key })?;
    let tree = shared.decode(&stored.bytes, &stored.info, &grammar, &mut Decoder::new());
    tree.map_err(|error| {
        tracing::warn!(%key, %error, "a stored tree cannot be decoded");
        OpenError::NoTree { key: *key }
    })
}

/// The tree in the store, if it is there, whole, and one of this source.
fn from_store(
    shared: &Shared,
    grammar: &Arc<Grammar>,
    key: &TreeKey,
    source: &[u8],
) -> Result<Option<Tree>, StoreError> {
    let Some(stored) = shared.store.get_tree(key)? else { return Ok(None) };
    let decoded = shared.decode(&stored.bytes, &stored.info, grammar, &mut Decoder::new());
    let why = match decoded {
        Ok(tree) if tree.source_hash() == source_hash(source) => return Ok(Some(tree)),
        Ok(_) => "it is the tree of another source".to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(%key, why, "a stored tree cannot be used");
    Ok(None)
}

fn parse(
    shared: &Shared,
    path: &Path,
    language: &Language,
    source: &[u8],
) -> Result<Tree, OpenError> {
    let limits = shared.limits(&Cancel::new());
    let (needed, limit) = (parse_memory(source), shared.options.memory_budget);
    if needed > limit {
        return Err(OpenError::TooDense { path: path.to_owned(), needed, limit });
    }
    let _permit = shared.budget.acquire(needed);
    let live = shared
        .parse(language, source, &limits)
        .map_err(|source| OpenError::Parse { path: path.to_owned(), source })?;
    Capturer::new(language.grammar())
        .capture(&live, source)
        .map_err(|error| OpenError::Capture { path: path.to_owned(), source: Box::new(error) })
}

fn keep(
    shared: &Shared,
    language: &Language,
    key: &TreeKey,
    tree: &Tree,
) -> Result<(), StoreError> {
    shared.store.put_grammar(language.grammar())?;
    let means = stored_means(&shared.store, &shared.books, language)?;
    let book = means.as_ref().and_then(|means| means.book.as_ref());
    let mut bytes = Vec::new();
    Encoder::new().encode_into(tree, book, &mut bytes);
    let dictionary = means.as_ref().map(|means| Arc::clone(&means.dictionary));
    shared.store.put_tree(key, language.fingerprint(), &bytes, dictionary.as_ref())?;
    Ok(())
}

fn refuse(path: &Path, why: Unfit) -> OpenError {
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
