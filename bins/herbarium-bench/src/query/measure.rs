//! The same questions to both engines, timed side by side.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use herbarium_capture::{Capturer, parse_table_of};
use herbarium_codec::{Decoder, Encoder, Grammar, ShapeBook, Tree};
use herbarium_languages::Language;
use herbarium_query::{Compiler, Query, QueryCursor};
use tree_sitter::{Parser, StreamingIterator};
use zstd::bulk::{Compressor, Decompressor};

use super::Versus;
use crate::clock::Best;
use crate::codec::learn::Learnt;
use crate::corpus::Source;
use crate::error::BenchError;

/// Short work is done so often that it takes this long.
const LONG_ENOUGH_NS: f64 = 30_000.0;

/// A query, compiled by both engines.
pub(super) struct Pair {
    pub(super) live: tree_sitter::Query,
    pub(super) stored: Query,
}

/// A file with both trees and its bytes at rest.
pub(super) struct Item {
    pub(super) source: Source,
    live: tree_sitter::Tree,
    opened: Tree,
    rest: AtRest,
    rest_learnt: AtRest,
}

/// Bytes as they lie in a store.
struct AtRest {
    packed: Vec<u8>,
    len: usize,
}

/// Tools for one language, warm from one file to the next.
pub(super) struct Bench {
    id: &'static str,
    grammar: Arc<Grammar>,
    live: tree_sitter::Language,
    compiler: Compiler,
    parser: Parser,
    capturer: Capturer,
    decoder: Decoder,
    book: Arc<ShapeBook>,
    unzstd: Decompressor<'static>,
    with_dictionary: Decompressor<'static>,
    dictionary: Vec<u8>,
    memory: Vec<u8>,
    tree: Tree,
    pub(super) passes: usize,
}

/// Both engines' cursors, set alike, for matches and for captures: as an engine
/// keeps them from file to file.
pub(super) struct Cursors {
    live: tree_sitter::QueryCursor,
    matches: QueryCursor,
    captures: QueryCursor,
}

impl Cursors {
    pub(super) fn new(match_limit: Option<u32>) -> Self {
        let mut live = tree_sitter::QueryCursor::new();
        let (mut matches, mut captures) = (QueryCursor::new(), QueryCursor::new());
        if let Some(limit) = match_limit {
            live.set_match_limit(limit);
            matches.set_match_limit(limit);
            captures.set_match_limit(limit);
        }
        Self { live, matches, captures }
    }
}

impl Bench {
    pub(super) fn new(
        language: &'static Language,
        learnt: &Learnt,
        passes: usize,
    ) -> Result<Self, BenchError> {
        let live = language.tree_sitter();
        let grammar = language.grammar().clone();
        let mut parser = Parser::new();
        parser
            .set_language(&live)
            .map_err(|source| BenchError::Grammar { language: language.id(), source })?;
        let with_dictionary = Decompressor::with_dictionary(&learnt.dictionary);
        Ok(Self {
            id: language.id(),
            compiler: Compiler::new(grammar.clone(), Arc::new(parse_table_of(&live))),
            parser,
            capturer: Capturer::new(&grammar),
            decoder: Decoder::new(),
            book: learnt.book.clone(),
            unzstd: Decompressor::new().map_err(BenchError::Compress)?,
            with_dictionary: with_dictionary.map_err(BenchError::Compress)?,
            dictionary: learnt.dictionary.clone(),
            memory: Vec::new(),
            tree: Tree::new(&grammar),
            grammar,
            live,
            passes,
        })
    }

    /// A text compiled by both; nothing where it is a query for neither, as
    /// those of another grammar in the same package are.
    pub(super) fn pair(&self, text: &str) -> Option<Pair> {
        let stored = self.compiler.compile(text).ok()?;
        let live = tree_sitter::Query::new(&self.live, text).ok()?;
        Some(Pair { live, stored })
    }

