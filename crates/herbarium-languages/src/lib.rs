//! 141 tree-sitter languages behind one type: which language a file is in, the
//! grammar's names, a bounded pool of parsers, and limits on what a parse may cost.
//!
//! Pick this crate to parse files of many languages. To read trees that were
//! stored before, `herbarium-codec` alone is enough, and links no grammar.
//!
//! ```
//! use std::path::Path;
//! use herbarium_languages::{ParseLimits, ParserPool, detect};
//!
//! let source = b"fn main() {}";
//! let detection = detect(Path::new("src/main.rs"), source).ok_or("no language")?;
//! let rust = detection.language().ok_or("not built in")?;
//! let tree = ParserPool::default().parse(rust, source, None, &ParseLimits::default())?;
//! assert_eq!(tree.root_node().kind(), "source_file");
//! assert_eq!(rust.grammar().name(), "rust");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! One feature a language, `lang-ID`, and three sets: `core-langs` (the default,
//! 16 languages, about 20 MB of program), `extended-langs` (110) and `all-langs`
//! (141, 187 MB). All 141 [rows](known) are there in any build, so that a file
//! of a language that was left out can be named instead of overlooked. The list
//! is in `docs/LANGUAGES.md`.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[macro_use]
mod exposure;
mod clash;
mod detect;
#[rustfmt::skip]
mod generated;
mod language;
mod limits;
mod pool;
mod row;

pub use clash::{Clash, Rule, Verdict, clashes};
pub use detect::{Detection, HEAD_BYTES, detect, needs_head};
pub use language::{Language, all, build_set, by_id};
pub use limits::{ParseError, ParseLimits};
pub use pool::ParserPool;
pub use row::{Pin, Row, Tier, Weight, known};
