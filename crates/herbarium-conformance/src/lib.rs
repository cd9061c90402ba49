//! Holds Herbarium's query engine against tree-sitter's, match by match.
//!
//! The same query is compiled by both, run by both over the same source (once
//! on the live tree, once on the stored one), and the ordered lists of matches
//! and captures are compared. tree-sitter is right by definition.

mod circle;
mod engines;
mod random;
mod shipped;

use std::cell::Cell;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use herbarium_query::{CaptureQuantifier, Query, QueryCursor, QueryError};
use tree_sitter::{QueryCursorOptions, StreamingIterator};

pub use circle::repeats_nothing;
pub use engines::{Compiled, Engines, Pair};
pub use random::Generator;
pub use shipped::{package_folders, query_files};

/// Settings that both engines are given.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Byte range.
    pub bytes: Option<Range<usize>>,
    /// Range of points, as (row, column).
    pub points: Option<Range<(usize, usize)>>,
    /// Levels that patterns may start at.
    pub max_start_depth: Option<u32>,
    /// Matches in the making at a time.
    pub match_limit: Option<u32>,
    /// How long each run may take: nested quantifiers over many siblings can
    /// take hours. What tree-sitter does not finish is not compared; what it
    /// does finish, ours must finish in four times the limit.
    pub time_limit: Option<Duration>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Matches that tree-sitter found.
    pub matches: u64,
    /// Captures that tree-sitter gave, in the order of the text.
    pub captures: u64,
    /// Lists that were not the same.
    pub differences: u64,
    /// Runs that tree-sitter did not finish within the time limit.
    pub unfinished: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.matches += other.matches;
        self.captures += other.captures;
        self.differences += other.differences;
        self.unfinished += other.unfinished;
    }
}

/// One place at which the engines do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What was compared.
    pub what: &'static str,
    /// Place in the list.
    pub at: usize,
    /// What tree-sitter gave there.
    pub expected: String,
    /// What Herbarium gave there.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, at, expected, found } = self;
        write!(f, "{what} {at}: expected {expected}, found {found}")
    }
}

/// Compares what two compilers say of one text: whether it is a query, and
/// what it is made of; or what is wrong with it, and where.
pub fn compare_queries(
    live: &Result<tree_sitter::Query, tree_sitter::QueryError>,
    stored: &Result<Query, QueryError>,
) -> Option<Difference> {
    let difference = |expected: String, found: String| {
        (expected != found).then_some(Difference { what: "query", at: 0, expected, found })
    };
    match (live, stored) {
        (Ok(live), Ok(stored)) => difference(describe_live(live), describe(stored)),
        (Err(live), Err(stored)) => difference(
            format!(
                "{:?} at {} ({}, {}): {}",
                live.kind, live.offset, live.row, live.column, live.message
            ),
            format!(
                "{:?} at {} ({}, {}): {}",
                stored.kind, stored.offset, stored.row, stored.column, stored.message
            ),
        ),
        (Ok(_), Err(error)) => difference("a query".into(), error.to_string()),
        (Err(error), Ok(_)) => difference(error.to_string(), "a query".into()),
    }
}

fn describe_live(query: &tree_sitter::Query) -> String {
    let mut text = format!("{:?}", query.capture_names());
    for pattern in 0..query.pattern_count() {
        let quantifiers: Vec<String> =
            query.capture_quantifiers(pattern).iter().map(|one| format!("{one:?}")).collect();
        text += &format!(
            "\n{}..{} rooted {} non-local {} {quantifiers:?}",
            query.start_byte_for_pattern(pattern),
            query.end_byte_for_pattern(pattern),
            query.is_pattern_rooted(pattern),
            query.is_pattern_non_local(pattern),
        );
        let range = query.start_byte_for_pattern(pattern)..query.end_byte_for_pattern(pattern);
        text += &guaranteed(range, |at| query.is_pattern_guaranteed_at_step(at));
    }
    text
}

fn describe(query: &Query) -> String {
    let mut text = format!("{:?}", query.capture_names());
    for pattern in 0..query.pattern_count() {
        let quantifiers: Vec<String> = query
            .capture_quantifiers(pattern)
            .iter()
            .map(|one: &CaptureQuantifier| format!("{one:?}"))
            .collect();
        text += &format!(
            "\n{}..{} rooted {} non-local {} {quantifiers:?}",
            query.start_byte_for_pattern(pattern),
            query.end_byte_for_pattern(pattern),
            query.is_pattern_rooted(pattern),
            query.is_pattern_non_local(pattern),
        );
        let range = query.start_byte_for_pattern(pattern)..query.end_byte_for_pattern(pattern);
        text += &guaranteed(range, |at| query.is_pattern_guaranteed_at_step(at));
    }
    text
}

