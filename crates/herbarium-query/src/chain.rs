//! Patterns that are a chain: one node, or one node in another in another.
//!
//! `(identifier) @variable` and `(call_expression function: (identifier) @f)`
//! need no states. A chain matches when the node of its last step comes up, and
//! whether it does follows from that node and the nodes above it: its node is
//! in the shape column, the ones above are a look-up each. Nothing else can
//! come between, as no two matches of a chain can end at one node:
//!
//! - Every step captures, or has what captures under it, so that every later
//!   sibling is tried too ([`flag::SPLITS`]), and a match that is complete
//!   holds more captures than any other in the making. None is held back.
//! - Negated fields, alternatives and repetitions are left to the states of the
//!   engine. So are patterns that begin below their root, and anchors where they
//!   leave a choice; where they leave none, see [`Row`].
//!
//! The order is kept: of all matches that end at one node, those that began
//! further up come first, then those of earlier patterns.
//!
//! Captures in the order of the text are held back by matches that captured
//! and are not complete. A chain that captures with its last step only never
//! holds anything back ([`Class::Late`]). Where there is one pattern alone,
//! that it does so cannot be seen ([`Chains::sole`]): its captures are sorted
//! by where they start, then by which match was complete first, whatever held
//! them back.

use crate::row::{MAX_ROW, Row};
use crate::step::{Entry, NONE, Program, Step, WILDCARD, flag};

/// Steps of a chain at most.
pub(crate) const MAX_STEPS: usize = 4;
/// Different steps above last ones at most: one bit each.
const MAX_ABOVE: usize = 64;
const MAX_JUMPS: usize = 8;

/// A way in which a pattern that is a chain can match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    /// Number of the entry that it starts with.
    pub(crate) entry: u16,
    pub(crate) pattern: u16,
    /// Number of its last step in `steps`.
    pub(crate) last: u8,
    /// Numbers of its steps, the root's first.
    pub(crate) steps: [u16; MAX_STEPS],
    /// Bits of the steps above the last.
    above: [u64; MAX_STEPS],
    /// The only capture, if it is that of the last step.
    pub(crate) only: Option<u16>,
    /// All steps, where some are beside the way from the root to the last.
    pub(crate) row: Option<Row>,
}

impl Chain {
    /// Whether an event of the chain is to be looked for: rows are found from
    /// their root, and where they end is known by then.
    #[inline]
    fn is_found_at(&self, event: Event) -> bool {
        self.row.is_none() || event.level == 0
    }

    /// The bit of a step above the last.
    #[inline]
    pub(crate) fn bit(&self, level: u8) -> u64 {
        self.above.get(usize::from(level)).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn step<'p>(&self, program: &'p Program, level: u8) -> &'p Step {
        &program.steps[usize::from(self.steps[usize::from(level)])]
    }
}

/// What a node can be to a chain: that of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) chain: u16,
    /// Number of the step. One before the last is no match: from there on, one
    /// is bound to be, which is told to who asks for captures; or it is the root
    /// of a row.
    pub(crate) level: u8,
}

/// What can be done about a pattern without states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing.
    States,
    /// All.
    Chain,
    /// All, and it never holds captures of others back.
    Late,
    /// All, where whole matches are asked for: it is a row.
    Row,
}

/// All chains of a program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chains {
    pub(crate) all: Vec<Chain>,
    /// By pattern.
    classes: Vec<Class>,
    /// Patterns that were not disabled.
    used: Vec<u16>,
    /// By kind of the node, any kind first.
    events: Vec<(u16, Event)>,
    /// By kind, any kind first: step and bit.
    above: Vec<(u16, u16, u64)>,
    /// Nothing can be seen of matches that are not complete, or that do not
    /// satisfy, even where captures are asked for: all starts are of one
    /// pattern, and no step is bound to match once something was captured.
    pub(crate) sole: bool,
    /// Some are [`Event`]s without a match.
    pub(crate) has_signals: bool,
}

impl Chains {
    /// The chains of a program; `is_named` tells of a kind.
    pub(crate) fn of(program: &Program, is_named: impl Fn(u16) -> bool) -> Self {
        let mut chains = Self {
            classes: vec![Class::States; program.patterns.len()],
            sole: is_sole(program),
            ..Self::default()
        };
        let mut entries: Vec<Vec<u16>> = vec![Vec::new(); program.patterns.len()];
        for (number, entry) in program.entries.iter().enumerate() {
            entries[usize::from(entry.pattern)].push(number as u16);
        }
        for (pattern, entries) in entries.iter().enumerate() {
            if !entries.is_empty() {
                chains.used.push(pattern as u16);
            }
            chains.add_pattern(program, pattern, entries, &is_named);
        }
        chains.events.sort_by_key(|(kind, event)| {
            let chain = &chains.all[usize::from(event.chain)];
            (*kind, std::cmp::Reverse(event.level), chain.pattern)
        });
        chains.above.sort_unstable();
        chains
    }

