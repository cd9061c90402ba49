//! A language with everything that a comparison needs.

use std::collections::HashSet;
use std::sync::Arc;

use herbarium_capture::{Capturer, parse_table_of};
use herbarium_codec::{BookTrainer, Decoder, Encoder, Grammar, Tree};
use herbarium_conformance::{Settings, Tally, compare_queries, compare_runs, repeats_nothing};
use herbarium_languages::{Language, ParseLimits, ParserPool};
use herbarium_query::{Compiler, Query};

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
        let captured = Capturer::new(&self.grammar).capture(&live, &source).expect("captured");
        let tree = self.stored(&captured, source.len().is_multiple_of(2));
        Specimen { source, live, tree }
    }

    /// The tree as it comes out of its bytes, pressed with a shape book or
    /// without.
    fn stored(&self, tree: &Tree, with_book: bool) -> Tree {
        let mut trainer = BookTrainer::new(&self.grammar);
        trainer.add(tree);
        let book = with_book.then(|| Arc::new(trainer.finish()));
        let mut bytes = Vec::new();
        Encoder::new().encode_into(tree, book.as_ref(), &mut bytes);
        Decoder::new().decode(&bytes, &self.grammar, book.as_ref()).expect("it opens again")
    }

    /// Compiles and runs a query both ways, the stored one as it comes out of
    /// its own bytes. Gives what was compared, or what
    /// differs.
    pub(crate) fn compare(
        &self,
        text: &str,
        specimens: &[Specimen],
        settings: &Settings,
    ) -> Result<Tally, String> {
        let query = self.compiler.compile(text);
        if self.compiler.is_circular(text) || repeats_nothing(text) {
            return Ok(Tally::default());
        }
        let live_query = tree_sitter::Query::new(&self.live, text);
        if let Some(difference) = compare_queries(&live_query, &query) {
            return Err(difference.to_string());
        }
        let (Ok(live_query), Ok(query)) = (live_query, query) else { return Ok(Tally::default()) };
        let query = Query::from_bytes(&query.to_bytes(), &self.grammar).expect("it loads");
        let live_query = Ok(live_query);
        let query = Ok(query);
        if let Some(difference) = compare_queries(&live_query, &query) {
            return Err(format!("loaded {difference}"));
        }
        let (Ok(live_query), Ok(query)) = (live_query, query) else { return Ok(Tally::default()) };
        let demands = query.demands();
        let mut total = Tally::default();
        for one in specimens {
            let (tally, differences) =
                compare_runs((&live_query, &query), (&one.live, &one.tree), &one.source, settings);
            if let Some(difference) = differences.first() {
                return Err(difference.to_string());
            }
            let kinds: HashSet<u16> = one.tree.nodes().map(|node| node.kind_id()).collect();
            let allowed = demands.allow_kinds(|kind| kinds.contains(&kind));
            if tally.matches > 0 && !(allowed && demands.allow_text(&one.source)) {
                return Err(format!("{} matches are not allowed", tally.matches));
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
