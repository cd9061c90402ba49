//! Running queries: settings, matches, captures.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use herbarium_codec::{Node, Point, Quirk, Tree};

use crate::Query;
use crate::engine::{Engine, Limits, Memory, POINT_MAX};
use crate::plan::Mode;
use crate::predicate::TextCheck;
use crate::state::{Captured, Finished, NO_ID};

/// Runs queries, keeping its working memory from run to run.
///
/// Settings hold for all runs that follow. Names and meanings are those of
/// `tree_sitter::QueryCursor`.
#[derive(Debug)]
pub struct QueryCursor {
    memory: Memory,
    captured: Vec<Captured>,
    match_limit: u32,
    time_limit: Option<Duration>,
    bytes: Range<u32>,
    points: Range<Point>,
    containing_bytes: Range<u32>,
    containing_points: Range<Point>,
    max_start_depth: u32,
    exceeded_limit: bool,
    stopped: bool,
}

impl Default for QueryCursor {
    fn default() -> Self {
        Self::new()
    }
}

impl QueryCursor {
    /// A cursor without limits.
    pub fn new() -> Self {
        let all = Limits::default();
        Self {
            memory: Memory::default(),
            captured: Vec::new(),
            match_limit: u32::MAX,
            time_limit: None,
            bytes: all.bytes,
            points: all.points,
            containing_bytes: all.containing_bytes,
            containing_points: all.containing_points,
            max_start_depth: all.max_start_depth,
            exceeded_limit: false,
            stopped: false,
        }
    }

    /// The most matches that may be in the making at a time.
    pub fn match_limit(&self) -> u32 {
        self.match_limit
    }

    /// Sets how many matches may be in the making at a time. Where more would
    /// be, the one that began first is given up, and
    /// [`QueryCursor::did_exceed_match_limit`] says so. No limit by default.
    pub fn set_match_limit(&mut self, limit: u32) -> &mut Self {
        self.match_limit = limit;
        self
    }

    /// Whether the last run gave up matches for the limit.
    pub fn did_exceed_match_limit(&self) -> bool {
        self.exceeded_limit
    }

    /// Sets how long a run may take. Then it ends, with the matches that are
    /// complete; [`QueryCursor::did_stop`] says so. No limit by default.
    pub fn set_time_limit(&mut self, limit: Option<Duration>) -> &mut Self {
        self.time_limit = limit;
        self
    }

    /// Whether the last run was ended by the time limit or the cancel flag.
    pub fn did_stop(&self) -> bool {
        self.stopped
    }

    /// Only matches that reach into these bytes are found. An end of 0 means
    /// the end of the text; a range that ends before it starts is ignored.
    pub fn set_byte_range(&mut self, range: Range<usize>) -> &mut Self {
        set_bytes(&mut self.bytes, range);
        self
    }

    /// Only matches that reach into these points are found. An end of (0, 0)
    /// means the end of the text; a range that ends before it starts is
    /// ignored.
    pub fn set_point_range(&mut self, range: Range<Point>) -> &mut Self {
        set_points(&mut self.points, range);
        self
    }

    /// Only matches all of whose nodes lie within these bytes are found.
    pub fn set_containing_byte_range(&mut self, range: Range<usize>) -> &mut Self {
        set_bytes(&mut self.containing_bytes, range);
        self
    }

    /// Only matches all of whose nodes lie within these points are found.
    pub fn set_containing_point_range(&mut self, range: Range<Point>) -> &mut Self {
        set_points(&mut self.containing_points, range);
        self
    }

    /// Sets how many levels below the node that a query is run on patterns may
    /// start; none for all.
    pub fn set_max_start_depth(&mut self, depth: Option<u32>) -> &mut Self {
        self.max_start_depth = depth.unwrap_or(u32::MAX);
        self
    }

