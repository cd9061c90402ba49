//! Compiling queries, and what a compiled query says of itself.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use herbarium_codec::{Grammar, ParseTable};

use crate::analyze::analyze;
use crate::anchor::{Anchor, Places, anchors};
use crate::chain::Chains;
use crate::error::{Names, QueryError};
use crate::parse::parse;
use crate::predicate::{self, Predicates, QueryPredicate, QueryProperty};
use crate::quantifier::CaptureQuantifier;
use crate::rules::Rules;
use crate::step::{Program, WILDCARD, flag};

/// Compiles queries for one grammar.
///
/// What every query of the grammar needs is worked out once, here: keep the
/// compiler where many are compiled.
pub struct Compiler {
    grammar: Arc<Grammar>,
    rules: Rules,
}

impl Compiler {
    /// A compiler for the grammar of a table. `table` is the parse table of
    /// the same grammar. Cost: linear in the parse table.
    pub fn new(grammar: Arc<Grammar>, table: Arc<ParseTable>) -> Self {
        Self { grammar, rules: Rules::new(table) }
    }

    /// The grammar that queries are compiled for.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Compiles a query: one or more patterns, as in a `.scm` file.
    ///
    /// # Errors
    /// The text is no query of this grammar. Same kind and place as
    /// `tree_sitter::Query::new` has.
    pub fn compile(&self, source: &str) -> Result<Query, QueryError> {
        self.compile_until(source, None)
    }

    /// As [`Compiler::compile`], given up when that time has passed. For queries
    /// of others: some that are short take minutes, as they do with tree-sitter,
    /// such as ones with many anchored children in a grammar with many rules.
    ///
    /// # Errors
    /// As [`Compiler::compile`] has, and [`QueryErrorKind::TooSlow`].
    ///
    /// [`QueryErrorKind::TooSlow`]: crate::QueryErrorKind::TooSlow
    pub fn compile_until(
        &self,
        source: &str,
        deadline: Option<Instant>,
    ) -> Result<Query, QueryError> {
        let known = |captures| Known { grammar: self.grammar.clone(), captures };
        let mut program = parse(&self.grammar, &self.rules.table, source)
            .map_err(|(fault, program)| QueryError::of(fault, source, &known(program.captures)))?;
        analyze(&mut program, &self.grammar, &self.rules, deadline)
            .map_err(|fault| QueryError::of(fault, source, &known(program.captures.clone())))?;
        let predicates = predicate::read(&program, Some(source))?;
        program.predicate_offsets = Vec::new();
        Ok(Query::of(self.grammar.clone(), program, predicates))
    }
}

impl Compiler {
    /// Whether the alternatives of a pattern lead round in a circle without a
    /// node, as those of `((identifier)*)+` do. Here each counts once;
    /// tree-sitter 0.27 does not come to an end when it compiles such a text,
    /// even one that is wrong further on.
    pub fn is_circular(&self, source: &str) -> bool {
        match parse(&self.grammar, &self.rules.table, source) {
            Ok(mut program) => {
                let _ = analyze(&mut program, &self.grammar, &self.rules, None);
                program.circular
            }
            Err((_, program)) => program.circular,
        }
    }
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler").field("grammar", &self.grammar.name()).finish_non_exhaustive()
    }
}

/// A number that no query has yet.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The names that an unknown one may have been meant as.
struct Known {
    grammar: Arc<Grammar>,
    captures: Vec<String>,
}

impl Names for Known {
    fn fields(&self) -> Vec<&str> {
        self.grammar.parts().fields.iter().map(String::as_str).collect()
    }

    fn captures(&self) -> Vec<&str> {
        self.captures.iter().map(String::as_str).collect()
    }

    fn kinds(&self, named: bool) -> Vec<&str> {
        let kinds = self.grammar.parts().kinds.iter();
        let kinds = kinds.filter(|kind| kind.named == named && (kind.visible || kind.supertype));
        kinds.map(|kind| kind.name.as_str()).collect()
    }
}

