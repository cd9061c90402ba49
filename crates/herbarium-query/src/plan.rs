//! What a query can find in one tree, worked out from the tree's shapes.
//!
//! Whether a node can start a pattern depends on its shape alone, and a tree
//! has some hundred shapes. What no shape can match is left out before the
//! first node is looked at. Trees with the same shape book share the part of
//! the plan that is about the book's shapes.

use herbarium_codec::{BookId, ERROR_KIND, ShapeInfo, Tree};

use crate::Query;
use crate::chain::{Chains, Event};
use crate::query::Kinds;
use crate::reach::Reach;
use crate::spans::{MARK, Spans};
use crate::step::{Program, Step, WILDCARD, flag};

/// How matches are asked for: decides what may be left out unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whole matches, in the order in which they are complete.
    Matches,
    /// Single captures, in the order of the text: one that is never completed
    /// still holds later ones back.
    Captures,
    /// Nothing is left out: how many states there are shows.
    Exact,
}

/// Where patterns can start in one tree.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// By shape, whether it is worth a look: for the scan.
    pub(crate) marks: Vec<u8>,
    /// By shape, what can happen there.
    starts: Vec<Starts>,
    /// Numbers of entries of the program.
    entries: Vec<u16>,
    events: Vec<Event>,
    /// By shape, the steps above the last ones of chains that it fits, by bit.
    above: Vec<u64>,
    /// The marks once more.
    spans: Spans,
    pub(crate) shapes: Vec<ShapeInfo>,
    /// By shape, the supertypes, by bit.
    pub(crate) supertypes: Vec<u32>,
    /// By step, the bit of its supertype.
    pub(crate) wanted: Vec<u32>,
    /// Extras may have fields that do not show.
    quirks: bool,
    /// What shapes there are.
    seen: Seen,
    reach: Reach,
    /// By entry, whether it leads anywhere.
    useful: Vec<bool>,
    shared: Option<Shared>,
}

/// What the first part of a plan was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shared {
    query: u64,
    book: BookId,
    mode: Mode,
    chains: bool,
    quirks: bool,
    shapes: usize,
    entries: usize,
    events: usize,
}

/// Where a shape has its own in the lists of all.
#[derive(Debug, Clone, Copy, Default)]
struct Starts {
    entries: (u32, u32),
    events: (u32, u32),
}

/// What a plan is made for.
#[derive(Clone, Copy)]
struct Aim<'a> {
    query: &'a Query,
    /// Where chains need no states.
    chains: Option<&'a Chains>,
    tree: &'a Tree,
    mode: Mode,
}

/// The kinds and supertypes of some shapes.
#[derive(Debug, Default, Clone)]
struct Seen {
    /// By kind, one bit.
    kinds: Vec<u64>,
    error: bool,
    missing: bool,
    supertypes: u32,
}

impl Seen {
    fn clear(&mut self, kinds: usize) {
        self.kinds.clear();
        self.kinds.resize(kinds / 64 + 1, 0);
        (self.error, self.missing, self.supertypes) = (false, false, 0);
    }

    /// Adds a shape; says whether that makes a difference to a query.
    fn add(&mut self, info: &ShapeInfo, supertypes: u32, kinds: &Kinds) -> bool {
        let mut is_new = kinds.has_missing && info.is_missing && !self.missing;
        is_new |= kinds.has_supertypes && supertypes & !self.supertypes != 0;
        self.missing |= info.is_missing;
        self.supertypes |= supertypes;
        if !kinds.names(info.kind) {
            return is_new;
        }
        is_new |= !self.has(info.kind);
        self.error |= info.kind == ERROR_KIND;
        if let Some(word) = self.kinds.get_mut(usize::from(info.kind) / 64) {
            *word |= 1 << (info.kind % 64);
        }
        is_new
    }

    fn has(&self, kind: u16) -> bool {
        match kind {
            ERROR_KIND => self.error,
            kind => {
                let word = self.kinds.get(usize::from(kind) / 64);
                word.is_some_and(|word| word & 1 << (kind % 64) != 0)
            }
        }
    }
}

impl Plan {
    /// The entries whose states can start at a node of a shape.
    #[inline]
    pub(crate) fn starts(&self, shape: u32) -> &[u16] {
        let (from, to) = self.starts[shape as usize].entries;
        &self.entries[from as usize..to as usize]
    }

    /// What a node of a shape can be to chains.
    #[inline]
    pub(crate) fn events(&self, shape: u32) -> &[Event] {
        let (from, to) = self.starts[shape as usize].events;
        &self.events[from as usize..to as usize]
    }

    /// The steps above the last ones of chains that a shape fits, by bit.
    #[inline]
    pub(crate) fn above(&self, shape: u32) -> u64 {
        self.above[shape as usize]
    }

    /// Numbers of the entries that can start anywhere; some more than once.
    pub(crate) fn used_entries(&self) -> &[u16] {
        &self.entries
    }

