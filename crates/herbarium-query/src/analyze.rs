//! Which patterns can match at all, and from which step on they must.
//!
//! A hypothetical node of the pattern's root kind is built along every path
//! of the parse table, with the pattern's steps kept beside it. Steps at which
//! a path ends without having found what the pattern wants are *fallible*;
//! a pattern that no path completes is an error. As in tree-sitter 0.27
//! (`ts_query__analyze_patterns`), limits of the search included, since what
//! it gives up on decides what is guaranteed.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Instant;

use herbarium_codec::{Action, ERROR_KIND, Grammar, Symbol};

use crate::error::{Fault, QueryErrorKind};
use crate::rules::{Rules, Subgraph};
use crate::step::{NONE, Program, WILDCARD, Word, flag};

const MAX_DEPTH: usize = 8;
const MAX_ROUNDS: usize = 256;
/// States from one look at the clock to the next.
const WORK_PER_CHECK: u32 = 100;
const ABI_WITH_SUBTYPES: u32 = 15;

/// Sets the derived flags of all steps, or says which step can match nothing.
///
/// With a deadline, gives up when it has passed: patterns with many children of a
/// large grammar take minutes.
pub(crate) fn analyze(
    program: &mut Program,
    grammar: &Grammar,
    rules: &Rules,
    deadline: Option<Instant>,
) -> Result<(), Fault> {
    let parents = mark_steps(program, grammar)?;
    let symbols = parents.iter().map(|parent| program.steps[*parent].symbol).collect();
    let mut analysis = Analysis { deadline, ..Analysis::new(rules, symbols) };
    for parent in parents {
        analyze_parent(program, &mut analysis, parent)?;
    }
    mark_predicate_captures(program);
    spread_fallibility(program);
    mark_non_local(program, &mut analysis);
    if analysis.is_late {
        return Err(too_slow(program, 0));
    }
    for step in 0..program.steps.len() {
        let splits = !program.steps[step].is_done()
            && (program.steps[step].has(flag::CONTAINS_CAPTURES) || program.is_fallible(step));
        program.steps[step].set(flag::SPLITS, splits);
    }
    Ok(())
}

/// Sets what each step has below it, and gives the steps with children.
fn mark_steps(program: &mut Program, grammar: &Grammar) -> Result<Vec<usize>, Fault> {
    const GUARANTEED: u16 = flag::ROOT_GUARANTEED | flag::PARENT_GUARANTEED;
    let mut parents = Vec::new();
    for index in 0..program.steps.len() {
        let step = program.steps[index];
        if step.is_done() {
            program.steps[index].set(GUARANTEED, true);
            continue;
        }
        let below = program.steps[index + 1..].iter();
        let below = below.take_while(|next| !next.is_done() && next.depth > step.depth).count();
        let children = index + 1..index + 1 + below;
        let mut captures = step.is_captured();
        for child in &mut program.steps[children.clone()] {
            captures |= child.is_captured();
            if step.symbol != WILDCARD {
                child.set(GUARANTEED, true);
            }
        }
        program.steps[index].set(flag::CONTAINS_CAPTURES, captures);
        if children.is_empty() {
            continue;
        }
        if step.symbol != WILDCARD {
            parents.push(index);
        } else if step.supertype != 0 && grammar.parts().abi >= ABI_WITH_SUBTYPES {
            let subtypes = grammar.subtypes(step.supertype);
            for child in children {
                let below = &program.steps[child];
                let is_child = below.depth == step.depth + 1 && below.symbol != WILDCARD;
                if is_child && !subtypes.contains(&below.symbol) {
                    let offset = program.offsets.iter().find(|entry| entry.0 as usize >= child);
                    if let Some(offset) = offset {
                        return Err(impossible(offset.1));
                    }
                }
            }
        }
    }
    Ok(parents)
}

fn impossible(offset: u32) -> Fault {
    Fault { kind: QueryErrorKind::Structure, offset: offset as usize }
}

fn too_slow(program: &Program, step: usize) -> Fault {
    Fault { kind: QueryErrorKind::TooSlow, offset: offset_of(program, step) as usize }
}