/// A compiled query.
///
/// It never changes while it runs: share it between threads, with a
/// [`crate::QueryCursor`] for each.
#[derive(Clone)]
pub struct Query {
    /// The same only for queries that find the same.
    pub(crate) id: u64,
    pub(crate) grammar: Arc<Grammar>,
    pub(crate) program: Program,
    pub(crate) predicates: Vec<Predicates>,
    derived: Derived,
}

/// What follows from the rest, worked out when it is first needed: most
/// queries that are opened are not asked of every kind of tree.
#[derive(Clone, Default)]
struct Derived {
    /// By entry of the program.
    anchors: OnceLock<Vec<Option<Anchor>>>,
    chains: OnceLock<Chains>,
    kinds: OnceLock<Kinds>,
    places: OnceLock<Option<Places>>,
}

/// What a query has to do with kinds of nodes.
#[derive(Clone, Default)]
pub(crate) struct Kinds {
    /// By kind, which of the two it is: named in a step, looked for.
    of: Vec<(bool, bool)>,
    /// The same of kinds that the grammar does not have: errors.
    of_errors: (bool, bool),
    pub(crate) has_supertypes: bool,
    pub(crate) has_missing: bool,
}

impl Kinds {
    fn of(query: &Query) -> Self {
        let program = &query.program;
        let mut kinds =
            Self { of: vec![(false, false); query.grammar.kind_count()], ..Self::default() };
        for step in program.steps.iter().filter(|step| !step.is_done()) {
            kinds.has_supertypes |= step.supertype != 0;
            kinds.has_missing |= step.has(flag::MISSING);
            kinds.entry(step.symbol).0 = true;
        }
        let starts = program.entries.iter().map(|entry| program.entry_symbol(entry));
        for kind in starts.chain(query.chains().kinds()) {
            if kind == WILDCARD {
                kinds.of.iter_mut().for_each(|of| of.1 = true);
                kinds.of_errors.1 = true;
            }
            kinds.entry(kind).1 = true;
        }
        kinds
    }

    fn entry(&mut self, kind: u16) -> &mut (bool, bool) {
        self.of.get_mut(usize::from(kind)).unwrap_or(&mut self.of_errors)
    }

    fn get(&self, kind: u16) -> (bool, bool) {
        self.of.get(usize::from(kind)).copied().unwrap_or(self.of_errors)
    }

    /// Whether any step names the kind.
    pub(crate) fn names(&self, kind: u16) -> bool {
        self.get(kind).0
    }

    /// Whether anything can begin or end at nodes of the kind.
    pub(crate) fn wants(&self, kind: u16) -> bool {
        self.get(kind).1
    }
}

impl Query {
    pub(crate) fn of(
        grammar: Arc<Grammar>,
        mut program: Program,
        predicates: Vec<Predicates>,
    ) -> Self {
        program.mark_alone();
        Self { id: next_id(), grammar, program, predicates, derived: Derived::default() }
    }

    /// By entry of the program, the text that a pattern is found from.
    pub(crate) fn anchors(&self) -> &[Option<Anchor>] {
        self.derived.anchors.get_or_init(|| anchors(&self.program, &self.predicates))
    }

    /// Where its chains end, if all are found from texts.
    pub(crate) fn places(&self) -> Option<&Places> {
        self.derived.places.get_or_init(|| Places::of_chains(self)).as_ref()
    }

    /// What the query has to do with kinds of nodes.
    pub(crate) fn kinds(&self) -> &Kinds {
        self.derived.kinds.get_or_init(|| Kinds::of(self))
    }

    /// Patterns that need no states.
    pub(crate) fn chains(&self) -> &Chains {
        self.derived.chains.get_or_init(|| {
            Chains::of(&self.program, |kind| {
                self.grammar.is_named(kind) && !self.grammar.is_shared(kind)
            })
        })
    }

