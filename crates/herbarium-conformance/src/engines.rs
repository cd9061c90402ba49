//! Both engines for one language.

use std::collections::HashSet;
use std::sync::Arc;

use herbarium_codec::{Grammar, ParseTable, Tree};
use herbarium_query::{Compiler, Query};

use crate::{Difference, Settings, Tally, compare_queries, compare_runs, repeats_nothing};

/// Compiles queries with both engines.
pub struct Engines {
    live: tree_sitter::Language,
    compiler: Compiler,
}

/// What became of a text.
pub enum Compiled {
    /// A query for both engines.
    Pair(Box<Pair>),
    /// No query for either: the same error at the same place.
    Refused,
    /// Its alternatives lead round in a circle: tree-sitter does not come to an
    /// end with such a text, and was not given it.
    Circular,
}

/// A query, compiled by both engines.
pub struct Pair {
    live: tree_sitter::Query,
    stored: Query,
}

impl Engines {
    /// Both engines for a language; grammar and table are those of the language.
    pub fn new(live: tree_sitter::Language, grammar: Arc<Grammar>, table: Arc<ParseTable>) -> Self {
        Self { live, compiler: Compiler::new(grammar, table) }
    }

    /// Compiles a text with both. Ours is the query as it comes out of its own
    /// bytes.
    ///
    /// # Errors
    /// The engines do not say the same of the text.
    pub fn compile(&self, text: &str) -> Result<Compiled, Difference> {
        if self.compiler.is_circular(text) || repeats_nothing(text) {
            return Ok(Compiled::Circular);
        }
        let live = tree_sitter::Query::new(&self.live, text);
        let stored = self.compiler.compile(text);
        differ(compare_queries(&live, &stored))?;
        let (Ok(live), Ok(stored)) = (live, stored) else { return Ok(Compiled::Refused) };
        let loaded = Query::from_bytes(&stored.to_bytes(), self.compiler.grammar());
        let loaded = loaded.map_err(|error| Difference {
            what: "loading the query",
            at: 0,
            expected: "a query".to_owned(),
            found: error.to_string(),
        })?;
        let (live, loaded) = (Ok(live), Ok(loaded));
        differ(compare_queries(&live, &loaded))?;
        match (live, loaded) {
            (Ok(live), Ok(stored)) => Ok(Compiled::Pair(Box::new(Pair { live, stored }))),
            _ => Ok(Compiled::Refused),
        }
    }
}

impl Pair {
    /// Runs both over both trees of a source and compares what they find, and
    /// whether the file would have been looked at at all.
    pub fn compare(
        &self,
        (live, tree): (&tree_sitter::Tree, &Tree),
        source: &[u8],
        settings: &Settings,
    ) -> (Tally, Vec<Difference>) {
        let (mut tally, mut differences) =
            compare_runs((&self.live, &self.stored), (live, tree), source, settings);
        if tally.matches > 0
            && let Some(difference) = self.wrongly_ruled_out(tree, source)
        {
            tally.differences += 1;
            differences.push(difference);
        }
        (tally, differences)
    }

    /// A file in which there are matches must meet the demands.
    fn wrongly_ruled_out(&self, tree: &Tree, source: &[u8]) -> Option<Difference> {
        let demands = self.stored.demands();
        let kinds: HashSet<u16> = tree.nodes().map(|node| node.kind_id()).collect();
        let what = match () {
            () if !demands.allow_kinds(|kind| kinds.contains(&kind)) => "demands on kinds",
            () if !demands.allow_text(source) => "demands on text",
            () => return None,
        };
        let (expected, found) = ("allowed".to_owned(), "ruled out".to_owned());
        Some(Difference { what, at: 0, expected, found })
    }

    /// The query of the live tree.
    pub fn live(&self) -> &tree_sitter::Query {
        &self.live
    }

    /// The query of the stored tree.
    pub fn stored(&self) -> &Query {
        &self.stored
    }
}

fn differ(difference: Option<Difference>) -> Result<(), Difference> {
    difference.map_or(Ok(()), Err)
}