/// Follows the children of one step.
fn analyze_parent(
    program: &mut Program,
    analysis: &mut Analysis<'_>,
    parent: usize,
) -> Result<(), Fault> {
    let step = program.steps[parent];
    if step.symbol == ERROR_KIND {
        return Ok(());
    }
    let Some(subgraph) = analysis.subgraph(step.symbol) else {
        return Err(impossible(offset_of(program, parent + 1)));
    };
    let starts = subgraph.starts.iter().map(|&state| State::new(state, step.symbol, parent + 1));
    analysis.run(program, starts.collect());
    if analysis.is_late {
        return Err(too_slow(program, parent));
    }
    if analysis.aborted {
        for index in parent + 1..program.steps.len() {
            let below = &mut program.steps[index];
            if below.depth <= step.depth || below.is_done() {
                break;
            }
            if !below.has(flag::DEAD_END) {
                below.set(flag::ROOT_GUARANTEED | flag::PARENT_GUARANTEED, false);
            }
        }
        return Ok(());
    }
    if analysis.finished.is_empty() {
        let last = analysis.finals.last().map_or(parent, |step| usize::from(*step));
        return Err(impossible(offset_of(program, last)));
    }
    for &index in &analysis.finals {
        let last = &mut program.steps[usize::from(index)];
        if !last.is_done() && last.depth > step.depth && !last.has(flag::DEAD_END) {
            last.set(flag::ROOT_GUARANTEED | flag::PARENT_GUARANTEED, false);
        }
    }
    Ok(())
}

/// Where a step comes from in the text: its own place, or that of the next
/// step that has one.
fn offset_of(program: &Program, step: usize) -> u32 {
    let at = program.offsets.partition_point(|entry| (entry.0 as usize) < step);
    let at = at.min(program.offsets.len().saturating_sub(1));
    program.offsets.get(at).map_or(0, |entry| entry.1)
}

/// What a predicate speaks of can still fail.
fn mark_predicate_captures(program: &mut Program) {
    for pattern in &program.patterns {
        let words =
            &program.words[pattern.predicates.start as usize..pattern.predicates.end as usize];
        let spoken: BTreeSet<u16> = words
            .iter()
            .filter_map(
                |word| if let Word::Capture(capture) = word { Some(*capture) } else { None },
            )
            .collect();
        for step in &mut program.steps[pattern.steps.start as usize..pattern.steps.end as usize] {
            let mut captures = step.captures.iter().take_while(|capture| **capture != NONE);
            if captures.any(|capture| spoken.contains(capture)) {
                step.set(flag::ROOT_GUARANTEED, false);
            }
        }
    }
}

/// What comes before a step that can fail can fail.
fn spread_fallibility(program: &mut Program) {
    let mut changed = !program.steps.is_empty();
    while changed {
        changed = false;
        for index in (1..program.steps.len()).rev() {
            if program.steps[index].is_done() {
                continue;
            }
            match is_guaranteed(program, index) {
                Some(true) => continue,
                Some(false) => {}
                None => program.circular = true,
            }
            let before = &mut program.steps[index - 1];
            if !before.has(flag::DEAD_END) && !before.is_done() && before.has(flag::ROOT_GUARANTEED)
            {
                before.set(flag::ROOT_GUARANTEED, false);
                changed = true;
            }
        }
    }
}

/// Whether a step or one of its alternatives further on is guaranteed; none
/// where they lead round in a circle.
fn is_guaranteed(program: &Program, index: usize) -> Option<bool> {
    let mut step = &program.steps[index];
    for _ in 0..=program.steps.len() {
        if step.has(flag::ROOT_GUARANTEED) {
            return Some(true);
        }
        if step.alternative == NONE || usize::from(step.alternative) < index {
            return Some(false);
        }
        step = &program.steps[usize::from(step.alternative)];
    }
    None
}

/// Finds the patterns of several roots that a repetition can hold.
fn mark_non_local(program: &mut Program, analysis: &mut Analysis<'_>) {
    let entries: Vec<_> = program
        .entries
        .iter()
        .filter(|entry| !entry.rooted && program.entry_symbol(entry) != WILDCARD)
        .copied()
        .collect();
    for entry in entries {
        let table = &analysis.rules.table;
        let shown = Symbol::VISIBLE | Symbol::NAMED;
        let mut states = Vec::new();
        for symbol in analysis.rules.hidden() {
            if table.symbol(symbol) & shown != 0 {
                continue;
            }
            let starts = analysis.subgraph(symbol).map_or(&[][..], |subgraph| &subgraph.starts);
            let step = usize::from(entry.step);
            states.extend(starts.iter().map(|&state| State::new(state, symbol, step)));
        }
        analysis.run(program, states);
        if !analysis.finished.is_empty() {
            program.patterns[usize::from(entry.pattern)].non_local = true;
        }
    }
}