/// Where in a pattern the rest is bound to match: the places of changes.
fn guaranteed(range: Range<usize>, is_guaranteed: impl Fn(usize) -> bool) -> String {
    let mut before = false;
    let changes = range.filter(|at| {
        let now = is_guaranteed(*at);
        std::mem::replace(&mut before, now) != now
    });
    format!(" guaranteed {:?}", changes.collect::<Vec<_>>())
}

/// One match or capture, as far as both engines can tell it.
#[derive(Clone, PartialEq, Eq)]
struct Found {
    pattern: usize,
    /// For captures, which one of the match.
    number: usize,
    captures: Vec<(u32, u16, usize, usize)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern {} capture {} of", self.pattern, self.number)?;
        for (capture, kind, start, end) in &self.captures {
            write!(f, " @{capture}={kind}:{start}..{end}")?;
        }
        Ok(())
    }
}

/// Runs both queries over both trees, and compares what they find.
pub fn compare_runs(
    queries: (&tree_sitter::Query, &Query),
    trees: (&tree_sitter::Tree, &herbarium_codec::Tree),
    source: &[u8],
    settings: &Settings,
) -> (Tally, Vec<Difference>) {
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    let compare = if may_find_more(queries.1, settings) { first_missing } else { first_difference };
    for (what, live_run, run) in
        [("match", live_matches as LiveRun, matches as Run), ("capture", live_captures, captures)]
    {
        let Some(expected) = live_run(queries.0, trees.0, source, settings) else {
            tally.unfinished += 1;
            continue;
        };
        *(if what == "match" { &mut tally.matches } else { &mut tally.captures }) =
            expected.list.len() as u64;
        let Some(found) = run(queries.1, trees.1, source, settings) else {
            let (expected, found) = ("an end".to_owned(), "none within the limit".to_owned());
            differences.push(Difference { what: "time", at: 0, expected, found });
            continue;
        };
        if expected.exceeded != found.exceeded {
            let (expected, found) = (expected.exceeded.to_string(), found.exceeded.to_string());
            differences.push(Difference { what: "match limit exceeded", at: 0, expected, found });
        }
        differences.extend(compare(what, &expected.list, &found.list));
    }
    tally.differences = differences.len() as u64;
    (tally, differences)
}

/// What a run found.
#[derive(Default)]
struct Answers {
    list: Vec<Found>,
    /// Whether matches were given up for the match limit.
    exceeded: bool,
}

/// Nothing where the time was up.
type LiveRun = fn(&tree_sitter::Query, &tree_sitter::Tree, &[u8], &Settings) -> Option<Answers>;
type Run = fn(&Query, &herbarium_codec::Tree, &[u8], &Settings) -> Option<Answers>;

/// Outside a range, tree-sitter does not look into hidden repetitions for
/// patterns with several roots. A stored tree does not show where those are:
/// there, matches outside the range are found too, and matches that reach into
/// it may reach further out of it. Nor does it look into hidden nodes below the
/// last level that patterns may start at, unless a match in the making does.
fn may_find_more(query: &Query, settings: &Settings) -> bool {
    let in_part = settings.bytes.is_some() || settings.points.is_some();
    let several = (0..query.pattern_count()).any(|pattern| !query.is_pattern_rooted(pattern));
    settings.max_start_depth.is_some() || (in_part && several)
}

/// The first of `expected` whose captures no match in `found` has.
fn first_missing(what: &'static str, expected: &[Found], found: &[Found]) -> Option<Difference> {
    let covers = |other: &Found, one: &Found| {
        let mut rest = other.captures.iter();
        other.pattern == one.pattern
            && one.captures.iter().all(|capture| rest.any(|other| other == capture))
    };
    let is_missing = |one: &Found| !found.iter().any(|other| covers(other, one));
    let at = expected.iter().position(is_missing)?;
    let (expected, found) = (expected[at].to_string(), "none with its captures".to_owned());
    Some(Difference { what, at, expected, found })
}

fn first_difference(what: &'static str, expected: &[Found], found: &[Found]) -> Option<Difference> {
    let len = expected.len().max(found.len());
    let at = (0..len).find(|at| expected.get(*at) != found.get(*at))?;
    let show = |list: &[Found]| {
        let one = list.get(at).map_or_else(|| "nothing".to_owned(), Found::to_string);
        format!("{one} (of {})", list.len())
    };
    Some(Difference { what, at, expected: show(expected), found: show(found) })
}

fn captured(one: &herbarium_query::QueryMatch<'_, '_>) -> Vec<(u32, u16, usize, usize)> {
    let captures = one.captures();
    captures
        .map(|one| (one.index, one.node.kind_id(), one.node.start_byte(), one.node.end_byte()))
        .collect()
}

