//! Patterns that are found from a text.
//!
//! `(call_expression function: (identifier) @f (#eq? @f "kfree"))` can match at
//! a handful of calls in a file of thousands. Looking for the text first, then
//! for the node that has it, then for the root of the pattern above that node,
//! is a hundred times less work than looking at every call.

use memchr::memmem::Finder;

use herbarium_codec::Tree;

use crate::Query;
use crate::chain::Chain;
use crate::plan::{Mode, Plan};
use crate::predicate::{Predicates, Test};
use crate::reach::Reach;
use crate::row::Row;
use crate::step::{Entry, NONE, Pattern, Program};

/// Texts are looked for as long as they are rarer than one in so many nodes:
/// to look at all nodes takes less than to look up more places than that.
const NODES_PER_TEXT: usize = 32;

/// For a start of a pattern, the text that must be so many levels under it.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    levels: u16,
    texts: Vec<Literal>,
}

/// A text to look for.
#[derive(Debug, Clone)]
struct Literal {
    finder: Finder<'static>,
    /// Bytes from one place that it can be at to the next.
    period: usize,
}

impl Literal {
    fn new(text: &[u8]) -> Self {
        let is_period = |period: &usize| text[*period..] == text[..text.len() - *period];
        let period = (1..text.len()).find(is_period).unwrap_or(text.len());
        Self { finder: Finder::new(text).into_owned(), period }
    }

    /// All places of it, those that overlap too.
    fn places<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let overlaps = self.period < self.finder.needle().len();
        let mut apart = (!overlaps).then(|| self.finder.find_iter(text));
        let mut from = 0;
        std::iter::from_fn(move || {
            if let Some(apart) = &mut apart {
                return apart.next();
            }
            let at = from + self.finder.find(text.get(from..)?)?;
            from = at + self.period;
            Some(at)
        })
    }
}

/// The anchors of all entries of a program.
pub(crate) fn anchors(program: &Program, predicates: &[Predicates]) -> Vec<Option<Anchor>> {
    let (entries, mut reach) = (program.entries.iter(), Reach::default());
    entries.map(|entry| anchor_of(program, predicates, entry, &mut reach)).collect()
}

fn anchor_of(
    program: &Program,
    predicates: &[Predicates],
    entry: &Entry,
    reach: &mut Reach,
) -> Option<Anchor> {
    let number = usize::from(entry.pattern);
    let (pattern, predicates) = (program.patterns.get(number)?, predicates.get(number)?);
    let from = program.steps.get(usize::from(entry.step))?.depth;
    let found = predicates.checks.iter().find_map(|check| {
        let texts: &[Box<[u8]>] = match &check.test {
            Test::Text(text) => std::slice::from_ref(text),
            Test::AnyOf(texts) => texts,
            Test::Capture(_) | Test::Matches(_) => return None,
        };
        let usable = check.positive
            && check.all
            && texts.iter().all(|text| !text.is_empty())
            && reach.always_captures(program, entry.step, check.capture);
        let depth = depth_of(program, number, pattern, check.capture)?;
        let levels = depth.checked_sub(from)?;
        let texts = texts.iter().map(|text| Literal::new(text));
        usable.then(|| Anchor { levels, texts: texts.collect() })
    });
    found.filter(|_| entry.rooted)
}

/// How deep in a pattern a capture stands.
fn depth_of(program: &Program, number: usize, pattern: &Pattern, capture: u16) -> Option<u16> {
    let next = program.patterns.get(number + 1);
    let end = next.map_or(program.steps.len(), |next| next.steps.start as usize);
    let steps = program.steps.get(pattern.steps.start as usize..end)?.iter();
    let mut depths = steps
        .filter(|step| !step.is_done() && step.captures.contains(&capture))
        .map(|step| step.depth);
    let depth = depths.next()?;
    depths.all(|other| other == depth).then_some(depth)
}

/// Where to look for matches that are found from texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    wanted: Vec<Wanted>,
}

/// What to look for, and where from there what matters is.
#[derive(Debug, Clone)]
struct Wanted {
    texts: Vec<Literal>,
    /// So many levels above the node with the text.
    above: u16,
    /// From there, where that ends.
    row: Option<Row>,
}

/// A place of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    wanted: u16,
    at: u32,
    len: u32,
}

impl Places {
    /// Adds where a pattern begins, or where its chain ends.
    fn add(&mut self, anchor: Option<&Anchor>, chain: Option<&Chain>) -> Option<()> {
        let anchor = anchor?;
        let row = chain.and_then(|chain| chain.row);
        let level = chain.filter(|_| row.is_none()).map_or(0, |chain| chain.last);
        let above = anchor.levels.checked_sub(u16::from(level))?;
        let is_known = |known: &Wanted| {
            let texts = anchor.texts.iter().map(|text| text.finder.needle());
            (known.above, known.row) == (above, row)
                && known.texts.iter().map(|text| text.finder.needle()).eq(texts)
        };
        if !self.wanted.iter().any(is_known) {
            self.wanted.push(Wanted { texts: anchor.texts.clone(), above, row });
        }
        Some(())
    }