/// A node that is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Level {
    state: u16,
    symbol: u16,
    child: u8,
    field: u16,
    done: bool,
}

/// A hypothetical node and a step of the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    stack: [Level; MAX_DEPTH],
    depth: u8,
    step: u16,
    root: u16,
}

impl State {
    fn new(state: u16, symbol: u16, step: usize) -> Self {
        let mut stack = [Level::default(); MAX_DEPTH];
        stack[0] = Level { state, symbol, ..Level::default() };
        Self { stack, depth: 1, step: step as u16, root: symbol }
    }

    fn levels(&self) -> &[Level] {
        &self.stack[..usize::from(self.depth)]
    }

    fn top(&self) -> &Level {
        &self.stack[usize::from(self.depth.saturating_sub(1))]
    }

    fn top_mut(&mut self) -> &mut Level {
        &mut self.stack[usize::from(self.depth.saturating_sub(1))]
    }

    /// Number of levels whose symbol stands above them too.
    fn recursion(&self) -> usize {
        let levels = self.levels();
        let repeats = |(index, level): &(usize, &Level)| {
            levels[..*index].iter().any(|above| above.symbol == level.symbol)
        };
        levels.iter().enumerate().filter(repeats).count()
    }

    /// Orders by progress. Not an order in the strict sense where depths
    /// differ; the search relies on it as it is.
    fn compare(&self, other: &Self) -> Ordering {
        if self.depth < other.depth {
            return Ordering::Greater;
        }
        for (index, own) in self.levels().iter().enumerate() {
            let Some(other) = other.levels().get(index) else { return Ordering::Less };
            let key = |level: &Level| (level.child, level.symbol, level.state, level.field);
            let ordering = key(own).cmp(&key(other));
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        self.step.cmp(&other.step)
    }
}

/// The search, and what it found.
struct Analysis<'a> {
    rules: &'a Rules,
    /// Kinds that patterns have children of.
    symbols: BTreeSet<u16>,
    states: States,
    next: States,
    deeper: States,
    /// Steps that were wanted when the node was complete.
    finals: BTreeSet<u16>,
    /// Roots that the pattern was completed in.
    finished: BTreeSet<u16>,
    aborted: bool,
    deadline: Option<Instant>,
    /// The deadline has passed.
    is_late: bool,
    /// Since the last look at the clock.
    work: u32,
}

impl<'a> Analysis<'a> {
    fn new(rules: &'a Rules, symbols: BTreeSet<u16>) -> Self {
        Self {
            rules,
            symbols,
            states: States::default(),
            next: States::default(),
            deeper: States::default(),
            finals: BTreeSet::new(),
            finished: BTreeSet::new(),
            aborted: false,
            deadline: None,
            is_late: false,
            work: 0,
        }
    }