    /// Everything that is made of a file before the clock runs.
    pub(super) fn item(&mut self, source: Source) -> Result<Item, BenchError> {
        let live = self.parser.parse(&source.bytes, None);
        let live = live.ok_or_else(|| BenchError::NoTree { path: source.path.clone() })?;
        let captured = self.capturer.capture(&live, &source.bytes);
        let captured = captured
            .map_err(|error| BenchError::Capture { path: source.path.clone(), source: error })?;
        let mut encoder = Encoder::new();
        let (mut plain, mut learnt) = (Vec::new(), Vec::new());
        encoder.encode_into(&captured, None, &mut plain);
        encoder.encode_into(&captured, Some(&self.book), &mut learnt);
        let opened = self.decoder.decode(&learnt, &self.grammar, Some(&self.book));
        let opened = opened.map_err(in_decode(&source.path))?;
        let longest = plain.len().max(learnt.len());
        if self.memory.len() < longest {
            self.memory.resize(longest, 0);
        }
        let mut level_3 = Compressor::new(3).map_err(BenchError::Compress)?;
        let rest = packed(&mut level_3, &plain)?;
        let mut level_3 =
            Compressor::with_dictionary(3, &self.dictionary).map_err(BenchError::Compress)?;
        let rest_learnt = packed(&mut level_3, &learnt)?;
        Ok(Item { source, live, opened, rest, rest_learnt })
    }

    /// Matches of a query in trees that are there already.
    pub(super) fn matches(&self, pair: &Pair, item: &Item, cursors: &mut Cursors) -> Versus {
        let Cursors { live, matches, .. } = cursors;
        versus(
            self.passes,
            || live_matches(live, &pair.live, &item.live, &item.source.bytes),
            || stored_matches(matches, &pair.stored, &item.opened, &item.source.bytes),
        )
    }

    /// Captures, in the order of the text.
    pub(super) fn captures(&self, pair: &Pair, item: &Item, cursors: &mut Cursors) -> Versus {
        let Cursors { live, captures, .. } = cursors;
        versus(
            self.passes,
            || live_captures(live, &pair.live, &item.live, &item.source.bytes),
            || stored_captures(captures, &pair.stored, &item.opened, &item.source.bytes),
        )
    }

    /// From the source to the last match against from bytes at rest to the last
    /// match.
    pub(super) fn at_rest(
        &mut self,
        pair: &Pair,
        item: &Item,
        cursors: &mut Cursors,
        learnt: bool,
    ) -> Versus {
        let Self { parser, decoder, grammar, book, unzstd, with_dictionary, memory, tree, .. } =
            self;
        let Cursors { live, matches, .. } = cursors;
        let source = &*item.source.bytes;
        let (rest, unzstd, book) = match learnt {
            true => (&item.rest_learnt, with_dictionary, Some(&*book)),
            false => (&item.rest, unzstd, None),
        };
        let from_source = || {
            let parsed = parser.parse(source, None).expect("no limit is set");
            live_matches(live, &pair.live, &parsed, source)
        };
        let from_bytes = || {
            let out = memory.get_mut(..rest.len).expect("room for the longest");
            unzstd.decompress_to_buffer(&rest.packed, out).expect("packed before");
            decoder.decode_into(out, grammar, book, tree).expect("pressed before");
            stored_matches(matches, &pair.stored, tree, source)
        };
        versus(self.passes, from_source, from_bytes)
    }

    /// Time to compile a text: tree-sitter's compiler, ours, and loading what
    /// was compiled. In nanoseconds.
    pub(super) fn loading(&self, text: &str, pair: &Pair) -> [f64; 3] {
        let bytes = pair.stored.to_bytes();
        let (mut live, mut own, mut load) = (Best::NONE, Best::NONE, Best::NONE);
        for _ in 0..self.passes {
            live.time(|| black_box(tree_sitter::Query::new(&self.live, text).is_ok()));
            own.time(|| black_box(self.compiler.compile(text).is_ok()));
            load.time(|| black_box(Query::from_bytes(&bytes, &self.grammar).is_ok()));
        }
        [live.ns(), own.ns(), load.ns()]
    }

