//! What is wrong with a query for symbols.

use herbarium_query::QueryError;

/// What is wrong with a query for symbols.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolQueryError {
    /// It is no query of the grammar.
    #[error("reading a query for symbols")]
    Query(#[from] QueryError),
    /// A `#strip!` has no regular expression.
    #[error(
        "reading a query for symbols: pattern {pattern} (counted from 1) has a `#strip!` with \
         `{regex}`, which is no regular expression; write it as the second argument, after a capture"
    )]
    Strip {
        /// Number of the pattern, counted from 1.
        pattern: usize,
        /// What stands where the expression should.
        regex: String,
        /// What is wrong with it.
        #[source]
        source: Option<regex::Error>,
    },
    /// A `#set!` has no value that its key can have.
    #[error(
        "reading a query for symbols: pattern {pattern} (counted from 1) sets `{key}` to \"{value}\", \
         but that takes {expected}; write it as `(#set! {key} \"…\")`"
    )]
    Setting {
        /// Number of the pattern, counted from 1.
        pattern: usize,
        /// What is set.
        key: String,
        /// What it is set to; nothing where there is no value.
        value: String,
        /// What it can be set to.
        expected: &'static str,
    },
    /// No pattern has both a name and a role.
    #[error(
        "reading a query for symbols: no pattern captures a `@name` together with a \
         `@definition.KIND` or `@reference.KIND`, so it would find nothing; add both to one pattern"
    )]
    NoSymbols,
}
