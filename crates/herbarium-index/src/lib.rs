//! The engine of Herbarium: walks a code base, finds what changed since the
//! last time, parses that in parallel, and keeps every tree in a store.
//!
//! Pick this crate to index code and to open its trees again without parsing.
//! It knows nothing of terminals and nothing of HTTP: the command line and the
//! service are thin layers over it. To read stored trees alone, take
//! `herbarium-store` and `herbarium-codec`, which link no grammar.
//!
//! ```
//! use std::sync::Arc;
//! use herbarium_index::{Cancel, Engine, EngineOptions, Origin};
//! use herbarium_store::{Store, StoreOptions};
//!
//! # let dir = tempfile::tempdir()?;
//! # let (project, store_dir) = (dir.path().join("project"), dir.path().join("store"));
//! # std::fs::create_dir(&project)?;
//! # std::fs::write(project.join("main.rs"), "fn main() {}\n")?;
//! let store = Arc::new(Store::open(&store_dir, StoreOptions::new())?);
//! let engine = Engine::new(store, EngineOptions::default());
//!
//! let first = engine.index(&[project.clone()], &(), &Cancel::new())?;
//! assert_eq!((first.files, first.parses), (1, 1));
//!
//! let second = engine.index(&[project.clone()], &(), &Cancel::new())?;
//! assert_eq!((second.trees_reused, second.parses), (1, 0));
//!
//! let opened = engine.open(&project.join("main.rs"))?;
//! assert_eq!(opened.from, Origin::Store);
//! assert_eq!(opened.tree.root_node().kind(), "source_file");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//! - **Nothing is lost silently.** Every regular file that the walk finds is
//!   counted once in the [report](IndexReport): it has a tree, or it is of no
//!   known language, of one that was not built in, binary, or a named
//!   [`Problem`]. A run goes on past each of them.
//! - **Nothing unchanged is parsed**, nor what was moved or copied: trees are
//!   found by their content. A file whose size, times and inode are those of
//!   the last run is not even read.
//! - **Memory is bounded**: by [`EngineOptions::memory_budget`] for trees being
//!   made, whatever the size of the code base.
//! - **A stop at any time does no harm.** Trees are stored whole or not at all,
//!   and the next run finds those that are there; what a workspace looks like
//!   is written at the end, in one step.
//!
//! # What it emits
//! Counters, through `metrics`: `herbarium_parses_total` (label `language`),
//! `herbarium_trees_reused_total`, `herbarium_problems_total` (label `kind`),
//! `herbarium_reparses_total` (label `language`), `herbarium_watch_events_total`, `herbarium_watch_pressed_total`,
//! `herbarium_watch_rescans_total` (label `why`).
//! Warnings, through `tracing`. It installs neither.
//!
//! # Features
//! Those of `herbarium-languages` that choose the languages: `core-langs`
//! (default), `extended-langs`, `all-langs`.

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod at_work;
mod budget;
mod cancel;
mod check;
mod clock;
mod crew;
mod document;
mod engine;
mod error;
mod flights;
mod kin;
mod kinds;
mod lines;
mod means;
mod open;
mod options;
mod outcome;
mod paths;
mod plan;
mod press;
mod pressing;
mod problem;
mod progress;
mod read;
mod report;
mod rows;
mod run;
mod sampling;
mod scan;
mod snapshot;
mod source;
mod stat;
mod stats;
mod tally;
mod tiers;
mod tongue;
mod verdict;
mod verify;
mod walk;
mod watch;
mod weigh;

pub use cancel::Cancel;
pub use document::{Document, DocumentError, Edited, Settled};
pub use engine::{Engine, Opened, Origin};
pub use error::{IndexError, OpenError};
pub use herbarium_cache::{Compression, Moves, Stats as TierStats, TierStats as Tier};
pub use options::{CacheOptions, EngineOptions, Limit};
pub use paths::check_path;
pub use progress::{Phase, Progress, Tick};
pub use report::{
    IndexReport, LanguageFigures, Problem, ProblemKind, StatsReport, WorkspaceFigures,
};
pub use scan::{Mended, Missed, Outlet, ScanFile, ScanReport, Visitor};
pub use snapshot::Snapshot;
pub use source::{OpenedSource, Source};
pub use tongue::{QueryTables, TablesError};
pub use verdict::{DamagedTree, Difference, VerifyReport};
pub use watch::{Rescan, WatchError, WatchEvent, WatchOptions, Watcher};