    /// The names of called functions in a file, in the order of the text.
    pub(super) fn called<'a>(&self, calls: &Pair, item: &'a Item) -> Vec<&'a [u8]> {
        let mut cursor = QueryCursor::new();
        let source = &*item.source.bytes;
        let mut matches = cursor.matches(&calls.stored, item.opened.root_node(), source);
        let mut names = Vec::new();
        while let Some(one) = matches.next_match() {
            names.extend(one.captures().filter_map(|capture| {
                source.get(capture.node.start_byte()..capture.node.end_byte())
            }));
        }
        names
    }

    pub(super) fn id(&self) -> &'static str {
        self.id
    }
}

impl Item {
    pub(super) fn nodes(&self) -> u64 {
        self.opened.descendant_count() as u64
    }
}

/// Times both, turn by turn; the best time of each counts.
fn versus(passes: usize, mut live: impl FnMut() -> u64, mut stored: impl FnMut() -> u64) -> Versus {
    let (expected, found) = (live(), stored());
    let (live_times, stored_times) = (often_enough(&mut live), often_enough(&mut stored));
    let (mut live_best, mut stored_best) = (Best::NONE, Best::NONE);
    for _ in 0..passes {
        live_best.time_many(live_times, &mut live);
        stored_best.time_many(stored_times, &mut stored);
    }
    Versus {
        live_ns: live_best.ns(),
        stored_ns: stored_best.ns(),
        differences: u64::from(expected != found),
    }
}

fn often_enough(work: &mut impl FnMut() -> u64) -> u32 {
    let mut once = Best::NONE;
    once.time(|| black_box(work()));
    (LONG_ENOUGH_NS / once.ns().max(300.0)).clamp(1.0, 100.0) as u32
}

fn packed(compressor: &mut Compressor<'_>, bytes: &[u8]) -> Result<AtRest, BenchError> {
    let packed = compressor.compress(bytes).map_err(BenchError::Compress)?;
    Ok(AtRest { packed, len: bytes.len() })
}

fn in_decode(path: &Path) -> impl FnOnce(herbarium_codec::DecodeError) -> BenchError {
    |source| BenchError::Decode { path: path.to_owned(), source }
}

/// A number that two runs share only if they find the same.
fn mix(sum: u64, pattern: usize, start: usize, end: usize) -> u64 {
    let one = (pattern as u64) << 48 ^ (start as u64) << 24 ^ end as u64;
    sum.rotate_left(5).wrapping_add(one)
}

fn live_matches(
    cursor: &mut tree_sitter::QueryCursor,
    query: &tree_sitter::Query,
    tree: &tree_sitter::Tree,
    source: &[u8],
) -> u64 {
    let mut sum = 0;
    let mut matches = cursor.matches(query, tree.root_node(), source);
    while let Some(one) = matches.next() {
        for capture in one.captures() {
            let node = capture.node;
            sum = mix(sum, one.pattern_index, node.start_byte(), node.end_byte());
        }
    }
    sum
}

fn stored_matches(cursor: &mut QueryCursor, query: &Query, tree: &Tree, source: &[u8]) -> u64 {
    let mut sum = 0;
    let mut matches = cursor.matches(query, tree.root_node(), source);
    while let Some(one) = matches.next_match() {
        for capture in one.captures() {
            let node = capture.node;
            sum = mix(sum, one.pattern_index, node.start_byte(), node.end_byte());
        }
    }
    sum
}

fn live_captures(
    cursor: &mut tree_sitter::QueryCursor,
    query: &tree_sitter::Query,
    tree: &tree_sitter::Tree,
    source: &[u8],
) -> u64 {
    let mut sum = 0;
    let mut captures = cursor.captures(query, tree.root_node(), source);
    while let Some((one, number)) = captures.next() {
        let node = one.captures()[*number].node;
        sum = mix(sum, one.pattern_index, node.start_byte(), node.end_byte());
    }
    sum
}

fn stored_captures(cursor: &mut QueryCursor, query: &Query, tree: &Tree, source: &[u8]) -> u64 {
    let mut sum = 0;
    let mut captures = cursor.captures(query, tree.root_node(), source);
    while let Some((one, number)) = captures.next_capture() {
        if let Some(capture) = one.captures().nth(number) {
            let node = capture.node;
            sum = mix(sum, one.pattern_index, node.start_byte(), node.end_byte());
        }
    }
    sum
}
