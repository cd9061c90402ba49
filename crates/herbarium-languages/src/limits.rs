//! What a parse may cost, and what is said when it costs more.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What a parse may cost.
///
/// Time and cancellation are looked at between the steps of the parser, many
/// thousand times a second. A grammar's own scanner that never returns from one
/// step is not stopped by them.
#[derive(Debug, Clone)]
pub struct ParseLimits {
    /// The longest source, in bytes. 32 MiB by default; tree-sitter itself
    /// counts to 4 GiB. A tree in memory takes 19 to 27 times its source.
    pub max_bytes: usize,
    /// The longest time on the clock. A minute by default.
    pub max_time: Option<Duration>,
    /// Stops the parse once it is true. None by default.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl ParseLimits {
    /// No limit but that of tree-sitter's positions, 4 GiB.
    pub fn none() -> Self {
        Self { max_bytes: MOST_BYTES, max_time: None, cancel: None }
    }

    /// # Errors
    /// [`ParseError::TooLarge`] if a source of that length may not be parsed.
    pub fn check_len(&self, len: usize) -> Result<(), ParseError> {
        let limit = self.max_bytes.min(MOST_BYTES);
        if len > limit { Err(ParseError::TooLarge { len, limit }) } else { Ok(()) }
    }
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_bytes: 32 << 20, max_time: Some(Duration::from_secs(60)), cancel: None }
    }
}

/// tree-sitter's positions are 32 bits wide.
const MOST_BYTES: usize = u32::MAX as usize;

/// Why there is no tree. Broken source is no such reason: its tree has ERROR
/// and MISSING nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The source is longer than [`ParseLimits::max_bytes`].
    #[error(
        "not parsed: the source has {len} bytes, the limit is {limit}: raise the limit or leave the file out"
    )]
    TooLarge {
        /// Length of the source, in bytes.
        len: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// The parse took longer than [`ParseLimits::max_time`].
    #[error(
        "parsing was stopped after {limit:?}, the time limit: raise the limit or leave the file out"
    )]
    TimedOut {
        /// The longest time allowed.
        limit: Duration,
    },
    /// [`ParseLimits::cancel`] became true.
    #[error("parsing was cancelled: parse again to get a tree")]
    Cancelled,
    /// tree-sitter does not take the grammar.
    #[error(
        "the grammar of `{language}` cannot be used, {reason}: build with the versions that Cargo.lock names"
    )]
    Language {
        /// Id of the language.
        language: &'static str,
        /// What tree-sitter says.
        reason: String,
    },
    /// The tree to start from belongs to another language.
    #[error(
        "not parsed: the old tree is not one of `{language}`: give a tree of the same language, or none"
    )]
    OldTree {
        /// Id of the language to parse.
        language: &'static str,
    },
    /// tree-sitter gave no tree and no reason; a scanner that fails to start does so.
    #[error(
        "the parser of `{language}` gave no tree: report the file, with the version of its grammar"
    )]
    NoTree {
        /// Id of the language.
        language: &'static str,
    },
}
