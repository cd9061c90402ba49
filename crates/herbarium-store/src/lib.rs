//! What is durable in Herbarium: syntax trees as opaque bytes, found by what
//! they are trees of; the grammar tables and dictionaries they need; and the
//! manifests of workspaces.
//!
//! Use it to keep trees across runs and to share them between processes. It
//! knows bytes and grammar tables, not syntax: to make and open trees see
//! `herbarium-codec`, to index a code base `herbarium-index`.
//!
//! ```
//! use herbarium_codec::Fingerprint;
//! use herbarium_store::{KeyParts, Store, StoreOptions};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("store");
//! let store = Store::open(&dir, StoreOptions::new())?;
//! let grammar = Fingerprint([1; 16]);
//! let key = KeyParts {
//!     runtime: "0.27.1",
//!     language: "rust",
//!     grammar,
//!     options: 0,
//!     included_ranges: &[],
//!     source: b"fn main() {}",
//! }
//! .key();
//!
//! assert!(store.get_tree(&key)?.is_none());
//! store.put_tree(&key, grammar, b"the tree, as bytecode", None)?;
//! assert_eq!(store.get_tree(&key)?.unwrap().bytes, b"the tree, as bytecode");
//! store.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//! - **A hit is never wrong.** Every record carries a checksum over its header
//!   and payload, and its whole key. A damaged record, a missing dictionary, a
//!   lost catalogue are a miss: counted, and logged with key and path.
//! - **Many processes** may read and write one store at once. What one put,
//!   others see at their next miss.
//! - **Durable** with the default options: across the end of the process, however
//!   it ends, from the moment a put returns; across a power failure from the next
//!   [`Store::flush`], [`Store::close`] or full segment.
//! - **Memory** does not grow with what is stored: sealed segments are mapped and
//!   searched in their own sorted tables.
//!
//! # When an insert is durable, what is atomic, who flushes
//! | | survives the end of the process | survives a power failure |
//! |---|---|---|
//! | [`Store::put_tree`], [`Store::put_revision`], [`Store::import_tree`] | when it returns | with [`Durability::Each`] when it returns; with [`Durability::Batch`] after the next [`Store::flush`], [`Store::close`], full segment or put of a table; with [`Durability::None`] whenever the system writes it |
//! | [`Store::put_grammar`], [`Store::put_dictionary`] | when it returns | when it returns, and all trees put before; not with [`Durability::None`] |
//! | [`Store::put_manifest`], [`Store::remove_manifest`] | when it returns | when it returns; flush the trees before you name them |
//! | the methods of a [`JobQueue`] | when they return | when they return |
//! | [`Store::keep_query`] | when it returns | whenever the system writes it |
//! | [`Store::gc`], [`Store::migrate`], [`Store::backup`], [`Store::restore`] | step by step | what they remove goes after what replaces it was synced |
//!
//! - **Atomic** is each record, each manifest, each sealed segment, each backup and
//!   restored store: others see all of it or nothing. Several puts together are not: a
//!   process that is killed leaves those that returned, and perhaps the one it was at.
//! - **Order.** Other processes see records in the order in which they were put. After a
//!   power failure any of those that were not synced may be missing, the earlier as well
//!   as the later; what is there is whole.
//! - **Who flushes:** whoever puts. The store does so by itself when a segment is full,
//!   when it is closed or dropped, and before it names what others rest on. No
//!   thread of its own does anything in the background.
//! - **A full disk** is an error of the put that met it; nothing of that is left, and all
//!   that was acknowledged before is there.
//! - **What is removed:** nothing, but by [`Store::gc`] and [`Store::remove_manifest`].
//!   Trees that a process relies on and no manifest names yet are safe from others'
//!   collections under a [`Store::hold`].
//!
//! The format is described byte by byte in `docs/format/store-v1.md`, and that of
//! [exported trees](ExportedTree) in `docs/format/export-v1.md`. Why sizes are what
//! they are is in [`heuristics`].
//!
//! # What it emits
//! Counters, through `metrics`: `herbarium_store_damaged_total`,
//! `herbarium_store_records_written_total`, `herbarium_store_bytes_written_total`,
//! `herbarium_store_segments_sealed_total`, `herbarium_store_trees_collected_total`,
//! `herbarium_store_revisions_written_total`. Warnings, through `tracing`. It
//! installs neither. A damaged catalogue can make its engine panic: the store
//! catches that, but the panic hook prints it; see [`hush_caught_panics`].

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backup;
mod belongings;
mod catalogue;
mod compress;
mod delta;
mod dictionary;
mod error;
mod export;
mod files;
#[cfg(test)]
mod format_page;
mod gc;
mod guard;
pub mod heuristics;
mod hold;
mod jobs;
mod key;
mod manifest;
mod marker;
mod migrate;
mod options;
mod pen;
mod quarantine;
mod record;
mod scan;
mod segment;
mod shelf;
mod stats;
mod store;
mod verify;
mod wire;

use std::path::Path;

pub use backup::{BackupReport, RestoreOptions};
pub use dictionary::{Dictionary, DictionaryId, train_zstd};
pub use error::StoreError;
pub use export::{ExportError, ExportedTree, Provenance};
pub use gc::{GcOptions, GcReport};
pub use guard::hush_caught_panics;
pub use hold::Hold;
pub use jobs::{
    Added, Claim, Failed, Grip, Job, JobCounts, JobId, JobOptions, JobQueue, JobState, NewJob,
};
pub use key::{KeyParts, ParseKeyError, TreeKey};
pub use manifest::{
    Manifest, ManifestInfo, ManifestRow, NoTree, Outcome, path_bytes, path_from_bytes,
};
pub use marker::{STORE_MAJOR, STORE_MINOR};
pub use migrate::{MigrateOptions, MigrateReport, MigrateStep, StoreVersion};
pub use options::{Compression, Durability, STORE_VARIABLE, StoreOptions, default_dir};
pub use stats::{GrammarStats, Stats};
pub use store::{Put, QueryParts, Store, StoredTree, TreeEntry, TreeInfo, Trees, Writer};
pub use verify::{Damage, VerifyFinding, VerifyReport};

/// Counts and logs a damaged record.
fn report_damaged(path: &Path, offset: Option<u64>, key: Option<&TreeKey>, why: &str) {
    metrics::counter!("herbarium_store_damaged_total").increment(1);
    tracing::warn!(
        segment = %path.display(),
        offset,
        key = key.map(tracing::field::display),
        why,
        "a damaged record is treated as missing"
    );
}

/// Counts and logs a sealed segment that has to be read by its records.
fn report_damaged_index(path: &Path, why: &str) {
    metrics::counter!("herbarium_store_damaged_total").increment(1);
    tracing::warn!(
        segment = %path.display(),
        why,
        "the index of a segment is damaged: its records are searched one by one"
    );
}
