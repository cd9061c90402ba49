//! A tree that the store lost, pressed again while its file is being asked.
//!
//! On a thread of its own, as scanners are C: what hangs or panics costs the answer for
//! this file, and nothing else.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use herbarium_codec::{Encoder, Tree};
use herbarium_languages::Language;
use herbarium_store::{StoreError, TreeKey};

use crate::Cancel;
use crate::crew::{Crew, Outcome, Watch, Work};
use crate::engine::Shared;
use crate::means::Shelf;
use crate::open::{Text, memory_for, parse_within};
use crate::outcome::chain;
use crate::press::parse_limit;

/// A file whose tree is lost, with the content that it was the tree of.
pub(super) struct Lost {
    pub(super) shared: Arc<Shared>,
    pub(super) language: &'static Language,
    pub(super) key: TreeKey,
    pub(super) path: PathBuf,
    pub(super) source: Vec<u8>,
    /// Whether the store has a tree under this key that is none, or another one.
    pub(super) condemn: bool,
}

/// A tree that is there again, and whether the store has it.
pub(super) struct Found {
    pub(super) tree: Tree,
    pub(super) stored: bool,
}

/// Presses it again, and stores it where that is allowed.
///
/// # Errors
/// Why that cannot be done, in words.
pub(super) fn mend(lost: Lost, stop: &AtomicBool) -> Result<Found, String> {
    let cancel = Cancel::new();
    let work = Arc::new(Mender { lost, cancel: cancel.clone() });
    let mut crew = Crew::start(work, 1).map_err(|error| chain(&error))?;
    let mut found = Err("it was given up".to_owned());
    let ran = crew.run(vec![()], |event| {
        if stop.load(Ordering::Relaxed) {
            cancel.cancel();
        }
        match event {
            Some(((), Outcome::Done(done))) => found = done.map(|found| *found),
            Some(((), Outcome::Panicked(words))) => found = Err(words),
            Some(((), Outcome::Hung(step))) => found = Err(format!("{step} took too long")),
            None => {}
        }
        true
    });
    ran.map_err(|error| chain(&error))?;
    found
}

struct Mender {
    lost: Lost,
    cancel: Cancel,
}

impl Work for Mender {
    type Job = ();
    type Done = Result<Box<Found>, String>;
    type Tools = ();

    fn tools(&self) {}

    fn work(&self, (): (), (): &mut (), watch: &Watch) -> Self::Done {
        let Lost { shared, language, key, path, source, .. } = &self.lost;
        let (text, limits) = (Text { path, key: *key, source }, shared.limits(&self.cancel));
        if shared.at_work.is_hanging(key) {
            return Err("its parse hung before".to_owned());
        }
        let needed = memory_for(shared, &text).map_err(|error| chain(&error))?;
        watch.wait();
        watch.keep(shared.budget.acquire(needed));
        watch.step("parsing", parse_limit(&limits));
        let tree = parse_within(shared, &text, language, &limits);
        watch.release();
        let tree = tree.map_err(|error| chain(&error))?;
        let stored = self.store(&tree).unwrap_or_else(|error| {
            tracing::warn!(%key, %error, "a tree was pressed again and could not be stored");
            false
        });
        Ok(Box::new(Found { tree, stored }))
    }
}

impl Mender {
    fn store(&self, tree: &Tree) -> Result<bool, StoreError> {
        let Lost { shared, language, key, condemn, .. } = &self.lost;
        let store = &shared.store;
        if store.is_read_only() {
            return Ok(false);
        }
        if *condemn {
            store.condemn_tree(key)?;
        }
        let means = Shelf::new(store, &shared.books, language)?.means();
        let mut bytes = Vec::new();
        let book = means.as_ref().and_then(|means| means.book.as_ref());
        Encoder::new().encode_into(tree, book, &mut bytes);
        let dictionary = means.as_ref().map(|means| &means.dictionary);
        store.put_tree(key, language.fingerprint(), &bytes, dictionary)?;
        Ok(true)
    }
}
