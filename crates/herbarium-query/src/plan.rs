//! What a query can find in one tree, worked out from the tree's shapes.
//!
//! Whether a node can start a pattern depends on its shape alone, and a tree
//! has some hundred shapes. What no shape can match is left out before the
//! first node is looked at. Trees with the same shape book share the part of
//! the plan that is about the book's shapes.

use herbarium_codec::{BookId, ERROR_KIND, ShapeInfo, Tree};

use crate::reach::Reach;
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
    /// By shape, whether a pattern can start there: for the scan.
    pub(crate) marks: Vec<u8>,
    /// By shape, the first of its starts in `entries`, and how many.
    starts: Vec<(u32, u32)>,
    /// Numbers of entries of the program.
    entries: Vec<u16>,
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
    quirks: bool,
    shapes: usize,
    entries: usize,
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

    /// Adds a shape; says whether that makes a difference.
    fn add(&mut self, info: &ShapeInfo, supertypes: u32) -> bool {
        let before = (self.error, self.missing, self.supertypes);
        self.missing |= info.is_missing;
        self.supertypes |= supertypes;
        self.error |= info.kind == ERROR_KIND;
        let mut is_new = before != (self.error, self.missing, self.supertypes);
        if let Some(word) = self.kinds.get_mut(usize::from(info.kind) / 64) {
            let bit = 1 << (info.kind % 64);
            is_new |= *word & bit == 0;
            *word |= bit;
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
    /// The entries that can start at a node of a shape.
    #[inline]
    pub(crate) fn starts(&self, shape: u32) -> &[u16] {
        let (from, len) = self.starts[shape as usize];
        &self.entries[from as usize..(from + len) as usize]
    }

    /// Numbers of the entries that can start anywhere; some more than once.
    pub(crate) fn used_entries(&self) -> &[u16] {
        &self.entries
    }

    /// Whether any pattern can start anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Plans a query for a tree.
    pub(crate) fn make(&mut self, query: u64, program: &Program, tree: &Tree, mode: Mode) {
        self.quirks = tree.has_quirks();
        let shared = tree.shared_shapes().map(|(book, shapes)| Shared {
            query,
            book,
            mode,
            quirks: self.quirks,
            shapes,
            entries: 0,
        });
        let known = self.shared.filter(|known| shared == Some(Shared { entries: 0, ..*known }));
        let shapes = tree.shapes_len();
        let first = match known {
            Some(known) => {
                self.keep(known.shapes, known.entries);
                known.shapes
            }
            None => {
                self.forget(program, tree);
                let first = shared.map_or(0, |shared| shared.shapes);
                self.see(tree, 0..first);
                self.find_useful(program, mode);
                self.add_starts(program, tree, 0..first, mode);
                self.shared = shared.map(|shared| Shared { entries: self.entries.len(), ..shared });
                first
            }
        };
        if self.see(tree, first..shapes) {
            // More can match than in the book's shapes alone.
            self.find_useful(program, mode);
            self.shared = None;
            self.starts.clear();
            self.marks.clear();
            self.entries.clear();
            self.add_starts(program, tree, 0..shapes, mode);
        } else {
            self.add_starts(program, tree, first..shapes, mode);
        }
    }

    fn keep(&mut self, shapes: usize, entries: usize) {
        self.shapes.truncate(shapes);
        self.supertypes.truncate(shapes);
        self.marks.truncate(shapes);
        self.starts.truncate(shapes);
        self.entries.truncate(entries);
    }

    fn forget(&mut self, program: &Program, tree: &Tree) {
        self.keep(0, 0);
        self.shared = None;
        self.seen.clear(tree.grammar().kind_count());
        let kinds = tree.grammar().supertype_kinds();
        self.wanted.clear();
        self.wanted.extend(program.steps.iter().map(|step| match step.supertype {
            0 => 0,
            kind => kinds.iter().position(|other| *other == kind).map_or(0, |bit| 1 << bit),
        }));
    }

    /// Reads shapes; says whether they add a kind or supertype.
    fn see(&mut self, tree: &Tree, shapes: std::ops::Range<usize>) -> bool {
        let mut is_new = false;
        for shape in shapes {
            let Some(info) = tree.shape_info(shape as u32) else { continue };
            let supertypes = tree.shape_supertypes(shape as u32);
            self.shapes.push(info);
            self.supertypes.push(supertypes);
            is_new |= self.seen.add(&info, supertypes);
        }
        is_new
    }

    /// Which entries lead to a whole match, or to a capture that is seen.
    fn find_useful(&mut self, program: &Program, mode: Mode) {
        let Self { seen, reach, useful, wanted, .. } = self;
        let possible = |number: usize, step: &Step| {
            let kind_fits = match step.symbol {
                WILDCARD => !step.has(flag::MISSING) || seen.missing,
                kind => seen.has(kind),
            };
            kind_fits && (step.supertype == 0 || seen.supertypes & wanted[number] != 0)
        };
        useful.clear();
        useful.extend(program.entries.iter().map(|entry| {
            mode == Mode::Exact
                || !entry.alone
                || reach.leads_anywhere(program, entry.step, mode == Mode::Captures, possible)
        }));
    }

    fn add_starts(
        &mut self,
        program: &Program,
        tree: &Tree,
        shapes: std::ops::Range<usize>,
        mode: Mode,
    ) {
        for shape in shapes {
            let kind = self.shapes[shape].kind;
            let from = self.entries.len() as u32;
            let any_kind = if kind == ERROR_KIND { 0 } else { program.wildcards };
            for number in 0..any_kind {
                self.consider(program, tree, shape, number, mode);
            }
            for number in program.first_entry(kind)..program.entries.len() {
                if program.entry_symbol(&program.entries[number]) != kind {
                    break;
                }
                self.consider(program, tree, shape, number, mode);
            }
            let len = self.entries.len() as u32 - from;
            self.starts.push((from, len));
            self.marks.push(u8::from(len > 0));
        }
    }

    /// Adds an entry to a shape if the pattern can start there.
    fn consider(
        &mut self,
        program: &Program,
        tree: &Tree,
        shape: usize,
        number: usize,
        mode: Mode,
    ) {
        if !self.useful[number] {
            return;
        }
        let entry = &program.entries[number];
        let step = &program.steps[usize::from(entry.step)];
        if !step.is_done() {
            if !self.fits(step, entry.step, shape, tree) {
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

    /// Whether a node of a shape can match a step, as far as its shape shows.
    fn fits(&self, step: &Step, number: u16, shape: usize, tree: &Tree) -> bool {
        let info = &self.shapes[shape];
        let kind_fits = if step.symbol != WILDCARD {
            info.kind == step.symbol && (!step.has(flag::MISSING) || info.is_missing)
        } else if step.has(flag::MISSING) {
            info.is_missing
        } else {
            info.kind != ERROR_KIND
                && (!step.has(flag::NAMED) || tree.grammar().is_named(info.kind))
        };
        let may_have_field = self.quirks && info.is_extra;
        kind_fits
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