    /// All matches in and under a node, in the order in which they are
    /// complete. `text` is what the tree was made from: predicates look at it.
    ///
    /// Matches that do not satisfy their text predicates are left out. So are
    /// all when the query was compiled for another grammar than the tree's.
    pub fn matches<'a, 'tree: 'a>(
        &'a mut self,
        query: &'a Query,
        node: Node<'tree>,
        text: &'a [u8],
    ) -> QueryMatches<'a, 'tree> {
        self.matches_until(query, node, text, None)
    }

    /// As [`QueryCursor::matches`], ended when the flag is set.
    pub fn matches_until<'a, 'tree: 'a>(
        &'a mut self,
        query: &'a Query,
        node: Node<'tree>,
        text: &'a [u8],
        cancelled: Option<&'a AtomicBool>,
    ) -> QueryMatches<'a, 'tree> {
        let (engine, matched, flags) = self.engine(query, node, text, cancelled, Mode::Matches);
        QueryMatches {
            engine,
            run: Run { query, text, tree: node.tree(), captured: matched, flags, next_id: 0 },
            finished: VecDeque::new(),
        }
    }

    /// All captures in and under a node, in the order of the text, each with
    /// the match that it belongs to as far as that is known by then.
    pub fn captures<'a, 'tree: 'a>(
        &'a mut self,
        query: &'a Query,
        node: Node<'tree>,
        text: &'a [u8],
    ) -> QueryCaptures<'a, 'tree> {
        self.captures_until(query, node, text, None)
    }

    /// As [`QueryCursor::captures`], ended when the flag is set.
    pub fn captures_until<'a, 'tree: 'a>(
        &'a mut self,
        query: &'a Query,
        node: Node<'tree>,
        text: &'a [u8],
        cancelled: Option<&'a AtomicBool>,
    ) -> QueryCaptures<'a, 'tree> {
        let (engine, captured, flags) = self.engine(query, node, text, cancelled, Mode::Captures);
        QueryCaptures {
            engine,
            run: Run { query, text, tree: node.tree(), captured, flags, next_id: 0 },
            finished: BinaryHeap::new(),
            ready: Vec::new(),
            spent: Vec::new(),
            order: 0,
            complete: Vec::new(),
        }
    }

    fn engine<'a, 'tree: 'a>(
        &'a mut self,
        query: &'a Query,
        node: Node<'tree>,
        text: &'a [u8],
        cancelled: Option<&'a AtomicBool>,
        mode: Mode,
    ) -> (Option<Engine<'a>>, &'a mut Vec<Captured>, Flags<'a>) {
        let limits = Limits {
            bytes: self.bytes.clone(),
            points: self.points.clone(),
            containing_bytes: self.containing_bytes.clone(),
            containing_points: self.containing_points.clone(),
            max_start_depth: self.max_start_depth,
            deadline: self.time_limit.and_then(|limit| Instant::now().checked_add(limit)),
            cancelled,
        };
        (self.exceeded_limit, self.stopped) = (false, false);
        self.memory.lists.limit = self.match_limit;
        let mode = if self.match_limit == u32::MAX { mode } else { Mode::Exact };
        let tree = node.tree();
        let fits = query.grammar.fingerprint() == tree.grammar().fingerprint();
        let memory = &mut self.memory;
        let engine =
            fits.then(|| Engine::new(query, (tree, text), node.id() as u32, memory, limits, mode));
        let flags = Flags { exceeded_limit: &mut self.exceeded_limit, stopped: &mut self.stopped };
        (engine, &mut self.captured, flags)
    }
}

fn set_bytes(own: &mut Range<u32>, range: Range<usize>) {
    let start = u32::try_from(range.start).unwrap_or(u32::MAX);
    let end = u32::try_from(range.end).ok().filter(|end| *end != 0).unwrap_or(u32::MAX);
    if start <= end {
        *own = start..end;
    }
}

fn set_points(own: &mut Range<Point>, range: Range<Point>) {
    let end = if range.end == Point::default() { POINT_MAX } else { range.end };
    if range.start <= end {
        *own = range.start..end;
    }
}

/// What a run tells the cursor that it was started from.
struct Flags<'a> {
    exceeded_limit: &'a mut bool,
    stopped: &'a mut bool,
}

/// What matches and captures have in common.
struct Run<'a, 'tree> {
    query: &'a Query,
    text: &'a [u8],
    tree: &'tree Tree,
    /// The captures of the match that was handed out last.
    captured: &'a mut Vec<Captured>,
    flags: Flags<'a>,
    next_id: u32,
}

