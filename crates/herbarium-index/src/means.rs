//! What the trees of one language share: grammar table, shape book, dictionary.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use herbarium_codec::{BookTrainer, Encoder, Grammar, ShapeBook, Tree};
use herbarium_languages::Language;
use herbarium_store::heuristics::dictionary_bytes;
use herbarium_store::{Dictionary, DictionaryId, Store, StoreError, TreeKey, train_zstd};

use crate::stat::Stat;

/// A dictionary and the shape book in it, ready to be used.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) dictionary: Arc<Dictionary>,
    pub(crate) book: Option<Arc<ShapeBook>>,
}

/// Shape books, read once for each dictionary.
#[derive(Default)]
pub(crate) struct Books(RwLock<HashMap<DictionaryId, Option<Arc<ShapeBook>>>>);

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Books").field(&books.len()).finish()
    }
}

impl Books {
    /// The book of a dictionary; `None` if there is none in it, or none that
    /// can be read.
    pub(crate) fn of(&self, dictionary: &Dictionary, grammar: &Grammar) -> Option<Arc<ShapeBook>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = known.get(&dictionary.id()) {
            return book.clone();
        }
        drop(known);
        let book = read_book(dictionary, grammar);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(dictionary.id()).or_insert(book).clone()
    }
}

fn read_book(dictionary: &Dictionary, grammar: &Grammar) -> Option<Arc<ShapeBook>> {
    if dictionary.book().is_empty() {
        return None;
    }
    match ShapeBook::from_bytes(dictionary.book(), grammar) {
        Ok(book) => Some(Arc::new(book)),
        Err(error) => {
            tracing::warn!(dictionary = %dictionary.id(), %error, "a shape book cannot be read");
            None
        }
    }
}

/// The means of a language that the store has.
pub(crate) fn stored_means(
    store: &Store,
    books: &Books,
    language: &Language,
) -> Result<Option<Means>, StoreError> {
    let dictionary = store.dictionary_for(&language.fingerprint())?;
    Ok(dictionary.map(|dictionary| {
        let book = books.of(&dictionary, language.grammar());
        Means { dictionary, book }
    }))
}

/// A language during a run.
pub(crate) struct Shelf {
    pub(crate) language: &'static Language,
    means: RwLock<Option<Means>>,
    samples: Mutex<Vec<Sample>>,
    /// Files whose trees were kept as samples.
    held: Mutex<Vec<u32>>,
}

/// A tree that waits for the dictionary that it helps to make.
pub(crate) struct Sample {
    pub(crate) file: u32,
    pub(crate) stat: Stat,
    pub(crate) key: TreeKey,
    pub(crate) lines: u32,
    pub(crate) tree: Tree,
    pub(crate) parse_cpu: std::time::Duration,
}

impl Shelf {
    /// Sees to it that the grammar table is in the store, and takes the
    /// dictionary that is there.
    pub(crate) fn new(
        store: &Store,
        books: &Books,
        language: &'static Language,
    ) -> Result<Self, StoreError> {
        store.put_grammar(language.grammar())?;
        let means = stored_means(store, books, language)?;
        Ok(Self {
            language,
            means: RwLock::new(means),
            samples: Mutex::default(),
            held: Mutex::default(),
        })
    }

    pub(crate) fn means(&self) -> Option<Means> {
        self.means.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_means(&self, means: Means) {
        *self.means.write().unwrap_or_else(PoisonError::into_inner) = Some(means);
    }

    pub(crate) fn hold(&self, sample: Sample) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(sample.file);
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }

    pub(crate) fn has_samples(&self) -> bool {
        !self.samples.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn take_samples(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The files whose samples were taken.
    pub(crate) fn take_held(&self) -> Vec<u32> {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fewer trees say too little about the next one.
pub(crate) const MIN_SAMPLES: usize = 24;
/// Makes a dictionary of trees of one language.
pub(crate) fn train(language: &Language, samples: &[Sample]) -> Means {
    let mut trainer = BookTrainer::new(language.grammar());
    samples.iter().for_each(|sample| trainer.add(&sample.tree));
    let book = Arc::new(trainer.finish());
    let mut encoder = Encoder::new();
    let pressed: Vec<Vec<u8>> = samples
        .iter()
        .map(|sample| {
            let mut bytes = Vec::new();
            encoder.encode_into(&sample.tree, Some(&book), &mut bytes);
            bytes
        })
        .collect();
    let total: usize = pressed.iter().map(Vec::len).sum();
    let zstd = train_zstd(&pressed, dictionary_bytes(total));
    let zstd = zstd.unwrap_or_default();
    let dictionary = Dictionary::new(language.fingerprint(), book.to_bytes(), zstd);
    Means { dictionary: Arc::new(dictionary), book: Some(book) }
}
