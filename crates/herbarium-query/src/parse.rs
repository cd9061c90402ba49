//! From the text of a query to steps.
//!
//! The language is that of tree-sitter 0.27 (`lib/src/query.c`), whose errors,
//! limits and corner cases the tests hold this parser against.

use herbarium_codec::{ERROR_KIND, Grammar, ParseTable, Symbol};

use crate::error::{Fault, QueryErrorKind};
use crate::quantifier::{CaptureQuantifier, Quantifiers};
use crate::step::{DONE, Entry, NONE, Pattern, Program, Step, WILDCARD, Word, flag};
use crate::text::Text;

/// Fields that a node can be told not to have; more are dropped.
const MAX_NEGATED: usize = 8;
/// Steps of all patterns together.
const MAX_STEPS: usize = NONE as usize - 1;
/// How deep patterns may nest: reading them uses the stack.
const MAX_DEPTH: usize = 400;
/// Generated parsers from this ABI on know which kinds a supertype stands for.
const ABI_WITH_SUBTYPES: u32 = 15;

/// Reads all patterns. An error comes with what was read before.
pub(crate) fn parse(
    grammar: &Grammar,
    table: &ParseTable,
    source: &str,
) -> Result<Program, (Fault, Box<Program>)> {
    let program = Program { negated: vec![Vec::new()], ..Program::default() };
    let mut parser = Parser { grammar, table, text: Text::new(source), program, nesting: 0 };
    match parser.patterns() {
        Ok(()) => Ok(parser.program),
        Err(fault) => Err((fault, Box::new(parser.program))),
    }
}

/// Why a pattern was not read.
enum Stop {
    /// A bracket closes what it should have been part of.
    Closed,
    /// It is wrong. The place is where the text stands then.
    Wrong(QueryErrorKind),
}

type Parsed<T = ()> = Result<T, Stop>;

const SYNTAX: Stop = Stop::Wrong(QueryErrorKind::Syntax);

struct Parser<'a> {
    grammar: &'a Grammar,
    table: &'a ParseTable,
    text: Text<'a>,
    program: Program,
    nesting: usize,
}

/// Where a pattern stands in the one around it.
#[derive(Clone, Copy)]
struct Place {
    depth: u16,
    immediate: bool,
    in_alternation: bool,
}

