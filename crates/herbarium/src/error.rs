//! What can fail.

use herbarium_capture::CaptureError;
use herbarium_index::{IndexError, OpenError, TablesError};
use herbarium_languages::ParseError;
use herbarium_query::QueryError;
use herbarium_store::StoreError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be opened, or has no place.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run over files ended early.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A file's tree cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A text cannot be parsed.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A live tree cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// There is no language of that id, or it is not built in.
    #[error(
        "there is no language `{id}` in this build: enable a feature that has it, or name another"
    )]
    NoLanguage {
        /// The id.
        id: String,
    },
    /// The query is wrong in every language that it was to be asked in.
    #[error("the query is wrong for {language}: {error}")]
    Query {
        /// The id of the first of these languages.
        language: String,
        /// What is wrong.
        error: Box<QueryError>,
    },
    /// A language that was named has no tables to compile queries with.
    #[error(transparent)]
    Tables(#[from] TablesError),
}
