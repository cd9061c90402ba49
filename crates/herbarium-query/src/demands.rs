//! What a file must have for a query to find anything in it: known before its
//! tree is touched.

use memchr::memmem::Finder;

use crate::Query;
use crate::predicate::Test;
use crate::reach::Reach;
use crate::step::{Entry, WILDCARD};

/// What a file must have for a query to find anything in it.
///
/// Both questions err on the safe side: a file that is not allowed has no
/// match, one that is allowed may have none either.
///
/// ```no_run
/// # fn ask(query: &herbarium_query::Query, kinds: &[u16], source: &[u8]) {
/// let demands = query.demands();
/// if demands.allow_kinds(|kind| kinds.contains(&kind)) && demands.allow_text(source) {
///     // Open the tree and run the query.
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Demands<'q> {
    query: &'q Query,
    /// For each start of a pattern that was not disabled, texts of which one of each
    /// group must be there.
    texts: Vec<Vec<Vec<Finder<'q>>>>,
}

impl Query {
    /// What a file must have for the query to find anything in it. Cost:
    /// linear in the query; keep it where many files are asked.
    pub fn demands(&self) -> Demands<'_> {
        // A pattern has an entry for each of its starts; a disabled one has none.
        let mut reach = Reach::default();
        let texts = self.program.entries.iter().map(|entry| self.texts_of(entry, &mut reach));
        Demands { query: self, texts: texts.collect() }
    }

    /// The literals that predicates of a pattern compare with. Only of captures that
    /// every match that begins there has: without a node there is nothing to
    /// contradict.
    fn texts_of(&self, entry: &Entry, reach: &mut Reach) -> Vec<Vec<Finder<'_>>> {
        let checks = self.predicates[usize::from(entry.pattern)].checks.iter();
        let checks = checks.filter(|check| {
            check.positive
                && check.all
                && reach.always_captures(&self.program, entry.step, check.capture)
        });
        let groups = checks.filter_map(|check| match &check.test {
            Test::Text(text) => Some(vec![Finder::new(&**text)]),
            Test::AnyOf(texts) => Some(texts.iter().map(|text| Finder::new(&**text)).collect()),
            Test::Capture(_) | Test::Matches(_) => None,
        });
        groups.collect()
    }
}

impl Demands<'_> {
    /// Whether any pattern can match in a tree that has only such kinds.
    pub fn allow_kinds(&self, has: impl Fn(u16) -> bool) -> bool {
        let program = &self.query.program;
        let mut reach = Reach::default();
        program.entries.iter().any(|entry| {
            reach.leads_anywhere(program, entry.step, false, |_, step| {
                step.symbol == WILDCARD || has(step.symbol)
            })
        })
    }

    /// Whether any pattern can match in a file with that text.
    pub fn allow_text(&self, text: &[u8]) -> bool {
        let is_there = |finder: &Finder<'_>| finder.find(text).is_some();
        let allows =
            |groups: &Vec<Vec<Finder<'_>>>| groups.iter().all(|group| group.iter().any(is_there));
        self.texts.iter().any(allows)
    }
}