    /// Whether the states of the engine can be spared a pattern.
    pub(crate) fn takes(&self, pattern: u16, for_captures: bool) -> bool {
        match self.classes.get(usize::from(pattern)) {
            Some(Class::Late) => true,
            Some(Class::Chain) => !for_captures || self.sole,
            Some(Class::Row) => !for_captures,
            Some(Class::States) | None => false,
        }
    }

    /// Whether nothing else is to be done, and nobody can tell which nodes were
    /// looked at.
    pub(crate) fn are_all(&self, for_captures: bool) -> bool {
        let is_seen = for_captures && self.has_signals && !self.sole;
        !is_seen && !self.all.is_empty() && self.are_enough(for_captures)
    }

    fn are_enough(&self, for_captures: bool) -> bool {
        let mut used = self.used.iter();
        used.all(|pattern| self.takes(*pattern, for_captures))
    }

    /// Whether some matches are complete before captures of others that come
    /// first in the text are.
    pub(crate) fn are_all_late(&self) -> bool {
        self.classes.iter().all(|class| *class != Class::Chain)
    }

    /// Kinds that chains or steps above last ones want.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = u16> + '_ {
        let above = self.above.iter().map(|entry| entry.0);
        self.events.iter().map(|entry| entry.0).chain(above)
    }

    /// What nodes of a kind can be to chains; those of any kind apart. In the
    /// order in which matches are told.
    pub(crate) fn events_of(&self, kind: u16) -> impl Iterator<Item = Event> + '_ {
        let from = self.events.partition_point(|entry| entry.0 < kind);
        self.events[from..].iter().take_while(move |entry| entry.0 == kind).map(|entry| entry.1)
    }

    /// Whether nodes at which something can happen have to be looked for.
    pub(crate) fn are_found_at(&self, events: &[Event]) -> bool {
        events.iter().any(|event| self.all[usize::from(event.chain)].is_found_at(*event))
    }

    /// Puts what one node is to chains in the order in which matches are told.
    pub(crate) fn sort(&self, events: &mut [Event]) {
        let order = |event: &Event| {
            (std::cmp::Reverse(event.level), self.all[usize::from(event.chain)].pattern)
        };
        if !events.is_sorted_by_key(order) {
            events.sort_by_key(order);
        }
    }

    /// Steps above last ones, with their bits.
    pub(crate) fn above(&self, kind: u16) -> impl Iterator<Item = (u16, u64)> + '_ {
        let from = self.above.partition_point(|entry| entry.0 < kind);
        let of_kind = self.above[from..].iter().take_while(move |entry| entry.0 == kind);
        of_kind.map(|entry| (entry.1, entry.2))
    }

    fn add_pattern(
        &mut self,
        program: &Program,
        pattern: usize,
        entries: &[u16],
        is_named: &impl Fn(u16) -> bool,
    ) {
        let mut roots: Vec<u16> = Vec::new();
        let mut found = Vec::with_capacity(entries.len());
        for &number in entries {
            let entry = &program.entries[usize::from(number)];
            let Some(steps) = steps_of(program, entry) else { return };
            let row = match is_chain(program, &steps) {
                true => None,
                false => match Row::of(program, &steps, is_named) {
                    Some(row) => Some(row),
                    None => return,
                },
            };
            let Some(steps) = row.map_or(Some(steps), |row| row.way(program)) else { return };
            let root = program.entry_symbol(entry);
            // Two starts at one node look at each other's states.
            if entries.len() > 1 && (root == WILDCARD || roots.contains(&root)) {
                return;
            }
            roots.push(root);
            found.push((number, steps, row));
        }
        let mut class = Class::Late;
        let before = self.above.len();
        let first = self.all.len();
        for (number, steps, row) in found {
            let Some(chain) = self.chain(program, number, &steps, row) else {
                self.above.truncate(before);
                self.all.truncate(first);
                return;
            };
            let above = &steps[..steps.len() - 1];
            if above.iter().any(|step| program.steps[usize::from(*step)].is_captured()) {
                class = if class == Class::Row { class } else { Class::Chain };
            }
            if row.is_some() {
                class = Class::Row;
            }
            self.all.push(chain);
        }
        self.classes[pattern] = class;
        for number in first..self.all.len() {
            self.add_events(program, number);
        }
    }

    fn chain(
        &mut self,
        program: &Program,
        entry: u16,
        steps: &[u16],
        row: Option<Row>,
    ) -> Option<Chain> {
        let mut chain = Chain {
            entry,
            pattern: program.entries[usize::from(entry)].pattern,
            last: (steps.len() - 1) as u8,
            steps: [NONE; MAX_STEPS],
            above: [0; MAX_STEPS],
            only: only_capture(program, steps).filter(|_| row.is_none()),
            row,
        };
        chain.steps[..steps.len()].copy_from_slice(steps);
        for (level, step) in steps[..steps.len() - 1].iter().enumerate() {
            chain.above[level] = self.bit_of(program, *step)?;
        }
        Some(chain)
    }

    /// The bit of steps that want the same of a node.
    fn bit_of(&mut self, program: &Program, number: u16) -> Option<u64> {
        let wants = |number: u16| {
            let step = &program.steps[usize::from(number)];
            let flags = step.flags & (flag::NAMED | flag::MISSING);
            (step.symbol, step.supertype, step.field, flags)
        };
        let known = self.above.iter().find(|entry| wants(entry.1) == wants(number));
        if let Some(known) = known {
            return Some(known.2);
        }
        if self.above.len() == MAX_ABOVE {
            return None;
        }
        let bit = 1 << self.above.len();
        self.above.push((wants(number).0, number, bit));
        Some(bit)
    }

    fn add_events(&mut self, program: &Program, number: usize) {
        let chain = self.all[number];
        for level in 0..=chain.last {
            let next = usize::from(chain.steps[usize::from(level)]) + 1;
            let is_bound =
                program.steps.get(next).is_some_and(|next| next.has(flag::ROOT_GUARANTEED));
            let begins = level == 0 && chain.row.is_some();
            let is_signal = is_bound && level < chain.last && chain.row.is_none();
            if level == chain.last || begins || is_signal {
                self.has_signals |= is_signal;
                let kind = chain.step(program, level).symbol;
                self.events.push((kind, Event { chain: number as u16, level }));
            }
        }
    }
}

