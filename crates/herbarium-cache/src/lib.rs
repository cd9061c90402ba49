//! A cache of several tiers inside one budget of memory. Values move between **hot**
//! (decoded, ready to use), **warm** (compressed, in memory) and tiers below (a disk, a
//! store of your own) by how they are used.
//!
//! Pick it for values that are costly to make, larger decoded than encoded, and asked for
//! again: syntax trees, parsed documents, rendered pages. For small values in one tier,
//! `quick_cache` (which decides here what stays) or `moka` is simpler; where entries must
//! expire by time, take `moka`.
//!
//! ```
//! use herbarium_cache::{Bytes, Cache, CacheBuilder, MemoryTier, TierOptions};
//!
//! let cache: Cache<String, _> = CacheBuilder::new(Bytes)
//!     .budget(64 << 20)
//!     .tier(MemoryTier::new(), TierOptions::new("cold"))
//!     .build()?;
//!
//! // Computed once, however many callers ask at one time.
//! let make = || std::fs::read("Cargo.toml");
//! let text = cache.get_or_try_insert_with("Cargo.toml".to_owned(), make)?;
//! let again = cache.get(&"Cargo.toml".to_owned()).expect("it is hot now");
//! assert!(std::sync::Arc::ptr_eq(&text, &again));
//!
//! let stats = cache.stats();
//! assert_eq!((stats.hits(), stats.misses), (1, 1));
//! assert!(stats.memory() <= stats.budget);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Values of your own need a [`Codec`]: what a value weighs, and how it becomes bytes and
//! comes back. Keys need [`Key`], which integers, arrays, text and bytes have.
//!
//! # The tiers
//! | tier | holds | a hit costs |
//! |---|---|---|
//! | hot | `Arc<V>` | one clone of the `Arc`; some tens of nanoseconds |
//! | warm | bytes, LZ4 by default | decompressing and decoding |
//! | below: any number of [`Tier`]s | records, zstd by default | reading, decompressing, decoding |
//!
//! A value lies in memory once: what becomes hot leaves the warm tier. What leaves the hot
//! tier is encoded and becomes warm; what leaves the warm tier is written below, unless it
//! is there already. A tier below may also be written on insert, or only read; see
//! [`Write`].
//!
//! What stays hot is decided by a variant of Clock-PRO: newcomers have a small part of the
//! tier to themselves and displace what is used often only when they are used again. So a
//! scan over a code base does not wash out what is hot; reads that know they are one can
//! say so with [`ReadHint::Scan`] and move nothing at all.
//!
//! # What is promised
//! - **No stale values.** From when [`Cache::insert`] or [`Cache::remove`] returns, no
//!   reader sees the former value, from whatever tier and whatever was on its way.
//! - **Failures below are misses.** A tier that fails, is full, panics or returns wrong
//!   bytes is counted and passed over.
//! - **The budget holds.** Weights count values, keys and the bookkeeping of each entry;
//!   tables, buffers, compression contexts and dictionaries are measured and taken from the
//!   entries' share. The memory of the process that is due to the cache stays within 5% of
//!   the budget as far as [`Codec::weigh`] tells the truth. What an allocator loses between
//!   blocks that come and go is measured, too, where it is glibc (2.33 or later) or a
//!   [`Heap`] of your own: its free pages are given back, and entries leave up to an eighth of
//!   the budget free for the rest. Under a churn of several threads that made 1.02 to 1.04 of
//!   the budget out of 1.2 to 1.5. Not counted: values that callers hold on to after they left
//!   the cache, what lies below, and the holes between values of some hundred bytes in
//!   arenas of several threads, of which no page comes free: up to a fifth of the budget,
//!   where it is full of them; `MALLOC_ARENA_MAX=1` mends that. A budget below 4 MiB is not
//!   looked after so; nor are other allocators, unless a [`Heap`] tells of them: mimalloc was
//!   seen to take 1.3 of the budget for values like trees and more for mixed sizes, jemalloc 1.3.
//! - **One computation for each key**, among blocking and asynchronous callers together. One
//!   that fails or panics fails those who waited and poisons nothing.
//!
//! # What it costs
//! No thread and no timer of its own: the thread whose call displaces a value moves it.
//! A hot hit neither allocates nor waits nor writes to memory that other threads write,
//! apart from the shard's lock and the `Arc`'s count. Metrics cost it one load and one store;
//! each 256th hit of a thread is timed. An insert takes two short locks and whatever its
//! demotions take. A value on its way between two tiers is a miss for others: some
//! microseconds. An entry takes some 100 bytes beside its value. After each sixteenth of the
//! budget that was inserted the heap is looked at, which takes a fraction of a millisecond
//! for each 100 MB, and giving back its free pages some milliseconds. Where values were made by
//! nothing but a copy, a gigabyte each second, that took up to a third of the time.
//!
//! # Metrics
//! Through the [`metrics`](https://docs.rs/metrics) facade, listed in [`METRICS`]; without a
//! recorder they are counted for [`Cache::stats`] only. The facade learns in batches: each
//! 256 hot hits of a thread, each 1024 slower events, and when
//! [`Cache::publish_metrics`] is called, best just before it is read.
//!
//! # Features
//! - `tune` (default): [`tune::Resources::detect`], through `sysinfo`.

#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bounded;
mod builder;
mod cache;
mod codec;
mod compression;
mod distrust;
mod entry;
mod flight;
mod future;
mod heap;
mod key;
mod ladder;
mod lower;
mod metrics;
mod record;
mod scratch;
mod stats;
mod stripe;
mod sync;
mod tier;
pub mod tune;

pub use builder::{BuildError, CacheBuilder};
pub use cache::{Cache, ReadHint};
pub use codec::{Bytes, Codec, CodecError, Group};
pub use compression::{Compression, Dictionaries};
pub use flight::ComputeError;
pub use future::AsyncCache;
pub use heap::{Heap, HeapReading};
pub use key::Key;
pub use metrics::{METRICS, Metric, describe_metrics};
pub use stats::{Moves, Stats, TierStats};
pub use tier::{
    DirectoryTier, Fetch, Framing, MemoryTier, Tier, TierError, TierOptions, Usage, Write,
};
