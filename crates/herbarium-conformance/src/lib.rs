//! Holds Herbarium's query engine against tree-sitter's, match by match.
//!
//! The same query is compiled by both, run by both over the same source (once
//! on the live tree, once on the stored one), and the ordered lists of matches
//! and captures are compared. tree-sitter is right by definition.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod circle;
mod engines;
mod mutate;
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

impl Settings {
    /// Whether there is a range.
    fn is_in_part(&self) -> bool {
        self.bytes.is_some() || self.points.is_some()
    }

    /// The same without a range and without a limit that gives matches up.
    fn of_whole(&self) -> Self {
        Self { bytes: None, points: None, match_limit: None, ..self.clone() }
    }
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

impl Found {
    /// Whether it is of the same pattern and has all the captures of another.
    fn covers(&self, one: &Self) -> bool {
        let mut rest = self.captures.iter();
        self.pattern == one.pattern
            && one.captures.iter().all(|capture| rest.any(|other| other == capture))
    }
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
    let exception = Exception::of(queries.1, trees.1, settings);
    let mut lost = Vec::new();
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
        let mut compare = |expected: &[Found]| match exception {
            Exception::None => first_difference(what, expected, &found.list),
            Exception::More => first_missing(what, expected, &found.list),
            Exception::LastLost => first_but_lost(what, expected, &found.list, &mut lost),
        };
        let mut difference = compare(&expected.list);
        if difference.is_some() && settings.is_in_part() {
            let whole = live_run(queries.0, trees.0, source, &settings.of_whole());
            difference = compare(&without_strays(expected.list, whole));
        }
        differences.extend(difference);
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

/// In what the lists need not be the same, for hidden nodes that a stored tree
/// does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exception {
    /// In nothing.
    None,
    /// Outside a range, tree-sitter does not look into hidden repetitions for
    /// patterns with several roots. There, matches outside the range are found
    /// too, and matches that reach into it may reach further out of it. Nor does
    /// it look into hidden nodes below the last level that patterns may start
    /// at, unless a match in the making does.
    More,
    /// A match that is complete, but may become longer, waits until the node
    /// that it is in is left. tree-sitter does not note that it leaves a node
    /// whose last children are in a hidden repetition behind the range. Where
    /// that is so up to the root, it ends without the matches that wait: always
    /// the last ones.
    LastLost,
}

impl Exception {
    fn of(query: &Query, tree: &herbarium_codec::Tree, settings: &Settings) -> Self {
        let several = (0..query.pattern_count()).any(|pattern| !query.is_pattern_rooted(pattern));
        if settings.max_start_depth.is_some() || (settings.is_in_part() && several) {
            Self::More
        } else if goes_on_behind_range(tree, settings) {
            Self::LastLost
        } else {
            Self::None
        }
    }
}

/// Matches in a range without the strays among them.
///
/// Where the last children of a node are in a hidden repetition outside the
/// range, tree-sitter does not look into it, and does not note that it leaves the
/// node: what was in the making there goes on with the children of the *next*
/// node, and is found though its nodes are no siblings. Over the whole tree,
/// which decides what is a match, tree-sitter does not find such matches either.
fn without_strays(mut expected: Vec<Found>, whole: Option<Answers>) -> Vec<Found> {
    if let Some(whole) = whole {
        expected.retain(|one| whole.list.iter().any(|other| other.covers(one)));
    }
    expected
}

/// Whether there are nodes behind the range.
fn goes_on_behind_range(tree: &herbarium_codec::Tree, settings: &Settings) -> bool {
    let last = tree.descendant_count().checked_sub(1).and_then(|last| tree.node(last));
    last.is_some_and(|last| {
        let point = last.start_position();
        let by_bytes = settings.bytes.as_ref().is_some_and(|bytes| last.start_byte() >= bytes.end);
        let point = (point.row, point.column);
        by_bytes || settings.points.as_ref().is_some_and(|points| point >= points.end)
    })
}

/// The first place at which the lists differ otherwise than by matches that were
/// lost at the end; notes these for the captures, which come after.
fn first_but_lost(
    what: &'static str,
    expected: &[Found],
    found: &[Found],
    lost: &mut Vec<Found>,
) -> Option<Difference> {
    if what == "match" {
        let (same, more) = found.split_at(expected.len().min(found.len()));
        *lost = more.to_vec();
        return first_difference(what, expected, same);
    }
    let is_lost = |one: &Found| {
        lost.iter().any(|lost| lost.pattern == one.pattern && lost.captures == one.captures)
    };
    let mut rest = expected.iter().peekable();
    let kept: Vec<Found> = found
        .iter()
        .filter(|one| rest.next_if_eq(one).is_some() || !is_lost(one))
        .cloned()
        .collect();
    first_difference(what, expected, &kept)
}

/// The first of `expected` whose captures no match in `found` has.
fn first_missing(what: &'static str, expected: &[Found], found: &[Found]) -> Option<Difference> {
    let is_missing = |one: &Found| !found.iter().any(|other| other.covers(one));
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
        .map(|one| (one.index, one.kind_id, one.node.start_byte(), one.node.end_byte()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches with one capture each, of these nodes.
    fn list(nodes: &[usize]) -> Vec<Found> {
        let found = |at: &usize| Found { pattern: 0, number: 0, captures: vec![(0, 1, *at, *at)] };
        nodes.iter().map(found).collect()
    }

    #[test]
    fn only_what_the_whole_tree_does_not_have_is_a_stray() {
        let check = |whole: Option<&[usize]>, kept: &[usize]| {
            let whole = whole.map(|nodes| Answers { list: list(nodes), exceeded: false });
            let found = without_strays(list(&[1, 2, 3]), whole);
            assert!(first_difference("match", &list(kept), &found).is_none(), "{kept:?}");
        };
        check(Some(&[0, 1, 2, 3, 4]), &[1, 2, 3]);
        check(Some(&[1, 3]), &[1, 3]);
        check(None, &[1, 2, 3]);
    }

    #[test]
    fn only_the_last_matches_and_their_captures_may_be_lost() {
        let check = |matches: [&[usize]; 2], captures: [&[usize]; 2], same: [bool; 2]| {
            let mut lost = Vec::new();
            let lists = [("match", matches), ("capture", captures)];
            let found = lists.map(|(what, [expected, found])| {
                first_but_lost(what, &list(expected), &list(found), &mut lost).is_none()
            });
            assert_eq!(found, same, "{matches:?} {captures:?}");
        };
        check([&[1, 2], &[1, 2]], [&[1, 2], &[1, 2]], [true, true]);
        check([&[2, 3], &[2, 3, 1]], [&[2, 3], &[1, 2, 3]], [true, true]);
        check([&[1], &[1, 1]], [&[1], &[1, 1]], [true, true]);
        check([&[2, 3], &[1, 2, 3]], [&[2, 3], &[2, 3]], [false, true]);
        check([&[1, 2], &[1]], [&[1, 2], &[1]], [false, false]);
        check([&[1], &[1]], [&[1], &[1, 2]], [true, false]);
        check([&[1], &[1, 2]], [&[1, 3], &[1, 2]], [true, false]);
    }
}