    /// Where all chains of a query end, if all are tied to texts.
    pub(crate) fn of_chains(query: &Query) -> Option<Self> {
        let mut places = Self::default();
        for chain in &query.chains().all {
            let anchor = query.anchors().get(usize::from(chain.entry))?;
            places.add(anchor.as_ref(), Some(chain))?;
        }
        Some(places)
    }

    /// Where anything of a plan can happen; none when one pattern is not tied
    /// to a text, or when it would show that other nodes were not looked at.
    pub(crate) fn of_plan(query: &Query, plan: &Plan, mode: Mode) -> Option<Self> {
        let anchors = query.anchors();
        if anchors.iter().all(Option::is_none) {
            return None;
        }
        let chains = query.chains();
        let is_shown = mode == Mode::Captures && !chains.sole;
        if is_shown && (!plan.used_entries().is_empty() || chains.has_signals) {
            return None;
        }
        let mut used: Vec<(u16, u16)> =
            plan.used_entries().iter().map(|entry| (*entry, NONE)).collect();
        for event in plan.used_events() {
            let chain = &chains.all[usize::from(event.chain)];
            if event.level == chain.last {
                used.push((chain.entry, event.chain));
            }
        }
        used.sort_unstable();
        used.dedup();
        let mut places = Self::default();
        for (entry, chain) in used {
            let chain = chains.all.get(usize::from(chain));
            places.add(anchors.get(usize::from(entry))?.as_ref(), chain)?;
        }
        Some(places)
    }

    /// Finds the nodes there, sorted. False when the texts are too common to
    /// look for.
    pub(crate) fn find(
        &self,
        program: &Program,
        (tree, text): (&Tree, &[u8]),
        spots: &mut Vec<Spot>,
        found: &mut Vec<u32>,
    ) -> bool {
        found.clear();
        // Of a node past the end, as much of the text counts as there is.
        if text.len() < tree.source_len() as usize {
            return false;
        }
        if !self.find_spots(text, tree.descendant_count() / NODES_PER_TEXT + 16, spots) {
            return false;
        }
        let (mut from, mut last) = (0, 0);
        for spot in spots.iter() {
            // Those of one text are in order.
            from = first_from(tree, if spot.at < last { 0 } else { from }, spot.at);
            last = spot.at;
            let Wanted { above, row, .. } = &self.wanted[usize::from(spot.wanted)];
            add_nodes(tree, *above, from, (spot.at, spot.len), |above| {
                let end = |row: Row| row.nodes(program, tree, above).map(|nodes| nodes.last());
                found.extend(row.map_or(Some(above), end));
            });
        }
        if !found.is_sorted() {
            found.sort_unstable();
        }
        found.dedup();
        true
    }

    /// Finds where the texts are; false when there are more places than `most`.
    fn find_spots(&self, text: &[u8], most: usize, spots: &mut Vec<Spot>) -> bool {
        spots.clear();
        for (number, wanted) in self.wanted.iter().enumerate() {
            for literal in &wanted.texts {
                let len = literal.finder.needle().len() as u32;
                let spot = |at| Spot { wanted: number as u16, at: at as u32, len };
                let left = most + 1 - spots.len();
                spots.extend(literal.places(text).take(left).map(spot));
                if spots.len() > most {
                    return false;
                }
            }
        }
        true
    }
}

/// The first node from `from` on that starts at a byte or after it. Cost:
/// logarithmic in how far that is.
fn first_from(tree: &Tree, from: u32, byte: u32) -> u32 {
    let count = tree.descendant_count() as u32;
    let (mut low, mut step) = (from, 16);
    while low + step < count && tree.start_byte_of(low + step) < byte {
        low += step;
        step *= 2;
    }
    let mut high = (low + step).min(count);
    while low < high {
        let middle = low.midpoint(high);
        if tree.start_byte_of(middle) < byte {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Takes the nodes so many levels above those that are exactly a stretch of the
/// text. `node` is the first that starts there.
fn add_nodes(
    tree: &Tree,
    levels: u16,
    mut node: u32,
    (start, len): (u32, u32),
    mut take: impl FnMut(u32),
) {
    let count = tree.descendant_count() as u32;
    while node < count && tree.start_byte_of(node) == start {
        if tree.end_byte_of(node) == start + len {
            let mut above = node;
            let reached = (0..levels).all(|_| {
                let is_root = above == 0;
                above = tree.parent_index(above);
                !is_root
            });
            if reached {
                take(above);
            }
        }
        node += 1;
    }
}
