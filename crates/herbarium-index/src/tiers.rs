//! Trees in memory above the store: hot ones decoded, warm ones as bytecode. The
//! store is the cold tier below them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use herbarium_cache::{
    Cache, CacheBuilder, Codec, CodecError, Compression, Framing, Stats, Tier, TierError,
    TierOptions, Write,
};
use herbarium_codec::{Decoder, Encoder, Fingerprint, Grammar, ShapeBook, Tree};
use herbarium_store::{DictionaryId, Store, TreeKey};

use crate::OpenError;
use crate::means::{Books, Means};
use crate::options::CacheOptions;

/// The tiers of an engine.
pub(crate) struct Tiers {
    cache: Cache<[u8; 32], TreeCodec>,
}

impl Tiers {
    pub(crate) fn new(store: &Arc<Store>, books: &Arc<Books>, options: &CacheOptions) -> Self {
        let warm = options.warm.clone();
        let cache = build(store, books, options, warm).unwrap_or_else(|error| {
            tracing::warn!(%error, "trees in the warm tier are left uncompressed");
            // What is left has no setting that can be wrong.
            build(store, books, options, Compression::None).unwrap_or_else(|_| unreachable!())
        });
        Self { cache }
    }

    /// The tree, if it is hot: nothing is read, decoded or moved.
    pub(crate) fn peek(&self, key: &TreeKey) -> Option<Arc<Tree>> {
        self.cache.peek(&key.0)
    }

    /// The tree, from whichever tier has it.
    pub(crate) fn get(&self, key: &TreeKey) -> Option<Arc<Tree>> {
        self.cache.get(&key.0)
    }

    /// The tree, made if no tier has it: once, however many ask for it at a time.
    pub(crate) fn get_or_make(
        &self,
        key: &TreeKey,
        mut make: impl FnMut() -> Result<Tree, OpenError>,
    ) -> Result<Arc<Tree>, OpenError> {
        let mut own = None;
        let made = self.cache.get_or_try_insert_with(key.0, || {
            make().map_err(|error| {
                let told = error.to_string();
                own = Some(error);
                told
            })
        });
        match (made, own) {
            (Ok(tree), _) => Ok(tree),
            (Err(_), Some(error)) => Err(error),
            // It failed for another who asked first: with an error that was theirs.
            (Err(_), None) => make().map(Arc::new),
        }
    }

    /// Puts a tree in place of whatever the tiers have.
    pub(crate) fn put(&self, key: &TreeKey, tree: Tree) -> Arc<Tree> {
        self.cache.insert(key.0, tree)
    }

    /// Forgets a tree that is the wrong one, in memory and in the store.
    pub(crate) fn condemn(&self, key: &TreeKey, store: &Store) {
        if let Err(error) = store.condemn_tree(key) {
            tracing::warn!(%key, %error, "a wrong tree stays in the store");
        }
        self.cache.remove(&key.0);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.cache.stats()
    }

    pub(crate) fn publish_metrics(&self) {
        self.cache.publish_metrics();
    }
}

impl fmt::Debug for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cache.fmt(f)
    }
}

fn build(
    store: &Arc<Store>,
    books: &Arc<Books>,
    options: &CacheOptions,
    warm: Compression,
) -> Result<Cache<[u8; 32], TreeCodec>, herbarium_cache::BuildError> {
    let write = if store.is_read_only() { Write::Never } else { Write::OnInsert };
    let cold = TierOptions::new("cold").framing(Framing::Plain).write(write);
    CacheBuilder::new(TreeCodec::new(store, books))
        .budget(options.budget)
        .hot_share(f64::from(options.hot_percent.min(100)) / 100.0)
        .warm_compression(warm)
        .warm_whole(options.warm_whole)
        .expected_entry(EXPECTED_TREE)
        .tier(ColdTier(Arc::clone(store)), cold)
        .build()
}

/// A decoded tree of a file of a few hundred lines.
const EXPECTED_TREE: u64 = 32 << 10;

/// What follows a tree's bytecode: the grammar, and the dictionary that holds its
/// shape book, 0 for none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tail {
    grammar: Fingerprint,
    dictionary: Option<DictionaryId>,
}

impl Tail {
    const LEN: usize = 24;

    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.grammar.0);
        bytes.extend_from_slice(&self.dictionary.map_or(0, |id| id.0).to_le_bytes());
    }

    /// The bytecode, and what follows it.
    fn split(bytes: &[u8]) -> Option<(&[u8], Self)> {
        let (bytecode, tail) = bytes.split_at_checked(bytes.len().checked_sub(Self::LEN)?)?;
        let (grammar, id) = tail.split_at_checked(16)?;
        let id = u64::from_le_bytes(id.try_into().ok()?);
        let dictionary = (id != 0).then_some(DictionaryId(id));
        Some((bytecode, Self { grammar: Fingerprint(grammar.try_into().ok()?), dictionary }))
    }
}

/// Trees as bytecode, with the shape books of the store's dictionaries.
struct TreeCodec {
    store: Arc<Store>,
    books: Arc<Books>,
    /// When the store was asked for the dictionary of a grammar and had none.
    none_at: RwLock<HashMap<Fingerprint, Instant>>,
    /// What trees with a tail were decoded with: one look where the store's tables would
    /// take three. There are few, and the store keeps them, too, once they were read.
    keys: RwLock<Vec<(Tail, Arc<DecodeKey>)>>,
}

/// What a tree is decoded with.
struct DecodeKey {
    grammar: Arc<Grammar>,
    book: Option<Arc<ShapeBook>>,
}