    /// The ways of building a symbol that the query is about, or that is
    /// hidden.
    fn subgraph(&self, symbol: u16) -> Option<&'a Subgraph> {
        let counts = self.rules.is_hidden(symbol) || self.symbols.contains(&symbol);
        if counts { self.rules.subgraph(symbol) } else { None }
    }

    fn run(&mut self, program: &Program, states: Vec<State>) {
        self.states.clear();
        states.iter().for_each(|state| self.states.push(state));
        self.deeper.clear();
        self.finals.clear();
        self.finished.clear();
        self.aborted = false;
        let mut recursion_limit = 0;
        let mut finals_before = 0;
        for round in 0.. {
            if round == MAX_ROUNDS {
                self.aborted = true;
                return;
            }
            if self.is_late {
                return;
            }
            if self.states.is_empty() {
                // Allow more recursion, as long as that leads anywhere new.
                if self.deeper.is_empty() || self.finals.len() <= finals_before {
                    return;
                }
                finals_before = self.finals.len();
                recursion_limit += 1;
                std::mem::swap(&mut self.states, &mut self.deeper);
                continue;
            }
            self.round(program, recursion_limit);
            std::mem::swap(&mut self.states, &mut self.next);
        }
    }

    /// Takes the states with the least progress on by one child.
    fn round(&mut self, program: &Program, recursion_limit: usize) {
        self.next.clear();
        let states = std::mem::take(&mut self.states);
        self.advance_least(program, states.iter(), recursion_limit);
        self.states = states;
    }

    fn must_stop(&mut self) -> bool {
        self.work += 1;
        if self.work >= WORK_PER_CHECK {
            self.work = 0;
            self.is_late |= self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        }
        self.is_late
    }

    fn advance_least<'s>(
        &mut self,
        program: &Program,
        mut states: impl Iterator<Item = &'s State>,
        recursion_limit: usize,
    ) {
        while let Some(state) = states.next() {
            if self.must_stop() {
                return;
            }
            match self.next.last().map(|last| state.compare(last)) {
                Some(Ordering::Equal) => self.next.insert(state),
                Some(Ordering::Greater) => {
                    self.next.push(state);
                    return states.for_each(|state| self.next.push(state));
                }
                Some(Ordering::Less) | None => self.advance(program, state, recursion_limit),
            }
        }
    }

    /// Tries every child that may come next.
    fn advance(&mut self, program: &Program, state: &State, recursion_limit: usize) {
        let top = *state.top();
        let rules = self.rules;
        let Some(subgraph) = self.subgraph(top.symbol) else { return };
        let Some(row) = rules.table.states.get(usize::from(top.state)) else { return };
        for &(symbol, value) in row {
            let (next_state, next_child) = if symbol < rules.table.tokens {
                match rules.table.actions.get(usize::from(value)).and_then(|list| list.last()) {
                    Some(Action::Shift { state }) => (*state, (top.child + 1) & 0x7f),
                    Some(Action::Extra) => (top.state, top.child),
                    _ => continue,
                }
            } else if value != 0 {
                (value, (top.child + 1) & 0x7f)
            } else {
                continue;
            };
            for position in subgraph.at(next_state, next_child) {
                let child = Child { symbol, production: position.production };
                let mut next = *state;
                let level = next.top_mut();
                (level.child, level.state) = (next_child, next_state);
                level.done |= position.done;
                let stays = next_state == top.state;
                self.take(program, state, next, child, stays, recursion_limit);
            }
        }
    }

    /// Takes one child: it matches the step, or holds what does, or is passed.
    fn take(
        &mut self,
        program: &Program,
        state: &State,
        mut next: State,
        child: Child,
        stays: bool,
        recursion_limit: usize,
    ) {
        let table = &self.rules.table;
        let top = *state.top();
        let number = usize::from(top.child);
        let shown = match table.alias_at(child.production, number) {
            0 if table.symbol(child.symbol) & Symbol::VISIBLE != 0 => {
                table.public.get(usize::from(child.symbol)).copied().unwrap_or(0)
            }
            alias => alias,
        };
        let own_field = table.fields_of(child.production).iter();
        let own_field =
            own_field.clone().find(|entry| !entry.inherited && usize::from(entry.child) == number);
        let field =
            if top.field != 0 { top.field } else { own_field.map_or(0, |entry| entry.field) };
        let step = &program.steps[usize::from(state.step)];

        let mut matches = false;
        if step.symbol == ERROR_KIND {
            // An error can be anywhere.
            matches = true;
        } else if shown != 0 {
            let kind_fits = match step.symbol {
                WILDCARD => !step.has(flag::NAMED) || table.symbol(shown) & Symbol::NAMED != 0,
                symbol => symbol == shown,
            };
            let field_fits = step.field == 0 || step.field == field;
            let supertype_fits = step.supertype == 0
                || state.levels().iter().any(|level| level.symbol == step.supertype);
            matches = kind_fits && field_fits && supertype_fits;
        } else if child.symbol >= table.tokens {
            // A hidden child: go into it, in place of a node that is complete.
            if !next.top().done {
                if usize::from(next.depth) + 1 >= MAX_DEPTH {
                    self.aborted = true;
                    return;
                }
                next.depth += 1;
            }
            *next.top_mut() =
                Level { state: top.state, symbol: child.symbol, child: 0, field, done: false };
            if next.recursion() > recursion_limit {
                self.deeper.insert(&next);
                return;
            }
        }
        while next.depth > 0 && next.top().done {
            next.depth -= 1;
        }
        if matches {
            // On to the next sibling in the pattern.
            loop {
                next.step += 1;
                let following = &program.steps[usize::from(next.step)];
                if following.is_done() || following.depth <= step.depth {
                    break;
                }
            }
        } else if stays {
            return;
        }
        self.follow(program, state, next, matches);
    }

    /// Notes where a state has come to, and in its alternatives.
    fn follow(&mut self, program: &Program, state: &State, mut next: State, matches: bool) {
        let depth = program.steps[usize::from(state.step)].depth;
        loop {
            let step = &program.steps[usize::from(next.step)];
            if step.has(flag::PASS_THROUGH) {
                next.step += 1;
                continue;
            }
            if !step.has(flag::DEAD_END) {
                if step.depth != depth {
                    self.finished.insert(state.root);
                } else if next.depth == 0 {
                    self.finals.insert(next.step);
                } else {
                    self.next.insert(&next);
                }
            }
            if !matches || step.alternative == NONE || step.alternative <= next.step {
                return;
            }
            next.step = step.alternative;
        }
    }
}