fn live_captured(one: &tree_sitter::QueryMatch<'_, '_>) -> Vec<(u32, u16, usize, usize)> {
    let captures = one.captures().iter();
    captures
        .map(|one| (one.index, one.node.kind_id(), one.node.start_byte(), one.node.end_byte()))
        .collect()
}

fn matches(
    query: &Query,
    tree: &herbarium_codec::Tree,
    source: &[u8],
    settings: &Settings,
) -> Option<Answers> {
    let mut cursor = cursor(settings);
    let mut list = Vec::new();
    let mut matches = cursor.matches(query, tree.root_node(), source);
    while let Some(one) = matches.next_match() {
        list.push(Found { pattern: one.pattern_index, number: 0, captures: captured(&one) });
    }
    drop(matches);
    let exceeded = cursor.did_exceed_match_limit();
    (!cursor.did_stop()).then_some(Answers { list, exceeded })
}

fn captures(
    query: &Query,
    tree: &herbarium_codec::Tree,
    source: &[u8],
    settings: &Settings,
) -> Option<Answers> {
    let mut cursor = cursor(settings);
    let mut list = Vec::new();
    let mut captures = cursor.captures(query, tree.root_node(), source);
    while let Some((one, number)) = captures.next_capture() {
        list.push(Found { pattern: one.pattern_index, number, captures: captured(&one) });
    }
    drop(captures);
    let exceeded = cursor.did_exceed_match_limit();
    (!cursor.did_stop()).then_some(Answers { list, exceeded })
}

fn cursor(settings: &Settings) -> QueryCursor {
    let point = |point: (usize, usize)| herbarium_codec::Point::new(point.0, point.1);
    let mut cursor = QueryCursor::new();
    if let Some(bytes) = &settings.bytes {
        cursor.set_byte_range(bytes.clone());
    }
    if let Some(points) = &settings.points {
        cursor.set_point_range(point(points.start)..point(points.end));
    }
    cursor.set_max_start_depth(settings.max_start_depth);
    cursor.set_match_limit(settings.match_limit.unwrap_or(u32::MAX));
    cursor.set_time_limit(settings.time_limit.and_then(|limit| limit.checked_mul(4)));
    cursor
}

fn live_cursor(settings: &Settings) -> tree_sitter::QueryCursor {
    let point = |point: (usize, usize)| tree_sitter::Point::new(point.0, point.1);
    let mut cursor = tree_sitter::QueryCursor::new();
    if let Some(bytes) = &settings.bytes {
        cursor.set_byte_range(bytes.clone());
    }
    if let Some(points) = &settings.points {
        cursor.set_point_range(point(points.start)..point(points.end));
    }
    cursor.set_max_start_depth(settings.max_start_depth);
    cursor.set_match_limit(settings.match_limit.unwrap_or(u32::MAX));
    cursor
}

fn live_matches(
    query: &tree_sitter::Query,
    live: &tree_sitter::Tree,
    source: &[u8],
    settings: &Settings,
) -> Option<Answers> {
    let mut cursor = live_cursor(settings);
    let mut list = Vec::new();
    let stopped = Cell::new(false);
    let mut watch = watch(settings, &stopped);
    let options = QueryCursorOptions::new().progress_callback(&mut watch);
    let mut matches = cursor.matches_with_options(query, live.root_node(), source, options);
    while let Some(one) = matches.next() {
        list.push(Found { pattern: one.pattern_index, number: 0, captures: live_captured(one) });
    }
    drop(matches);
    let exceeded = cursor.did_exceed_match_limit();
    (!stopped.get()).then_some(Answers { list, exceeded })
}

fn live_captures(
    query: &tree_sitter::Query,
    live: &tree_sitter::Tree,
    source: &[u8],
    settings: &Settings,
) -> Option<Answers> {
    let mut cursor = live_cursor(settings);
    let mut list = Vec::new();
    let stopped = Cell::new(false);
    let mut watch = watch(settings, &stopped);
    let options = QueryCursorOptions::new().progress_callback(&mut watch);
    let mut captures = cursor.captures_with_options(query, live.root_node(), source, options);
    while let Some((one, number)) = captures.next() {
        let captures = live_captured(one);
        list.push(Found { pattern: one.pattern_index, number: *number, captures });
    }
    drop(captures);
    let exceeded = cursor.did_exceed_match_limit();
    (!stopped.get()).then_some(Answers { list, exceeded })
}

/// Stops tree-sitter when the time is up, and says so.
fn watch<'a>(
    settings: &Settings,
    stopped: &'a Cell<bool>,
) -> impl FnMut(&tree_sitter::QueryCursorState) -> ControlFlow<()> + 'a {
    let deadline = settings.time_limit.and_then(|limit| Instant::now().checked_add(limit));
    move |_| {
        if deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return ControlFlow::Continue(());
        }
        stopped.set(true);
        ControlFlow::Break(())
    }
}