thread_local! {
    static PRESS: RefCell<(Encoder, Decoder)> = RefCell::default();
}

/// So long a grammar without a dictionary is taken to have none.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl TreeCodec {
    fn new(store: &Arc<Store>, books: &Arc<Books>) -> Self {
        let (none_at, keys) = Default::default();
        Self { store: Arc::clone(store), books: Arc::clone(books), none_at, keys }
    }

    /// The dictionary and book that new trees of a grammar are encoded with.
    fn means(&self, tree: &Tree) -> Option<Means> {
        let grammar = tree.grammar();
        let fingerprint = grammar.fingerprint();
        let none_at = self.none_at.read().unwrap_or_else(PoisonError::into_inner);
        let had_none = none_at.get(&fingerprint).is_some_and(|at| at.elapsed() < ASK_AGAIN);
        drop(none_at);
        if had_none {
            return None;
        }
        let Ok(Some(dictionary)) = self.store.dictionary_for(&fingerprint) else {
            let mut none_at = self.none_at.write().unwrap_or_else(PoisonError::into_inner);
            none_at.insert(fingerprint, Instant::now());
            return None;
        };
        let book = self.books.of(&dictionary, grammar);
        Some(Means { dictionary, book })
    }

    fn decode_key(&self, tail: Tail) -> Result<Arc<DecodeKey>, CodecError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = keys.iter().find(|(known, _)| *known == tail) {
            return Ok(Arc::clone(key));
        }
        drop(keys);
        let key = Arc::new(self.read_decode_key(tail)?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if !keys.iter().any(|(known, _)| *known == tail) {
            keys.push((tail, Arc::clone(&key)));
        }
        Ok(key)
    }

    fn read_decode_key(&self, tail: Tail) -> Result<DecodeKey, CodecError> {
        let grammar = self.store.grammar(&tail.grammar).map_err(CodecError::new)?;
        let grammar = grammar.ok_or_else(|| CodecError::new("its grammar table is missing"))?;
        let Some(id) = tail.dictionary else { return Ok(DecodeKey { grammar, book: None }) };
        let dictionary = self.store.dictionary(id);
        let dictionary = dictionary.ok_or_else(|| CodecError::new("its dictionary is missing"))?;
        let book = self.books.of(&dictionary, &grammar);
        Ok(DecodeKey { grammar, book })
    }
}

impl Codec for TreeCodec {
    type Value = Tree;

    fn weigh(&self, tree: &Tree) -> usize {
        tree.heap_blocks().map(block).sum()
    }

    fn encode(&self, tree: &Tree, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let means = self.means(tree);
        let book = means.as_ref().and_then(|means| means.book.as_ref());
        PRESS.with_borrow_mut(|(encoder, _)| encoder.encode_into(tree, book, out));
        let dictionary = means.map(|means| means.dictionary.id());
        Tail { grammar: tree.grammar().fingerprint(), dictionary }.append(out);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Tree, CodecError> {
        let (bytecode, tail) = Tail::split(bytes).ok_or_else(|| CodecError::new("no tree"))?;
        let key = self.decode_key(tail)?;
        PRESS.with_borrow_mut(|(_, decoder)| {
            decoder.decode(bytecode, &key.grammar, key.book.as_ref()).map_err(CodecError::new)
        })
    }
}

/// What a block takes on the heap: an allocator's header is a word, and it gives out steps of
/// two, four at least, as glibc does. The cache itself adds to a value what one block costs; a
/// tree is a dozen of them, most of them short where the tree is small: with that alone, trees
/// of tiny files were seen to take 1.19 of the budget.
fn block(bytes: usize) -> usize {
    const WORD: usize = size_of::<usize>();
    bytes.saturating_add(WORD).next_multiple_of(2 * WORD).max(4 * WORD)
}

/// The store as the tier below memory. It compresses and checks by itself.
struct ColdTier(Arc<Store>);

impl Tier for ColdTier {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        thread_local! {
            static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BYTES.with_borrow_mut(|bytes| {
            let info = self.0.get_tree_into(&tree_key(key)?, bytes).map_err(failed)?;
            let Some(info) = info else { return Ok(false) };
            let dictionary = info.dictionary.map(|dictionary| dictionary.id());
            Tail { grammar: info.fingerprint, dictionary }.append(bytes);
            read(bytes);
            if bytes.capacity() > MOST_KEPT {
                *bytes = Vec::new();
            }
            Ok(true)
        })
    }

    /// What a tree rests on, the grammar table, is there already: whoever makes a
    /// tree puts it first.
    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        let put = || {
            let (bytecode, tail) = Tail::split(record).ok_or_else(|| failed("no tree"))?;
            let dictionary = tail.dictionary.and_then(|id| self.0.dictionary(id));
            let key = tree_key(key)?;
            let put = self.0.put_tree(&key, tail.grammar, bytecode, dictionary.as_ref());
            put.map(drop).map_err(failed)
        };
        put().inspect_err(|error: &TierError| {
            let why = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(why, "a tree was parsed and could not be stored");
        })
    }

    /// Nothing: a key is the hash of what its tree is made from, so that what the
    /// store has is never out of date.
    fn remove(&self, _: &[u8]) -> Result<(), TierError> {
        Ok(())
    }
}

/// Buffers that a large tree made longer than this are given back.
const MOST_KEPT: usize = 1 << 20;

fn tree_key(key: &[u8]) -> Result<TreeKey, TierError> {
    key.try_into().map(TreeKey).map_err(failed)
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TierError {
    TierError::Other(error.into())
}
