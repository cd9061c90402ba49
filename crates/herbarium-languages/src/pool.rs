//! Parsers, kept between files.

use std::fmt;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, ParseState, Parser, Tree};

use crate::language::Language;
use crate::limits::{ParseError, ParseLimits};
use crate::row::known;

/// Parsers, kept between files: at most so many idle ones a language.
///
/// A pool is shared by reference between threads and never waits: where more
/// threads parse one language than the pool keeps parsers, the surplus ones are
/// made and dropped. [`ParserPool::default`] keeps one a core.
pub struct ParserPool {
    /// One list of idle parsers for every language known, by index of its row.
    idle: Box<[Mutex<Vec<Parser>>]>,
    most: usize,
    parses: AtomicU64,
}

impl ParserPool {
    /// A pool that keeps at most `most` idle parsers of each language.
    pub fn new(most: usize) -> Self {
        let idle = known().iter().map(|_| Mutex::default()).collect();
        Self { idle, most, parses: AtomicU64::new(0) }
    }

    /// Parses a source.
    ///
    /// With an old tree, edited to fit the new source, what did not change is
    /// taken over from it.
    ///
    /// # Errors
    /// A limit was met, or the old tree is not one of this language. Broken
    /// source is no error: its tree has ERROR and MISSING nodes.
    pub fn parse(
        &self,
        language: &Language,
        source: &[u8],
        old: Option<&Tree>,
        limits: &ParseLimits,
    ) -> Result<Tree, ParseError> {
        limits.check_len(source.len())?;
        if old.is_some_and(|old| *old.language() != *language.loaded()) {
            return Err(ParseError::OldTree { language: language.id() });
        }
        self.with(language, |parser| parse(parser, language, source, old, limits))?
    }

    /// Lends a parser that is set to the language, for instance to parse some
    /// ranges of a source. What the parser was in the middle of and its ranges
    /// are forgotten afterwards.
    ///
    /// If `work` panics, its parser is dropped and the pool goes on.
    ///
    /// # Errors
    /// tree-sitter does not take the grammar.
    pub fn with<T>(
        &self,
        language: &Language,
        work: impl FnOnce(&mut Parser) -> T,
    ) -> Result<T, ParseError> {
        let mut parser = self.take(language)?;
        self.parses.fetch_add(1, Ordering::Relaxed);
        let result = work(&mut parser);
        self.give_back(language, parser);
        Ok(result)
    }

    /// How often a parser was lent since the pool was made: zero where all trees
    /// came from a store.
    pub fn parses(&self) -> u64 {
        self.parses.load(Ordering::Relaxed)
    }

    /// Number of idle parsers of a language.
    pub fn idle(&self, language: &Language) -> usize {
        self.list(language).map_or(0, |list| list.len())
    }

    fn take(&self, language: &Language) -> Result<Parser, ParseError> {
        if let Some(parser) = self.list(language).and_then(|mut list| list.pop()) {
            return Ok(parser);
        }
        let mut parser = Parser::new();
        parser.set_language(language.loaded()).map_err(|error| ParseError::Language {
            language: language.id(),
            reason: error.to_string(),
        })?;
        Ok(parser)
    }

    /// After a parse that was stopped, a parser that is not reset would go on
    /// with that one's source.
    fn give_back(&self, language: &Language, mut parser: Parser) {
        parser.reset();
        let untouched = parser.set_included_ranges(&[]).is_ok()
            && parser.language().is_some_and(|set| *set == *language.loaded());
        if let Some(mut list) =
            self.list(language).filter(|list| untouched && list.len() < self.most)
        {
            list.push(parser);
        }
    }

    /// A lock is held for a push or a pop only, so a poisoned list is whole.
    fn list(&self, language: &Language) -> Option<MutexGuard<'_, Vec<Parser>>> {
        let list = self.idle.get(usize::from(language.row().index))?;
        Some(list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for ParserPool {
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, NonZero::get))
    }
}

impl fmt::Debug for ParserPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParserPool {{ most: {}, parses: {} }}", self.most, self.parses())
    }
}

fn parse(
    parser: &mut Parser,
    language: &Language,
    source: &[u8],
    old: Option<&Tree>,
    limits: &ParseLimits,
) -> Result<Tree, ParseError> {
    let mut watch = Watch::new(limits);
    let mut progress = |_: &ParseState| watch.look();
    let options = ParseOptions::new().progress_callback(&mut progress);
    // The whole rest at once: tree-sitter asks again only where it goes back.
    let mut rest = |offset: usize, _| source.get(offset..).unwrap_or_default();
    let tree = parser.parse_with_options(&mut rest, old, Some(options));
    match (tree, watch.stopped) {
        (Some(tree), _) => Ok(tree),
        (None, Some(reason)) => Err(reason),
        (None, None) => Err(ParseError::NoTree { language: language.id() }),
    }
}

/// Looks after the limits of one parse.
struct Watch<'a> {
    cancel: Option<&'a AtomicBool>,
    /// When to stop, and the limit that it comes from.
    deadline: Option<(Instant, Duration)>,
    stopped: Option<ParseError>,
}

impl<'a> Watch<'a> {
    fn new(limits: &'a ParseLimits) -> Self {
        let deadline =
            limits.max_time.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Self { cancel: limits.cancel.as_deref(), deadline, stopped: None }
    }

    fn look(&mut self) -> ControlFlow<()> {
        self.stopped = self.reason();
        if self.stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn reason(&self) -> Option<ParseError> {
        if self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Some(ParseError::Cancelled);
        }
        let (deadline, limit) = self.deadline?;
        (Instant::now() >= deadline).then_some(ParseError::TimedOut { limit })
    }
}