impl Run<'_, '_> {
    fn note(&mut self, engine: &Engine<'_>) {
        *self.flags.exceeded_limit = engine.exceeded_limit;
        *self.flags.stopped = engine.stopped;
    }

    fn is_satisfied(&self, pattern: u16) -> bool {
        let checks: &[TextCheck] = &self.query.predicates[usize::from(pattern)].checks;
        checks.iter().all(|check| {
            check.is_satisfied(|capture| {
                let of_capture = self.captured.iter().filter(move |one| one.capture == capture);
                of_capture.map(|one| self.text_of(one.node))
            })
        })
    }

    /// The text of a node; as much of it as there is.
    fn text_of(&self, node: u32) -> &[u8] {
        let (start, end) = (self.tree.start_byte_of(node), self.tree.end_byte_of(node));
        let end = (end as usize).min(self.text.len());
        self.text.get(start as usize..end).unwrap_or_default()
    }

    fn id_of(&mut self, id: &mut u32) -> u32 {
        if *id == NO_ID {
            *id = self.next_id;
            self.next_id += 1;
        }
        *id
    }
}

/// The matches of a query, one by one.
pub struct QueryMatches<'a, 'tree> {
    engine: Option<Engine<'a>>,
    run: Run<'a, 'tree>,
    finished: VecDeque<Finished>,
}

impl<'tree> QueryMatches<'_, 'tree> {
    /// The next match. It is gone when the one after it is asked for.
    pub fn next_match(&mut self) -> Option<QueryMatch<'_, 'tree>> {
        let (id, pattern) = loop {
            let engine = self.engine.as_mut()?;
            let finished = &mut self.finished;
            if finished.is_empty() && !engine.advance(false, &mut |state| finished.push_back(state))
            {
                self.run.note(engine);
                return None;
            }
            self.run.note(engine);
            let Some(mut state) = self.finished.pop_front() else { continue };
            let id = self.run.id_of(&mut state.id);
            self.run.captured.clear();
            self.run.captured.extend_from_slice(engine.memory.lists.of(&state));
            engine.memory.lists.release(state.captures);
            if state.satisfied || self.run.is_satisfied(state.rank.pattern()) {
                break (id, state.rank.pattern());
            }
        };
        Some(QueryMatch {
            id,
            pattern_index: usize::from(pattern),
            tree: self.run.tree,
            captured: self.run.captured,
        })
    }
}

/// The captures of a query, one by one.
pub struct QueryCaptures<'a, 'tree> {
    engine: Option<Engine<'a>>,
    run: Run<'a, 'tree>,
    /// Complete matches with captures that were not handed out.
    finished: BinaryHeap<Reverse<Ranked>>,
    /// Complete matches with one capture each that nothing comes before, the
    /// last first.
    ready: Vec<Finished>,
    /// Numbers and lists of those that have none left. As in tree-sitter, they
    /// count for the match limit until there are no others.
    spent: Vec<(u32, u32)>,
    /// Matches that were complete so far.
    order: u32,
    /// Matches that the engine has just completed.
    complete: Vec<Finished>,
}

/// A complete match, ranked by its next capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    /// Start of the next capture.
    start: u32,
    pattern: u16,
    /// Which match was complete first.
    order: u32,
    /// Captures that were handed out.
    consumed: u16,
    satisfied: bool,
    captures: u32,
    id: u32,
}

/// A capture that comes next.
struct Found {
    id: u32,
    pattern: u16,
    capture: usize,
    satisfied: bool,
}