    /// What any node can be to chains; some more than once.
    pub(crate) fn used_events(&self) -> &[Event] {
        &self.events
    }

    /// Whether nothing can match anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.events.is_empty()
    }

    /// Plans a query for a tree. With `chains`, those need no states.
    pub(crate) fn make(&mut self, query: &Query, tree: &Tree, mode: Mode, chains: bool) {
        let chains = chains.then(|| query.chains());
        let aim = Aim { query, chains, tree, mode };
        self.quirks = tree.has_quirks();
        let shared = tree.shared_shapes().map(|(book, shapes)| Shared {
            query: query.id,
            book,
            mode,
            chains: chains.is_some(),
            quirks: self.quirks,
            shapes,
            entries: 0,
            events: 0,
        });
        let same = |known: &Shared| shared == Some(Shared { entries: 0, events: 0, ..*known });
        let known = self.shared.filter(same);
        match known {
            Some(known) => self.keep(known.shapes, known.entries, known.events),
            None => self.forget(&query.program, tree),
        }
        let shapes = tree.shapes_len();
        let is_new = self.see(aim, self.shapes.len()..shapes);
        let mut first = known.map_or(0, |known| known.shapes);
        let is_first = known.is_none();
        let differs = (is_first || is_new) && self.find_useful(&query.program, mode);
        if is_first || differs {
            self.keep_starts(0, 0, 0);
            first = shared.map_or(0, |shared| shared.shapes.min(shapes));
            self.add_starts(aim, 0..first);
            let (entries, events) = (self.entries.len(), self.events.len());
            self.shared = shared.map(|shared| Shared { entries, events, ..shared });
        }
        self.add_starts(aim, first..shapes);
        self.spans.forget();
    }

    /// The first node from `from` up to `until` at which anything can happen.
    pub(crate) fn next_marked(&self, tree: &Tree, from: u32, until: u32) -> Option<u32> {
        let from = self.spans.pass(tree.shape_column(), from, until);
        tree.next_marked(from, until, &self.marks)
    }

    /// Makes looking for nodes faster where most of them do not matter.
    pub(crate) fn prepare_scan(&mut self) {
        self.spans.make(&self.marks);
    }

    fn keep(&mut self, shapes: usize, entries: usize, events: usize) {
        self.shapes.truncate(shapes);
        self.supertypes.truncate(shapes);
        self.keep_starts(shapes, entries, events);
    }

    fn keep_starts(&mut self, shapes: usize, entries: usize, events: usize) {
        self.marks.truncate(shapes);
        self.starts.truncate(shapes);
        self.above.truncate(shapes);
        self.entries.truncate(entries);
        self.events.truncate(events);
    }

    fn forget(&mut self, program: &Program, tree: &Tree) {
        self.keep(0, 0, 0);
        self.useful.clear();
        self.shared = None;
        self.seen.clear(tree.grammar().kind_count());
        let kinds = tree.grammar().supertype_kinds();
        self.wanted.clear();
        self.wanted.extend(program.steps.iter().map(|step| match step.supertype {
            0 => 0,
            kind => kinds.iter().position(|other| *other == kind).map_or(0, |bit| 1 << bit),
        }));
    }

    /// Reads shapes; says whether they add what makes a difference.
    fn see(&mut self, aim: Aim<'_>, shapes: std::ops::Range<usize>) -> bool {
        let kinds = aim.query.kinds();
        let mut is_new = false;
        for shape in shapes {
            let Some(info) = aim.tree.shape_info(shape as u32) else { continue };
            let supertypes = aim.tree.shape_supertypes(shape as u32);
            self.shapes.push(info);
            self.supertypes.push(supertypes);
            is_new |= self.seen.add(&info, supertypes, kinds);
        }
        is_new
    }

    /// Works out which entries lead to a whole match, or to a capture that is
    /// seen; says whether others do than before.
    fn find_useful(&mut self, program: &Program, mode: Mode) -> bool {
        let Self { seen, reach, useful, wanted, .. } = self;
        let possible = |number: usize, step: &Step| {
            let kind_fits = match step.symbol {
                WILDCARD => !step.has(flag::MISSING) || seen.missing,
                kind => seen.has(kind),
            };
            kind_fits && (step.supertype == 0 || seen.supertypes & wanted[number] != 0)
        };
        useful.resize(program.entries.len(), false);
        let mut is_new = false;
        for (entry, useful) in program.entries.iter().zip(useful) {
            let leads = mode == Mode::Exact
                || !entry.alone
                || reach.leads_anywhere(program, entry.step, mode == Mode::Captures, possible);
            is_new |= std::mem::replace(useful, leads) != leads;
        }
        is_new
    }

    fn add_starts(&mut self, aim: Aim<'_>, shapes: std::ops::Range<usize>) {
        let program = &aim.query.program;
        let kinds = aim.query.kinds();
        for shape in shapes {
            let kind = self.shapes[shape].kind;
            let entries = self.entries.len() as u32;
            if !kinds.wants(kind) {
                self.starts.push(Starts::default());
                self.above.push(0);
                self.marks.push(0);
                continue;
            }
            let any_kind = if kind == ERROR_KIND { 0 } else { program.wildcards };
            for number in 0..any_kind {
                self.consider(aim, shape, number);
            }
            for number in program.first_entry(kind)..program.entries.len() {
                if program.entry_symbol(&program.entries[number]) != kind {
                    break;
                }
                self.consider(aim, shape, number);
            }
            let events = self.events.len() as u32;
            let above = self.add_events(aim, shape);
            let starts = Starts {
                entries: (entries, self.entries.len() as u32),
                events: (events, self.events.len() as u32),
            };
            let of_chains = &self.events[events as usize..];
            let is_found = |chains: &Chains| chains.are_found_at(of_chains);
            let is_marked = starts.entries.0 < starts.entries.1 || aim.chains.is_some_and(is_found);
            self.starts.push(starts);
            self.above.push(above);
            self.marks.push(if is_marked { MARK } else { 0 });
        }
    }

    /// Adds an entry to a shape if the pattern can start there and needs
    /// states.
    fn consider(&mut self, aim: Aim<'_>, shape: usize, number: usize) {
        let Aim { query, mode, chains, .. } = aim;
        let program = &query.program;
        if !self.useful[number] {
            return;
        }
        let entry = &program.entries[number];
        let for_captures = mode == Mode::Captures;
        if chains.is_some_and(|chains| chains.takes(entry.pattern, for_captures)) {
            return;
        }
        let step = &program.steps[usize::from(entry.step)];
        if !step.is_done() {
            // Where lists of captures are counted, a state that goes at once
            // still keeps the next of its pattern from being taken for one
            // that is there already.
            let is_counted = mode == Mode::Exact && !entry.alone;
            let fits = match is_counted {
                true => self.may_start(step, number < program.wildcards, shape),
                false => self.fits(step, entry.step, shape),
            };
            if !fits {
                return;
            }
            let silent = entry.alone && (mode == Mode::Matches || !step.is_captured());
            let childless = !self.shapes[shape].has_children;
            if mode != Mode::Exact && silent && childless && needs_child(program, entry.step) {
                return;
            }
        }
        self.entries.push(number as u16);
    }

    /// Adds what a shape can be to chains; gives the steps above last ones
    /// that it fits.
    fn add_events(&mut self, aim: Aim<'_>, shape: usize) -> u64 {
        let Aim { query, mode, chains: Some(chains), .. } = aim else { return 0 };
        let program = &query.program;
        let kind = self.shapes[shape].kind;
        let from = self.events.len();
        let wildcards = if kind == ERROR_KIND { ERROR_KIND } else { WILDCARD };
        for kind in [wildcards, kind] {
            for event in chains.events_of(kind) {
                let chain = &chains.all[usize::from(event.chain)];
                let step = chain.steps[usize::from(event.level)];
                let counts =
                    event.level == chain.last || mode == Mode::Captures || chain.row.is_some();
                if counts
                    && self.useful[usize::from(chain.entry)]
                    && chains.takes(chain.pattern, mode == Mode::Captures)
                    && self.fits(&program.steps[usize::from(step)], step, shape)
                {
                    self.events.push(event);
                }
            }
            if wildcards == ERROR_KIND {
                break;
            }
        }
        chains.sort(&mut self.events[from..]);
        let mut above = 0;
        for kind in [wildcards, kind] {
            for (step, bit) in chains.above(kind) {
                let fits = self.fits(&program.steps[usize::from(step)], step, shape);
                above |= if fits { bit } else { 0 };
            }
        }
        above
    }

    /// Whether tree-sitter starts a state at nodes of a shape that are of the
    /// kind by which the start was found.
    fn may_start(&self, step: &Step, is_any_kind: bool, shape: usize) -> bool {
        let info = &self.shapes[shape];
        let may_have_field = self.quirks && info.is_extra;
        (step.field == 0 || info.field == step.field || may_have_field)
            && (!is_any_kind || step.supertype == 0 || self.supertypes[shape] != 0)
    }

    /// Whether a node of a shape can match a step, as far as its shape shows.
    fn fits(&self, step: &Step, number: u16, shape: usize) -> bool {
        let info = &self.shapes[shape];
        let may_have_field = self.quirks && info.is_extra;
        step.fits(info)
            && (step.field == 0 || info.field == step.field || may_have_field)
            && (step.supertype == 0
                || self.supertypes[shape] & self.wanted[usize::from(number)] != 0)
    }
}

/// Whether a pattern that starts at a step wants a child of the node there.
fn needs_child(program: &Program, start: u16) -> bool {
    let step = &program.steps[usize::from(start)];
    let next = &program.steps[usize::from(start) + 1];
    let inside = !next.is_done() && next.depth > step.depth;
    // What may be skipped, or jumps, is not worth following here.
    inside
        && next.alternative == crate::step::NONE
        && !next.has(flag::PASS_THROUGH | flag::DEAD_END)
}
