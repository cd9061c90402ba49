//! A language with everything that a comparison needs.

use std::sync::Arc;

use herbarium_capture::{Capturer, parse_table_of};
use herbarium_codec::{Grammar, Tree};
use herbarium_conformance::{Settings, Tally, compare_queries, compare_runs};
use herbarium_languages::{Language, ParseLimits, ParserPool};
use herbarium_query::Compiler;

pub(crate) struct Bench {
    pub(crate) language: &'static Language,
    pub(crate) live: tree_sitter::Language,
    pub(crate) grammar: Arc<Grammar>,
    pub(crate) compiler: Compiler,
    pool: ParserPool,
}

/// A source, parsed and captured.
pub(crate) struct Specimen {
    pub(crate) source: Vec<u8>,
    pub(crate) live: tree_sitter::Tree,
    pub(crate) tree: Tree,
}

impl Bench {
    pub(crate) fn new(language: &'static Language) -> Self {
        let live = language.tree_sitter();
        let grammar = language.grammar().clone();
        let compiler = Compiler::new(grammar.clone(), Arc::new(parse_table_of(&live)));
        Self { language, live, grammar, compiler, pool: ParserPool::default() }
    }

    pub(crate) fn of(id: &str) -> Self {
        Self::new(herbarium_languages::by_id(id).expect("a core language"))
    }

    pub(crate) fn press(&self, source: Vec<u8>) -> Specimen {
        let limits = ParseLimits::default();
        let live = self.pool.parse(self.language, &source, None, &limits).expect("it parses");
        let tree = Capturer::new(&self.grammar).capture(&live, &source).expect("it is captured");
        Specimen { source, live, tree }
    }

    /// Compiles and runs a query both ways. Gives what was compared, or what
    /// differs.
    pub(crate) fn compare(
        &self,
        text: &str,
        specimens: &[Specimen],
        settings: &Settings,
    ) -> Result<Tally, String> {
        if std::env::var_os("HQ_TRACE").is_some() {
            std::fs::write("/tmp/hq.last", text).unwrap();
        }
        let query = self.compiler.compile(text);
        if self.compiler.is_circular(text) {
            return Ok(Tally::default());
        }
        let live_query = tree_sitter::Query::new(&self.live, text);
        if let Some(difference) = compare_queries(&live_query, &query) {
            return Err(difference.to_string());
        }
        let (Ok(live_query), Ok(query)) = (live_query, query) else { return Ok(Tally::default()) };
        let mut total = Tally::default();
        for one in specimens {
            let (tally, differences) =
                compare_runs((&live_query, &query), (&one.live, &one.tree), &one.source, settings);
            if let Some(difference) = differences.first() {
                return Err(difference.to_string());
            }
            total += tally;
        }
        Ok(total)
    }
}

/// The sample of a language.
pub(crate) fn sample(language: &Language) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../herbarium-languages/tests/samples");
    let files = std::fs::read_dir(folder).expect("the samples are there");
    let path = files
        .map(|entry| entry.expect("readable").path())
        .find(|path| path.file_stem().is_some_and(|stem| stem == language.id()))
        .expect("every language has a sample");
    std::fs::read(path).expect("readable")
}