impl Parser<'_> {
    fn patterns(&mut self) -> Result<(), Fault> {
        self.text.skip_space();
        while !self.text.at_end() {
            self.top_pattern()?;
        }
        Ok(())
    }

    fn top_pattern(&mut self) -> Result<(), Fault> {
        let (steps, words) = (self.step_count() as u32, self.program.words.len() as u32);
        let start_byte = self.text.offset() as u32;
        let place = Place { depth: 0, immediate: false, in_alternation: false };
        let mut quantifiers = Quantifiers::default();
        let parsed = self.pattern(place, &mut quantifiers);
        self.program.steps.push(Step::new(WILDCARD, DONE, false));
        let end = self.step_count() as u32;
        let offset = self.text.offset();
        match parsed {
            Ok(()) => {}
            Err(Stop::Closed) => return Err(Fault { kind: QueryErrorKind::Syntax, offset }),
            Err(Stop::Wrong(kind)) => return Err(Fault { kind, offset }),
        }
        self.program.patterns.push(Pattern {
            steps: steps..end,
            predicates: words..self.program.words.len() as u32,
            start_byte,
            end_byte: offset as u32,
            non_local: false,
            quantifiers,
        });
        self.add_entries(steps as usize);
        self.free_loops(steps as usize..end as usize - 1);
        if self.step_count() > MAX_STEPS || self.program.patterns.len() > MAX_STEPS {
            return Err(Fault { kind: QueryErrorKind::TooLarge, offset });
        }
        Ok(())
    }

    fn step_count(&self) -> usize {
        self.program.steps.len()
    }

    /// One pattern, with what follows it: repetition and captures.
    fn pattern(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        match self.text.next() {
            '\0' => return Err(SYNTAX),
            ')' | ']' => return Err(Stop::Closed),
            _ => {}
        }
        if self.nesting >= MAX_DEPTH || self.step_count() > MAX_STEPS {
            return Err(Stop::Wrong(QueryErrorKind::TooLarge));
        }
        self.nesting += 1;
        let start = self.step_count();
        self.note_offset(start);
        let is_predicate = match self.text.next() {
            '[' => self.alternation(place, quantifiers).map(|()| false)?,
            '(' => self.parenthesis(place, quantifiers)?,
            '_' => self.wildcard(place),
            '"' => self.token(place)?,
            _ if self.text.at_word() => self.field(place, quantifiers).map(|()| false)?,
            _ => return Err(SYNTAX),
        };
        self.nesting -= 1;
        if is_predicate { Ok(()) } else { self.suffixes(start, place, quantifiers) }
    }

    fn note_offset(&mut self, step: usize) {
        let offsets = &mut self.program.offsets;
        if offsets.last().is_none_or(|last| last.0 != step as u32) {
            offsets.push((step as u32, self.text.offset() as u32));
        }
    }

    /// `[ ... ]`: branches, each ended by a jump past the others.
    fn alternation(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        self.text.advance();
        self.text.skip_space();
        let place = Place { in_alternation: true, ..place };
        let mut branches: Vec<usize> = Vec::new();
        loop {
            let start = self.step_count();
            let mut own = Quantifiers::default();
            match self.pattern(place, &mut own) {
                Ok(()) => {}
                Err(Stop::Closed) if self.text.next() == ']' && !branches.is_empty() => break,
                Err(Stop::Closed) => return Err(SYNTAX),
                Err(wrong) => return Err(wrong),
            }
            if branches.is_empty() {
                *quantifiers = own;
            } else {
                quantifiers.join_all(&own);
            }
            branches.push(start);
            self.program.steps.push(Step::new(WILDCARD, place.depth, false));
        }
        self.text.advance();
        self.program.steps.pop();
        let end = self.step_count() as u16;
        for pair in branches.windows(2) {
            self.program.steps[pair[0]].alternative = pair[1] as u16;
            let last = &mut self.program.steps[pair[1] - 1];
            last.alternative = end;
            last.set(flag::DEAD_END, true);
        }
        Ok(())
    }

    /// `( ... )`: a group, a predicate or a node. Says whether a predicate.
    fn parenthesis(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed<bool> {
        self.text.advance();
        self.text.skip_space();
        match self.text.next() {
            '(' | '"' | '[' => self.group(place, quantifiers).map(|()| false),
            '.' | '#' => {
                self.program.predicate_offsets.push(self.text.offset() as u32);
                self.text.advance();
                self.predicate().map(|()| true)
            }
            _ => self.node(place, quantifiers).map(|()| false),
        }
    }

    /// Siblings, up to the closing parenthesis.
    fn group(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        let mut immediate = place.immediate;
        loop {
            if self.text.next() == '.' {
                let anchor = self.text.offset();
                immediate = true;
                self.text.advance();
                self.text.skip_space();
                // A group has no last child to anchor.
                if self.text.next() == ')' {
                    self.text.reset(anchor);
                    return Err(SYNTAX);
                }
            }
            let mut own = Quantifiers::default();
            match self.pattern(Place { immediate, ..place }, &mut own) {
                Ok(()) => quantifiers.add_all(&own),
                Err(Stop::Closed) if self.text.next() == ')' => break,
                Err(Stop::Closed) => return Err(SYNTAX),
                Err(wrong) => return Err(wrong),
            }
            immediate = false;
        }
        self.text.advance();
        Ok(())
    }

    /// A named node, from its name to the closing parenthesis.
    fn node(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        if !self.text.at_word() {
            return Err(SYNTAX);
        }
        let start = self.step_count();
        let name_at = self.text.offset();
        let name = self.text.word();
        let missing = name == "MISSING";
        let symbol = match name {
            "_" => WILDCARD,
            "MISSING" => self.missing_kind()?,
            name => self.named_symbol(name, name_at)?,
        };
        let mut step = Step::new(symbol, place.depth, place.immediate);
        if self.table.symbol(symbol) & Symbol::SUPERTYPE != 0 {
            (step.supertype, step.symbol) = (symbol, WILDCARD);
        }
        step.set(flag::MISSING, missing);
        step.set(flag::NAMED, symbol == WILDCARD);
        self.program.steps.push(step);
        if self.text.next() == '/' {
            self.subtype(start, name_at)?;
        }
        self.text.skip_space();
        self.children(start, place, quantifiers)
    }

    /// What follows `MISSING`.
    fn missing_kind(&mut self) -> Parsed<u16> {
        self.text.skip_space();
        let at = self.text.offset();
        match self.text.next() {
            _ if self.text.at_word() => {
                let name = self.text.word();
                self.named_symbol(name, at)
            }
            '"' => self.token_symbol(at),
            ')' => Ok(WILDCARD),
            _ => Err(SYNTAX),
        }
    }

    /// `/subtype`, after the supertype that step `start` is for.
    fn subtype(&mut self, start: usize, name_at: usize) -> Parsed {
        let supertype = self.program.steps[start].supertype;
        if supertype == 0 {
            self.text.reset(name_at - 1);
            return Err(Stop::Wrong(QueryErrorKind::Structure));
        }
        self.text.advance();
        let at = self.text.offset();
        let symbol = match self.text.next() {
            _ if self.text.at_word() => {
                let name = self.text.word();
                self.named_symbol(name, at)?
            }
            '"' => {
                let literal = self.text.literal().ok_or(SYNTAX)?;
                match self.symbol_of(&literal, false) {
                    0 => return Err(self.unknown(QueryErrorKind::NodeType, at)),
                    symbol => symbol,
                }
            }
            _ => return Err(SYNTAX),
        };
        self.program.steps[start].symbol = symbol;
        let known = self.grammar.parts().abi >= ABI_WITH_SUBTYPES;
        if known && !self.grammar.subtypes(supertype).contains(&symbol) {
            self.text.reset(name_at - 1);
            return Err(Stop::Wrong(QueryErrorKind::Structure));
        }
        Ok(())
    }

    /// The children of a node, up to its closing parenthesis.
    fn children(&mut self, start: usize, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        let mut immediate = false;
        let mut last_child = 0;
        let mut negated = Vec::new();
        loop {
            if self.text.next() == '!' {
                let field = self.negated_field()?;
                if negated.len() < MAX_NEGATED {
                    negated.push(field);
                }
                continue;
            }
            if self.text.next() == '.' {
                immediate = true;
                self.text.advance();
                self.text.skip_space();
            }
            let before = self.step_count();
            let mut own = Quantifiers::default();
            let inner = Place { depth: place.depth + 1, immediate, ..place };
            let parsed = self.pattern(inner, &mut own);
            // A predicate adds no step.
            let step = if before == self.step_count() { before - 1 } else { before };
            match parsed {
                Ok(()) => quantifiers.add_all(&own),
                Err(Stop::Closed) if self.text.next() == ')' => break,
                Err(Stop::Closed) => return Err(SYNTAX),
                Err(wrong) => return Err(wrong),
            }
            (last_child, immediate) = (step, false);
        }
        if immediate {
            if last_child == 0 {
                return Err(SYNTAX);
            }
            self.mark_last_child(last_child);
        }
        if !negated.is_empty() {
            self.program.steps[start].negated = self.negated_list(negated);
        }
        self.text.advance();
        Ok(())
    }

    fn mark_last_child(&mut self, step: usize) {
        let mut step = step;
        for _ in 0..=self.step_count() {
            let Some(marked) = self.program.steps.get_mut(step) else { return };
            marked.set(flag::LAST_CHILD, true);
            step = usize::from(marked.alternative);
        }
        self.program.circular = true;
    }

    fn negated_field(&mut self) -> Parsed<u16> {
        self.text.advance();
        self.text.skip_space();
        if !self.text.at_word() {
            return Err(SYNTAX);
        }
        let at = self.text.offset();
        let name = self.text.word();
        self.text.skip_space();
        self.field_of(name, at)
    }

    fn negated_list(&mut self, list: Vec<u16>) -> u16 {
        let lists = &mut self.program.negated;
        let known = lists.iter().position(|other| *other == list);
        known.unwrap_or_else(|| {
            lists.push(list);
            lists.len() - 1
        }) as u16
    }

    /// `_`, any node.
    fn wildcard(&mut self, place: Place) -> bool {
        self.text.advance();
        self.text.skip_space();
        self.program.steps.push(Step::new(WILDCARD, place.depth, place.immediate));
        false
    }

    /// `"literal"`.
    fn token(&mut self, place: Place) -> Parsed<bool> {
        let at = self.text.offset();
        let symbol = self.token_symbol(at)?;
        self.program.steps.push(Step::new(symbol, place.depth, place.immediate));
        Ok(false)
    }

    /// `name: pattern`.
    fn field(&mut self, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        let start = self.step_count();
        let at = self.text.offset();
        let name = self.text.word();
        self.text.skip_space();
        if self.text.next() != ':' {
            self.text.reset(at);
            return Err(SYNTAX);
        }
        self.text.advance();
        self.text.skip_space();
        let mut own = Quantifiers::default();
        match self.pattern(place, &mut own) {
            Ok(()) => {}
            Err(Stop::Closed) => return Err(SYNTAX),
            Err(wrong) => return Err(wrong),
        }
        let field = self.field_of(name, at)?;
        self.for_alternatives(start, |step| step.field = field);
        quantifiers.add_all(&own);
        Ok(())
    }

    /// Changes a step and those it may be replaced by, as far as they follow.
    fn for_alternatives(&mut self, start: usize, mut change: impl FnMut(&mut Step)) {
        let end = self.step_count();
        let mut index = start;
        while let Some(step) = self.program.steps.get_mut(index) {
            change(step);
            let next = usize::from(step.alternative);
            if step.alternative == NONE || next <= index || next >= end {
                return;
            }
            index = next;
        }
    }

    /// What may follow a pattern: `+`, `*`, `?` and captures, in any order.
    fn suffixes(&mut self, start: usize, place: Place, quantifiers: &mut Quantifiers) -> Parsed {
        use CaptureQuantifier::{One, OneOrMore, ZeroOrMore, ZeroOrOne};
        self.text.skip_space();
        let mut quantifier = One;
        loop {
            let repeated = match self.text.next() {
                '+' => OneOrMore,
                '*' => ZeroOrMore,
                '?' => ZeroOrOne,
                '@' => {
                    self.capture(start, quantifiers)?;
                    continue;
                }
                _ => break,
            };
            quantifier = repeated.or(quantifier);
            self.text.advance();
            self.text.skip_space();
        }
        match quantifier {
            OneOrMore => self.repeat(start, place),
            ZeroOrMore => {
                self.repeat(start, place);
                self.skip_to_end(start, self.step_count() - 1);
            }
            ZeroOrOne => self.skip_to_end(start, self.step_count()),
            _ => {}
        }
        quantifiers.times(quantifier);
        Ok(())
    }

    fn capture(&mut self, start: usize, quantifiers: &mut Quantifiers) -> Parsed {
        self.text.advance();
        if !self.text.at_word() {
            return Err(SYNTAX);
        }
        let name = self.text.word();
        self.text.skip_space();
        let capture = intern(&mut self.program.captures, name);
        quantifiers.add(usize::from(capture), CaptureQuantifier::One);
        self.for_alternatives(start, |step| step.add_capture(capture));
        Ok(())
    }

    /// Adds a step that goes back to `start`.
    fn repeat(&mut self, start: usize, place: Place) {
        let mut step = Step::new(WILDCARD, place.depth, false);
        step.set(flag::IN_ALTERNATION, place.in_alternation);
        step.set(flag::PASS_THROUGH, true);
        step.alternative = start as u16;
        self.program.steps.push(step);
    }

    /// Lets the last alternative of `start` before `limit` be skipped.
    fn skip_to_end(&mut self, start: usize, limit: usize) {
        let end = self.step_count();
        // A group of predicates has no step that could be skipped.
        if start >= end {
            return;
        }
        let mut index = start;
        let mut left = end;
        loop {
            let next = usize::from(self.program.steps[index].alternative);
            if self.program.steps[index].alternative == NONE || next >= limit {
                break;
            }
            if left == 0 {
                self.program.circular = true;
                break;
            }
            (index, left) = (next, left - 1);
        }
        let step = &mut self.program.steps[index];
        step.alternative = end as u16;
        step.set(flag::SKIP, true);
    }

    /// A predicate, from its name to the closing parenthesis.
    fn predicate(&mut self) -> Parsed {
        if !self.text.at_word() {
            return Err(SYNTAX);
        }
        let start = self.text.offset();
        self.text.word();
        if self.text.next() != '?' && self.text.next() != '!' {
            return Err(SYNTAX);
        }
        self.text.advance();
        let name = self.text.since(start);
        self.push_text(name);
        self.text.skip_space();
        loop {
            match self.text.next() {
                ')' => break,
                '@' => self.capture_word()?,
                '"' => {
                    let literal = self.text.literal().ok_or(SYNTAX)?;
                    self.push_text(&literal);
                }
                _ if self.text.at_word() => {
                    let word = self.text.word();
                    self.push_text(word);
                }
                _ => return Err(SYNTAX),
            }
            self.text.skip_space();
        }
        self.text.advance();
        self.text.skip_space();
        self.program.words.push(Word::End);
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        let number = intern(&mut self.program.texts, text);
        self.program.words.push(Word::Text(number));
    }

    fn capture_word(&mut self) -> Parsed {
        self.text.advance();
        if !self.text.at_word() {
            return Err(SYNTAX);
        }
        let at = self.text.offset();
        let name = self.text.word();
        match self.program.captures.iter().position(|known| known == name) {
            Some(capture) => self.program.words.push(Word::Capture(capture as u16)),
            None => return Err(self.unknown(QueryErrorKind::Capture, at)),
        }
        Ok(())
    }

    fn named_symbol(&mut self, name: &str, at: usize) -> Parsed<u16> {
        match self.symbol_of(name, true) {
            0 => Err(self.unknown(QueryErrorKind::NodeType, at)),
            symbol => Ok(symbol),
        }
    }

    /// The kind of the literal here.
    fn token_symbol(&mut self, at: usize) -> Parsed<u16> {
        let literal = self.text.literal().ok_or(SYNTAX)?;
        match self.symbol_of(&literal, false) {
            // At the text of the literal, past its quote.
            0 => Err(self.unknown(QueryErrorKind::NodeType, at + 1)),
            symbol => Ok(symbol),
        }
    }

    fn unknown(&mut self, kind: QueryErrorKind, at: usize) -> Stop {
        self.text.reset(at);
        Stop::Wrong(kind)
    }

    /// The first symbol of that name that trees or queries show; 0 for none.
    /// As in tree-sitter, the start of `ERROR` is enough to name it.
    fn symbol_of(&self, name: &str, named: bool) -> u16 {
        if named && "ERROR".starts_with(name) {
            return ERROR_KIND;
        }
        // Names of kinds are C strings: that of a token of one NUL character is empty.
        let name = if name == "\0" { "" } else { name };
        let fits = |(symbol, kind): &(usize, &herbarium_codec::Kind)| {
            let bits = self.table.symbol(*symbol as u16);
            bits & (Symbol::VISIBLE | Symbol::SUPERTYPE) != 0
                && (bits & Symbol::NAMED != 0) == named
                && kind.name == name
        };
        let found = self.grammar.parts().kinds.iter().enumerate().find(fits);
        found.and_then(|(symbol, _)| self.table.public.get(symbol)).copied().unwrap_or(0)
    }

    fn field_of(&mut self, name: &str, at: usize) -> Parsed<u16> {
        match self.grammar.field_id(name) {
            Some(field) => Ok(field),
            None => Err(self.unknown(QueryErrorKind::Field, at)),
        }
    }

    /// Notes where the pattern that starts at a step may begin to match.
    fn add_entries(&mut self, start: usize) {
        let pattern = (self.program.patterns.len() - 1) as u16;
        let mut start = start;
        let mut of_skipped_root = NONE;
        let mut seen = Vec::new();
        loop {
            // `((a)* (b)?)+` leads back to its start, in a circle.
            if seen.contains(&start) {
                self.program.circular = true;
                return;
            }
            seen.push(start);
            let root = self.program.steps[start];
            // Any node with a child of a kind is found from the child. That
            // it has a parent is looked at when the child matches.
            let below = self.program.steps.get(start + 1).copied();
            if let Some(below) = below
                && root.symbol == WILDCARD
                && root.depth == 0
                && root.field == 0
                && below.symbol != WILDCARD
                && below.depth == 1
                && !below.has(flag::IMMEDIATE)
            {
                of_skipped_root = root.alternative;
                start += 1;
            }
            let step = self.program.steps[start];
            let rooted = self.is_rooted(start);
            self.add_entry(
                step.symbol,
                Entry { step: start as u16, pattern, rooted, alone: false },
            );
            if step.alternative != NONE {
                start = usize::from(step.alternative);
            } else if of_skipped_root != NONE {
                start = usize::from(of_skipped_root);
                of_skipped_root = NONE;
            } else {
                return;
            }
        }
    }

    /// Whether what starts at a step has one root.
    fn is_rooted(&self, start: usize) -> bool {
        let depth = self.program.steps[start].depth;
        let rest = self.program.steps[start + 1..].iter();
        let mut rest = rest.take_while(|step| !step.has(flag::DEAD_END));
        depth == 0 && rest.all(|step| step.depth != depth)
    }

    fn add_entry(&mut self, symbol: u16, entry: Entry) {
        let program = &mut self.program;
        if symbol == WILDCARD {
            program.entries.insert(program.wildcards, entry);
            program.wildcards += 1;
            return;
        }
        let mut at = program.first_entry(symbol);
        while let Some(other) = program.entries.get(at)
            && program.entry_symbol(other) == symbol
            && other.pattern < entry.pattern
        {
            at += 1;
        }
        program.entries.insert(at, entry);
    }

    /// A repeated branch of an alternation goes back to its first step. That
    /// step may be replaced by the next branch, the repetition may not: it
    /// goes back to a copy without alternatives.
    fn free_loops(&mut self, pattern: std::ops::Range<usize>) {
        for index in pattern.clone() {
            let step = self.program.steps[index];
            let back = usize::from(step.alternative);
            if !step.has(flag::PASS_THROUGH)
                || !step.has(flag::IN_ALTERNATION)
                || step.alternative == NONE
                || back >= index
            {
                continue;
            }
            let first = self.program.steps[back];
            let other = usize::from(first.alternative);
            if first.alternative == NONE || other <= back || other >= pattern.end {
                continue;
            }
            let copy = self.step_count() as u16;
            self.program.steps.push(Step { alternative: NONE, ..first });
            let mut redirect = Step::new(WILDCARD, first.depth, false);
            redirect.set(flag::DEAD_END, true);
            redirect.alternative = back as u16 + 1;
            self.program.steps.push(redirect);
            self.program.steps[index].alternative = copy;
        }
    }
}

/// The number of a name in a list, where it is added if it is new.
fn intern(names: &mut Vec<String>, name: &str) -> u16 {
    let known = names.iter().position(|known| known == name);
    known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) as u16
}