fn only_capture(program: &Program, steps: &[u16]) -> Option<u16> {
    let (last, above) = steps.split_last()?;
    let captures = |step: &u16| program.steps[usize::from(*step)].captures;
    let [only, NONE, _] = captures(last) else { return None };
    let is_only = only != NONE && above.iter().all(|step| captures(step)[0] == NONE);
    is_only.then_some(only)
}

/// The steps of a pattern from one of its starts, if they are one after the other.
fn steps_of(program: &Program, entry: &Entry) -> Option<Vec<u16>> {
    if !entry.rooted {
        return None;
    }
    let mut steps: Vec<u16> = Vec::with_capacity(MAX_ROW);
    let (mut at, mut jumps) = (entry.step, 0);
    loop {
        let step = program.steps.get(usize::from(at))?;
        if step.is_done() {
            break;
        }
        if step.has(flag::DEAD_END) && !steps.is_empty() {
            (at, jumps) = (step.alternative, jumps + 1);
            if jumps > MAX_JUMPS {
                return None;
            }
            continue;
        }
        if steps.len() == MAX_ROW {
            return None;
        }
        steps.push(at);
        at += 1;
    }
    (!steps.is_empty()).then_some(steps)
}

/// Whether each step is a child of the one before, and any child of it will do.
fn is_chain(program: &Program, steps: &[u16]) -> bool {
    let all = || steps.iter().map(|step| &program.steps[usize::from(*step)]);
    let is_link = |(level, step): (usize, &Step)| {
        usize::from(step.depth) == level && is_plain(step) && (level == 0 || goes_on(step))
    };
    steps.len() <= MAX_STEPS
        && all().enumerate().all(is_link)
        && (steps.len() == 1 || all().next_back().is_some_and(Step::is_captured))
}

fn is_plain(step: &Step) -> bool {
    let special = flag::DEAD_END | flag::PASS_THROUGH | flag::IMMEDIATE | flag::LAST_CHILD;
    !step.has(special) && step.negated == 0
}

/// Whether later siblings are tried, too. The first step has none: what it is
/// an alternative to starts by itself.
fn goes_on(step: &Step) -> bool {
    step.alternative == NONE && step.has(flag::SPLITS)
}

/// Whether matches of the only pattern are told apart from others by what they
/// are, not by when they came: no captures are told before they are complete,
/// none is held back once it is.
fn is_sole(program: &Program) -> bool {
    let Some(first) = program.entries.first() else { return true };
    let same = |entry: &Entry| entry.pattern == first.pattern && entry.alone;
    let number = usize::from(first.pattern);
    let Some(pattern) = program.patterns.get(number) else { return false };
    let next = program.patterns.get(number + 1);
    let end = next.map_or(program.steps.len(), |next| next.steps.start as usize);
    let steps = program.steps.get(pattern.steps.start as usize..end).unwrap_or_default();
    let is_row = steps.iter().all(|step| {
        step.is_done() || step.alternative == NONE && !step.has(flag::PASS_THROUGH | flag::DEAD_END)
    });
    let is_bound = |step: &Step| !step.is_done() && step.has(flag::ROOT_GUARANTEED);
    let mut once_captured = steps.iter().skip_while(|step| !step.is_captured()).skip(1);
    let last = steps.iter().rposition(Step::is_captured).unwrap_or(0);
    let splits = |step: &Step| !step.is_done() && step.has(flag::SPLITS);
    program.entries.iter().all(same)
        && steps.first().is_some_and(|root| root.depth == 0 && root.symbol != WILDCARD)
        && is_row
        && !once_captured.any(is_bound)
        && !steps.iter().skip(last + 1).any(splits)
}
