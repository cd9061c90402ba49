//! What came of a file.

use std::sync::Arc;
use std::time::Duration;

use herbarium_languages::{ParseError, Row};
use herbarium_store::TreeKey;

use crate::flights::Waiting;
use crate::read::Unfit;
use crate::stat::Stat;

/// What came of a file.
#[derive(Debug)]
pub(crate) struct FileDone {
    pub(crate) file: u32,
    pub(crate) stat: Option<Stat>,
    pub(crate) row: Option<&'static Row>,
    pub(crate) parsed: bool,
    pub(crate) parse_cpu: Duration,
    pub(crate) verdict: Result<Pressed, Failure>,
}

/// A file that has a tree now.
#[derive(Debug, Clone)]
pub(crate) struct Pressed {
    pub(crate) key: TreeKey,
    pub(crate) nodes: u32,
    pub(crate) lines: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) new: bool,
    pub(crate) kinds: Arc<[u8]>,
}

/// Why a file has no tree.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is not one to be parsed.
    Unfit(Unfit),
    /// Its tree would take more memory than there is.
    TooDense { needed: u64, limit: u64 },
    /// The parser gave no tree.
    Parse(ParseError),
    /// The live tree could not be taken over.
    Capture(String),
    /// The thread panicked.
    Panicked(String),
    /// The thread was left behind at this step.
    Hung(&'static str),
}

impl FileDone {
    pub(crate) fn new(file: u32) -> Self {
        Self {
            file,
            stat: None,
            row: None,
            parsed: false,
            parse_cpu: Duration::ZERO,
            verdict: Err(Failure::Unfit(Unfit::Unknown)),
        }
    }

    /// A file whose job ended without a word.
    pub(crate) fn failed(file: u32, stat: Option<Stat>, failure: Failure) -> Self {
        Self { stat, verdict: Err(failure), ..Self::new(file) }
    }
}

/// The files that waited have the same content, and so the same fate.
pub(crate) fn with_followers(leader: FileDone, waiting: Vec<Waiting>) -> Vec<FileDone> {
    let followers = waiting.into_iter().map(|waiting| FileDone {
        file: waiting.file,
        stat: Some(waiting.stat),
        row: leader.row,
        parsed: false,
        parse_cpu: Duration::ZERO,
        verdict: match &leader.verdict {
            Ok(pressed) => Ok(Pressed { new: false, ..pressed.clone() }),
            Err(failure) => Err(failure.copy()),
        },
    });
    let mut all: Vec<FileDone> = followers.collect();
    all.push(leader);
    all
}

impl Failure {
    fn copy(&self) -> Self {
        match self {
            // Files wait only for one that could be read.
            Self::Unfit(_) => Self::Unfit(Unfit::Unknown),
            Self::TooDense { needed, limit } => Self::TooDense { needed: *needed, limit: *limit },
            Self::Parse(error) => Self::Parse(error.clone()),
            Self::Capture(words) => Self::Capture(words.clone()),
            Self::Panicked(words) => Self::Panicked(words.clone()),
            Self::Hung(step) => Self::Hung(step),
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
