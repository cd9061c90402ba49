//! What a query can find in one tree, worked out from the tree's shapes.
//!
//! Whether a node can start a pattern depends on its shape alone, and a tree
//! has some hundred shapes. What no shape can match is left out before the
//! first node is looked at.

use herbarium_codec::{ERROR_KIND, ShapeInfo, Tree};

use crate::step::{NONE, Program, Step, WILDCARD, flag};

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
    /// By step, whether a shape can match it; used while planning.
    possible: Vec<bool>,
    seen: Vec<u32>,
    stack: Vec<u16>,
    useful: Vec<bool>,
}

impl Plan {
    /// The entries that can start at a node of a shape.
    #[inline]
    pub(crate) fn starts(&self, shape: u32) -> &[u16] {
        let (from, len) = self.starts[shape as usize];
        &self.entries[from as usize..(from + len) as usize]
    }

    /// Whether any pattern can start anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Plans a query for a tree.
    pub(crate) fn make(&mut self, program: &Program, tree: &Tree, mode: Mode) {
        self.shapes.clear();
        self.shapes
            .extend((0..tree.shapes_len() as u32).filter_map(|shape| tree.shape_info(shape)));
        self.supertypes.clear();
        let shapes = 0..self.shapes.len() as u32;
        self.supertypes.extend(shapes.map(|shape| tree.shape_supertypes(shape)));
        let kinds = tree.grammar().supertype_kinds();
        self.wanted.clear();
        self.wanted.extend(program.steps.iter().map(|step| match step.supertype {
            0 => 0,
            kind => kinds.iter().position(|other| *other == kind).map_or(0, |bit| 1 << bit),
        }));
        self.quirks = tree.has_quirks();
        self.find_possible(program, tree);
        self.find_useful(program, mode);
        self.marks.clear();
        self.starts.clear();
        self.entries.clear();
        for shape in 0..self.shapes.len() {
            let info = self.shapes[shape];
            let from = self.entries.len() as u32;
            let wildcards = 0..program.wildcards;
            let first = program.first_entry(info.kind).max(program.wildcards);
            let of_kind = first..program.entries.len();
            let skipped = if info.kind == ERROR_KIND { program.wildcards } else { 0 };
            for number in wildcards.skip(skipped) {
                self.consider(program, tree, shape, number, mode);
            }
            for number in of_kind {
                if program.entry_symbol(&program.entries[number]) != info.kind {
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
            let silent = mode == Mode::Matches || !step.is_captured();
            let childless = !self.shapes[shape].has_children;
            if mode != Mode::Exact && silent && childless && needs_child(program, entry.step) {
                return;
            }
        }
        self.entries.push(number as u16);
    }

    fn find_possible(&mut self, program: &Program, tree: &Tree) {
        let mut possible = std::mem::take(&mut self.possible);
        possible.clear();
        possible.extend(program.steps.iter().zip(0..).map(|(step, number)| {
            (0..self.shapes.len()).any(|shape| self.fits(step, number, shape, tree))
        }));
        self.possible = possible;
    }

    /// Which entries lead to a whole match, or to a capture that is seen.
    fn find_useful(&mut self, program: &Program, mode: Mode) {
        self.seen.clear();
        self.seen.resize(program.steps.len(), 0);
        self.useful.clear();
        for number in 0..program.entries.len() {
            let entry = program.entries[number];
            let useful =
                mode == Mode::Exact || self.leads_anywhere(program, entry.step, number, mode);
            self.useful.push(useful);
        }
    }

    fn leads_anywhere(&mut self, program: &Program, start: u16, number: usize, mode: Mode) -> bool {
        let round = number as u32 + 1;
        self.stack.clear();
        self.stack.push(start);
        while let Some(index) = self.stack.pop() {
            let Some(seen) = self.seen.get_mut(usize::from(index)) else { continue };
            if *seen == round {
                continue;
            }
            *seen = round;
            let step = &program.steps[usize::from(index)];
            if step.is_done() {
                return true;
            }
            let passes = step.has(flag::PASS_THROUGH)
                || (!step.has(flag::DEAD_END) && self.possible[usize::from(index)]);
            if passes {
                if mode == Mode::Captures && step.is_captured() && !step.has(flag::PASS_THROUGH) {
                    return true;
                }
                self.stack.push(index + 1);
            }
            if step.alternative != NONE {
                self.stack.push(step.alternative);
            }
        }
        false
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
    inside && next.alternative == NONE && !next.has(flag::PASS_THROUGH | flag::DEAD_END)
}
