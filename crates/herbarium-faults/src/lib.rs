//! Faults for Herbarium's store and engine, injected from outside: their code has
//! no hooks for it.
//!
//! A child process works on a store and says what it has done. Between it and the
//! kernel stands a small library ([`shim`]), which kills it at any call, makes any
//! call fail, fills the disk, lets the clock jump, or records all that it does, so
//! that the disks can be worked out that a power failure would leave ([`Disk`]).
//! Then the store is opened again, and compared with what was said ([`survey`]).
//!
//! Not for use by programs: it is what `cargo test -p herbarium-faults` and
//! `cargo xtask crash` are made of. What each test shows is told in
//! `docs/faults.md`.

#![deny(unsafe_code)]

mod child;
pub mod content;
mod crash;
mod disk;
pub mod indexing;
mod log;
mod power;
mod random;
mod scratch;
mod shim;
mod survey;
mod told;
mod work;

pub use child::{Bench, Ended, Running};
pub use crash::{Crash, Summary};
pub use disk::{Disk, Fate, Image};
pub use log::{Event, read as read_log};
pub use power::{Fates, Outcome, Record, Ways, check_store};
pub use random::Random;
pub use scratch::Scratch;
pub use shim::{Deed, Faults, class, shim};
pub use survey::{Loss, Survey, survey, survey_range};
pub use told::{Line, Told};
pub use work::{BATCH, ENDLESS, Kind, Work};