impl<'tree> QueryCaptures<'_, 'tree> {
    /// The next capture: its match, and its number in
    /// [`QueryMatch::captures`]. Gone when the one after it is asked for.
    pub fn next_capture(&mut self) -> Option<(QueryMatch<'_, 'tree>, usize)> {
        let found = loop {
            let found = self.find()?;
            if found.satisfied || self.run.is_satisfied(found.pattern) {
                break found;
            }
            self.remove(found.id);
        };
        let of_match = QueryMatch {
            id: found.id,
            pattern_index: usize::from(found.pattern),
            tree: self.run.tree,
            captured: self.run.captured,
        };
        Some((of_match, found.capture))
    }

    /// The earliest capture that nothing unfinished comes before. Predicates
    /// are not looked at.
    fn find(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.take_ready() {
                return Some(found);
            }
            let engine = self.engine.as_mut()?;
            let unfinished = engine.first_in_progress(false);
            let before = unfinished
                .as_ref()
                .map_or((u32::MAX, u32::MAX), |first| (first.start, u32::from(first.pattern)));
            if let Some(found) = self.take_finished(before) {
                return Some(found);
            }
            let engine = self.engine.as_mut()?;
            if let Some(first) = unfinished {
                if first.is_guaranteed {
                    let state = &mut engine.memory.states[first.state];
                    let id = self.run.id_of(&mut state.id);
                    let capture = usize::from(state.consumed);
                    state.consumed += 1;
                    let (pattern, list) = (state.rank.pattern(), state.captures);
                    self.run.captured.clear();
                    self.run.captured.extend_from_slice(engine.memory.lists.get(list));
                    return Some(Found { id, pattern, capture, satisfied: false });
                }
                if engine.memory.lists.all_in_use() {
                    let state = engine.memory.states.remove(first.state);
                    engine.memory.lists.release(state.captures);
                }
            }
            if !self.go_on() && self.finished.is_empty() && self.ready.is_empty() {
                return None;
            }
        }
    }

    /// Lets the engine go on until more matches are complete; to the end where
    /// nothing holds back captures that come later in the text. False at the
    /// end.
    fn go_on(&mut self) -> bool {
        let Some(engine) = self.engine.as_mut() else { return false };
        loop {
            let more = engine.advance(true, &mut |state| self.complete.push(state));
            self.run.note(engine);
            let is_within =
                |one: &Finished| one.only.is_some_and(|one| !engine.precedes_range(one.node));
            let are_single = !self.complete.is_empty() && self.complete.iter().all(is_within);
            if self.finished.is_empty() && engine.is_free() && are_single {
                std::mem::swap(&mut self.ready, &mut self.complete);
                let start =
                    |one: &Finished| one.only.map(|one| engine.tree.start_byte_of(one.node));
                // The order of those that are alike is that of their coming.
                if self.ready.len() > 1 {
                    self.ready.sort_by_key(|one| (start(one), one.rank.pattern()));
                    self.ready.reverse();
                }
                return more;
            }
            for mut state in self.complete.drain(..) {
                engine.memory.lists.enlist(&mut state);
                let captures = engine.memory.lists.get(state.captures);
                let Some(next) = captures.get(usize::from(state.consumed)) else {
                    self.spent.push((NO_ID, state.captures));
                    continue;
                };
                self.finished.push(Reverse(Ranked {
                    start: engine.tree.start_byte_of(next.node),
                    pattern: state.rank.pattern(),
                    order: self.order,
                    consumed: state.consumed,
                    satisfied: state.satisfied,
                    captures: state.captures,
                    id: state.id,
                }));
                self.order += 1;
            }
            if !more || !engine.holds_nothing_back() {
                return more;
            }
        }
    }

    /// The next of the captures that nothing comes before.
    fn take_ready(&mut self) -> Option<Found> {
        let mut state = self.ready.pop()?;
        let id = self.run.id_of(&mut state.id);
        self.run.captured.clear();
        self.run.captured.extend(state.only);
        Some(Found { id, pattern: state.rank.pattern(), capture: 0, satisfied: state.satisfied })
    }

    /// The first capture of the complete matches, if it comes before a place
    /// and pattern.
    fn take_finished(&mut self, before: (u32, u32)) -> Option<Found> {
        let engine = self.engine.as_mut()?;
        if self.finished.is_empty() {
            self.spent.drain(..).for_each(|(_, list)| engine.memory.lists.release(list));
        }
        loop {
            let mut top = self.finished.peek_mut()?;
            let first = &mut top.0;
            let list = engine.memory.lists.get(first.captures);
            let capture = usize::from(first.consumed);
            let node = list.get(capture)?.node;
            let outside = engine.precedes_range(node) || engine.follows_range(node);
            if !outside && (first.start, u32::from(first.pattern)) >= before {
                return None;
            }
            if !outside {
                first.id = self.run.id_of(&mut first.id);
                self.run.captured.clear();
                self.run.captured.extend_from_slice(list);
            }
            let (id, pattern, satisfied) = (first.id, first.pattern, first.satisfied);
            match list.get(capture + 1) {
                Some(next) => {
                    first.start = engine.tree.start_byte_of(next.node);
                    first.consumed += 1;
                    drop(top);
                }
                // Passed over at once: its list is free before the engine goes on.
                None if outside => {
                    engine.memory.lists.release(first.captures);
                    PeekMut::pop(top);
                }
                None => {
                    self.spent.push((id, first.captures));
                    PeekMut::pop(top);
                }
            }
            if !outside {
                return Some(Found { id, pattern, capture, satisfied });
            }
        }
    }

    /// Forgets a match, so that none of its captures follows.
    fn remove(&mut self, id: u32) {
        let Some(engine) = self.engine.as_mut() else { return };
        if let Some(at) = engine.memory.states.iter().position(|state| state.id == id)
            && !self.finished.iter().any(|Reverse(ranked)| ranked.id == id)
            && !self.spent.iter().any(|spent| spent.0 == id)
        {
            let state = engine.memory.states.remove(at);
            engine.memory.lists.release(state.captures);
            return;
        }
        let lists = &mut engine.memory.lists;
        if let Some(at) = self.spent.iter().position(|spent| spent.0 == id) {
            lists.release(self.spent.swap_remove(at).1);
            return;
        }
        let mut found = false;
        self.finished.retain(|Reverse(ranked)| {
            let is_it = !found && ranked.id == id;
            if is_it {
                lists.release(ranked.captures);
                found = true;
            }
            !is_it
        });
    }
}

