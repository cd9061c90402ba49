//! What can go wrong.

use std::io;
use std::path::PathBuf;

use herbarium_capture::CaptureError;
use herbarium_codec::DecodeError;
use herbarium_index::IndexError;
use herbarium_languages::ParseError;
use herbarium_store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("writing the report")]
    Write(#[source] io::Error),
    #[error("writing the report as JSON")]
    Json(#[source] serde_json::Error),
    #[error(
        "no language has {min_files} files of {min_bytes} to {max_bytes} bytes in the paths given: \
         give a larger code base, or lower --min-files and --min-bytes"
    )]
    TooFewFiles { min_files: usize, min_bytes: u64, max_bytes: u64 },
    #[error("`{0}` is no language of this build: `herbarium languages` lists them")]
    UnknownLanguage(String),
    #[error("parsing {}", path.display())]
    Parse { path: PathBuf, source: ParseError },
    #[error("setting a parser to `{language}`")]
    Grammar { language: &'static str, source: tree_sitter::LanguageError },
    #[error("the parser gave no tree for {}", path.display())]
    NoTree { path: PathBuf },
    #[error("capturing the tree of {}", path.display())]
    Capture { path: PathBuf, source: CaptureError },
    #[error("opening the pressed tree of {}", path.display())]
    Decode { path: PathBuf, source: DecodeError },
    #[error("compressing")]
    Compress(#[source] io::Error),
    #[error("measuring `{language}` in a process of its own: {said}")]
    Child { language: &'static str, said: String },
    #[error("measuring {} in a process of its own: {said}", path.display())]
    Corpus { path: PathBuf, said: String },
    #[error("reading the report {}", path.display())]
    Baseline { path: PathBuf, source: serde_json::Error },
    #[error("expected a report of schema {expected} in {}, found {found}: write it anew", path.display())]
    Schema { path: PathBuf, expected: u32, found: u32 },
    #[error("asking what was indexed")]
    Ask { source: Box<herbarium::Error> },
    #[error("{} is in no language that is built in: name a source file", path.display())]
    NoLanguage { path: PathBuf },
    #[error("indexing {}", path.display())]
    Index { path: PathBuf, source: IndexError },
    #[error("using the store in {}", path.display())]
    Store { path: PathBuf, source: StoreError },
    #[error("opening a tree")]
    Open { source: Box<herbarium_index::OpenError> },
    #[error("expected {expected} trees from the {tier} tier, found {hits}")]
    Tier { tier: &'static str, hits: u64, expected: u64 },
    #[error("no file in {} was given a tree: there is no source in it, or none of a language that is built in", path.display())]
    NothingIndexed { path: PathBuf },
    #[error("asking cargo for the packages of the workspace")]
    Packages(#[source] io::Error),
    #[error("cargo does not know the package {package}: run `cargo xtask languages --check`")]
    NoPackage { package: String },
    #[error("no queries: give `--queries DIR`, or run inside a workspace of Herbarium")]
    NoQueries,
    #[error("no language has both queries and code: give `--code DIR` with code of theirs")]
    NothingToCompare,
    #[error(
        "no workspace of Herbarium here, whose grammar packages ship the queries: run inside one"
    )]
    NoWorkspace,
    #[error("no pattern for calls in `{0}`: measure c, go, java, javascript, python or rust")]
    NoPattern(&'static str),
    #[error("the grammar package of `{0}` has no highlights.scm that both engines take")]
    NoHighlights(&'static str),
    #[error("a thread panicked")]
    Thread,
}

impl BenchError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Read { path, source }
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