/// A child as the parse table has it.
#[derive(Clone, Copy)]
struct Child {
    symbol: u16,
    production: u16,
}

/// Numbers of states that are kept together at most.
const CHUNK: usize = 1024;

/// States in their order.
///
/// There can be millions, and every new one moves those behind it: what is moved
/// are their numbers, and of these only those of one chunk.
#[derive(Default)]
struct States {
    all: Vec<State>,
    chunks: Vec<Vec<u32>>,
    /// How many states there are up to the end of each chunk.
    ends: Vec<usize>,
}

impl States {
    fn clear(&mut self) {
        self.all.clear();
        self.ends.clear();
        // Mostly there is one: its memory is used again.
        self.chunks.truncate(1);
        self.chunks.iter_mut().for_each(Vec::clear);
        self.ends.resize(self.chunks.len(), 0);
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &State> {
        self.chunks.iter().flatten().map(|number| &self.all[*number as usize])
    }

    fn last(&self) -> Option<&State> {
        let number = self.chunks.last()?.last()?;
        self.all.get(*number as usize)
    }

    fn get(&self, at: usize) -> &State {
        let number = self.ends.partition_point(|end| *end <= at);
        let chunk = &self.chunks[number];
        &self.all[chunk[at + chunk.len() - self.ends[number]] as usize]
    }

    fn push(&mut self, state: &State) {
        self.insert_at(self.len(), state);
    }

    /// Inserts in order, unless it is there.
    fn insert(&mut self, state: &State) {
        let mut at = 0;
        let mut size = self.len();
        while size > 1 {
            let half = size / 2;
            if self.get(at + half).compare(state) != Ordering::Greater {
                at += half;
            }
            size -= half;
        }
        match (at < self.len()).then(|| self.get(at).compare(state)) {
            Some(Ordering::Equal) => {}
            Some(Ordering::Less) => self.insert_at(at + 1, state),
            _ => self.insert_at(at, state),
        }
    }

    fn insert_at(&mut self, at: usize, state: &State) {
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
            self.ends.push(0);
        }
        let number = self.ends.partition_point(|end| *end < at);
        let chunk = &mut self.chunks[number];
        chunk.insert(at + chunk.len() - self.ends[number], self.all.len() as u32);
        self.ends[number..].iter_mut().for_each(|end| *end += 1);
        self.all.push(*state);
        if chunk.len() > CHUNK {
            let behind = chunk.split_off(CHUNK / 2);
            self.ends.insert(number, self.ends[number] - behind.len());
            self.chunks.insert(number + 1, behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States of few levels and values, so that some are the same.
    fn some_state(number: &mut u32) -> State {
        let mut below = |limit: u32| {
            *number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*number >> 16) % limit
        };
        let mut state = State::new(below(40) as u16, below(3) as u16, below(40) as usize);
        state.depth = 1 + below(3) as u8;
        for level in &mut state.stack[1..usize::from(state.depth)] {
            level.symbol = below(3) as u16;
        }
        state
    }

    #[test]
    fn states_are_where_a_plain_list_has_them() {
        let (mut states, mut plain) = (States::default(), Vec::<State>::new());
        let mut number = 1;
        for _ in 0..20_000 {
            let state = some_state(&mut number);
            states.insert(&state);
            // As tree-sitter's `array_search_sorted_with`, on what is no strict order.
            let (mut at, mut size) = (0, plain.len());
            while size > 1 {
                if plain[at + size / 2].compare(&state) != Ordering::Greater {
                    at += size / 2;
                }
                size -= size / 2;
            }
            match plain.get(at).map(|other| other.compare(&state)) {
                Some(Ordering::Equal) => {}
                Some(Ordering::Less) => plain.insert(at + 1, state),
                _ => plain.insert(at, state),
            }
        }
        let several = 3 * CHUNK..19_900;
        assert!(several.contains(&plain.len()), "{} of 20,000 differ", plain.len());
        assert!(states.iter().eq(&plain));
        assert_eq!(states.last(), plain.last());
    }
}