/// One match of a pattern.
#[derive(Debug, Clone, Copy)]
pub struct QueryMatch<'a, 'tree> {
    id: u32,
    /// Number of the pattern in the query.
    pub pattern_index: usize,
    tree: &'tree Tree,
    captured: &'a [Captured],
}

/// A node that was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryCapture<'tree> {
    /// The node.
    pub node: Node<'tree>,
    /// Its kind as tree-sitter gives it here. That is the node's, but where the
    /// pattern begins with any node that has a child of some kind, such as
    /// `(_ (identifier)) @parent`, and the node is an error or another extra: then
    /// it is what the grammar calls the child in whose place the node stands.
    pub kind_id: u16,
    /// Number of the capture in the query.
    pub index: u32,
}

impl<'a, 'tree> QueryMatch<'a, 'tree> {
    /// Number of the match in its run.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Number of captures.
    pub fn capture_count(&self) -> usize {
        self.captured.len()
    }

    /// The captures, in the order in which they were made.
    pub fn captures(&self) -> impl ExactSizeIterator<Item = QueryCapture<'tree>> + 'a
    where
        'tree: 'a,
    {
        let tree = self.tree;
        self.captured.iter().map(move |one| {
            let node = tree.node(one.node as usize).unwrap_or_else(|| tree.root_node());
            let alias = if one.as_parent { alias_of(tree, one.node) } else { None };
            let kind_id = alias.unwrap_or_else(|| node.kind_id());
            QueryCapture { node, kind_id, index: u32::from(one.capture) }
        })
    }

    /// The nodes that have that capture.
    pub fn nodes_for_capture_index(&self, index: u32) -> impl Iterator<Item = Node<'tree>> + 'a
    where
        'tree: 'a,
    {
        self.captures().filter(move |capture| capture.index == index).map(|capture| capture.node)
    }
}

/// What an extra is to its children, where that is not what it shows.
#[cold]
fn alias_of(tree: &Tree, node: u32) -> Option<u16> {
    tree.quirks_of(node).find_map(|quirk| match quirk {
        Quirk::Alias(kind) => Some(kind),
        _ => None,
    })
}
