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
//! The format is described byte by byte in `docs/format/store-v1.md`.
//!
//! # What it emits
//! Counters, through `metrics`: `herbarium_store_damaged_total`,
//! `herbarium_store_records_written_total`, `herbarium_store_bytes_written_total`,
//! `herbarium_store_segments_sealed_total`. Warnings, through `tracing`. It
//! installs neither. A damaged catalogue can make its engine panic: the store
//! catches that, but the panic hook prints it; see [`hush_caught_panics`].

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backup;
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