    /// The grammar that the query was compiled for.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Number of patterns.
    pub fn pattern_count(&self) -> usize {
        self.program.patterns.len()
    }

    /// Names of the captures, by number.
    pub fn capture_names(&self) -> &[String] {
        &self.program.captures
    }

    /// Number of the capture with that name.
    pub fn capture_index_for_name(&self, name: &str) -> Option<u32> {
        let found = self.program.captures.iter().position(|known| known == name);
        found.map(|index| index as u32)
    }

    /// How often each capture can occur in a match of a pattern, by number of
    /// the capture.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn capture_quantifiers(&self, pattern: usize) -> Vec<CaptureQuantifier> {
        let mut quantifiers = self.program.patterns[pattern].quantifiers.0.clone();
        quantifiers.resize(self.program.captures.len(), CaptureQuantifier::Zero);
        quantifiers
    }

    /// Where a pattern starts in the text, in bytes.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn start_byte_for_pattern(&self, pattern: usize) -> usize {
        self.program.patterns[pattern].start_byte as usize
    }

    /// Where a pattern ends in the text, in bytes.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn end_byte_for_pattern(&self, pattern: usize) -> usize {
        self.program.patterns[pattern].end_byte as usize
    }

    /// The properties that a pattern checks with `is?` (true) and `is-not?`.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn property_predicates(&self, pattern: usize) -> &[(QueryProperty, bool)] {
        &self.predicates[pattern].properties
    }

    /// The properties that a pattern sets with `set!`.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn property_settings(&self, pattern: usize) -> &[QueryProperty] {
        &self.predicates[pattern].settings
    }

    /// The predicates of a pattern that only the caller knows. They do not
    /// keep anything from matching.
    ///
    /// # Panics
    /// There is no such pattern.
    pub fn general_predicates(&self, pattern: usize) -> &[QueryPredicate] {
        &self.predicates[pattern].general
    }

    /// Whether a pattern has one root.
    pub fn is_pattern_rooted(&self, pattern: usize) -> bool {
        let mut entries = self.program.entries.iter();
        entries.all(|entry| usize::from(entry.pattern) != pattern || entry.rooted)
    }

    /// Whether a pattern has several roots that can lie in one repetition.
    pub fn is_pattern_non_local(&self, pattern: usize) -> bool {
        self.program.patterns.get(pattern).is_some_and(|pattern| pattern.non_local)
    }

    /// Whether the pattern at that place of the text is bound to match once
    /// the step there is reached.
    pub fn is_pattern_guaranteed_at_step(&self, byte_offset: usize) -> bool {
        let offsets = &self.program.offsets;
        let at = offsets.partition_point(|entry| entry.1 as usize <= byte_offset);
        let step = at.checked_sub(1).map(|at| offsets[at].0 as usize);
        let step = step.and_then(|step| self.program.steps.get(step));
        step.is_some_and(|step| step.has(flag::ROOT_GUARANTEED))
    }

    /// Leaves a capture out of all matches from now on.
    pub fn disable_capture(&mut self, name: &str) {
        if let Some(capture) = self.capture_index_for_name(name) {
            self.id = next_id();
            self.program.steps.iter_mut().for_each(|step| step.remove_capture(capture as u16));
            self.derived = Derived::default();
        }
    }

    /// Leaves a pattern out from now on.
    pub fn disable_pattern(&mut self, pattern: usize) {
        self.id = next_id();
        let program = &mut self.program;
        let gone = |entry: &crate::step::Entry| usize::from(entry.pattern) == pattern;
        let wildcards = program.entries[..program.wildcards].iter();
        program.wildcards -= wildcards.filter(|entry| gone(entry)).count();
        program.entries.retain(|entry| !gone(entry));
        self.derived = Derived::default();
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("grammar", &self.grammar.name())
            .field("patterns", &self.pattern_count())
            .field("captures", &self.program.captures)
            .finish_non_exhaustive()
    }
}
