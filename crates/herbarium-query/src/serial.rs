//! Compiled queries as bytes.
//!
//! The layout is in `docs/format/query-v1.md`. A reader checks every number
//! before it is used: what opens can be run.

use std::sync::Arc;

use herbarium_codec::{Fingerprint, Grammar, source_hash};

use crate::predicate;
use crate::quantifier::{CaptureQuantifier, Quantifiers};
use crate::step::{DONE, Entry, NONE, Pattern, Program, STEP_CAPTURES, Step, WILDCARD, Word, flag};
use crate::{Query, QueryError};

const MAGIC: [u8; 4] = *b"HRBQ";
/// Changes with the layout and with the meaning of steps.
const VERSION: u8 = 1;
/// Magic, version, fingerprint and checksum.
const FIXED: usize = 4 + 1 + 16 + 8;

/// Why bytes are no compiled query that can be run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// They do not begin as one.
    #[error(
        "cannot load a compiled query: expected it to begin with `HRBQ`, found {found:?}; compile the query again"
    )]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// Another version of the engine made them.
    #[error(
        "cannot load a compiled query: expected version {VERSION}, found {found}; compile the query again"
    )]
    Version {
        /// The version found.
        found: u8,
    },
    /// They were compiled for another grammar.
    #[error(
        "cannot load a compiled query: expected one for grammar {expected}, found one for {found}; compile the query again"
    )]
    Grammar {
        /// Identity of the grammar given.
        expected: Fingerprint,
        /// Identity of the grammar it was compiled for.
        found: Fingerprint,
    },
    /// They were changed since they were written, or cut short.
    #[error(
        "cannot load a compiled query: {what} at byte {offset} is damaged; compile the query again"
    )]
    Damaged {
        /// What was read.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// A predicate is wrong.
    #[error("cannot load a compiled query: {0}")]
    Predicate(QueryError),
}

impl Query {
    /// The query as bytes, for [`Query::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(FIXED + self.program.steps.len() * 12));
        out.0.extend_from_slice(&MAGIC);
        out.0.push(VERSION);
        out.0.extend_from_slice(&self.grammar.fingerprint().0);
        out.program(&self.program);
        let checksum = source_hash(&out.0);
        out.0.extend_from_slice(&checksum.to_le_bytes());
        out.0
    }

    /// Opens what [`Query::to_bytes`] wrote, for the same grammar. Regular
    /// expressions are made when they are first needed.
    ///
    /// # Errors
    /// The bytes were not written by this version of the engine, for another
    /// grammar, or are damaged. Compile the query again.
    pub fn from_bytes(bytes: &[u8], grammar: &Arc<Grammar>) -> Result<Self, LoadError> {
        let fixed = || LoadError::Damaged { what: "the header", offset: bytes.len() };
        if bytes.get(..4) != Some(&MAGIC) {
            let found = bytes.get(..4).unwrap_or(bytes).to_vec();
            return Err(LoadError::Magic { found });
        }
        let version = *bytes.get(4).ok_or_else(fixed)?;
        if version != VERSION {
            return Err(LoadError::Version { found: version });
        }
        let body_end = bytes.len().checked_sub(8).filter(|end| *end >= 21).ok_or_else(fixed)?;
        let (body, checksum) = bytes.split_at(body_end);
        if checksum != source_hash(body).to_le_bytes() {
            return Err(LoadError::Damaged { what: "the checksum", offset: body_end });
        }
        let mut found = Fingerprint([0; 16]);
        found.0.copy_from_slice(&body[5..21]);
        if found != grammar.fingerprint() {
            return Err(LoadError::Grammar { expected: grammar.fingerprint(), found });
        }
        let mut reader = Reader { bytes: body, at: 21 };
        let mut program = reader.program()?;
        check(&program).map_err(|what| LoadError::Damaged { what, offset: body_end })?;
        close(&mut program);
        let predicates = predicate::read(&program, None).map_err(LoadError::Predicate)?;
        Ok(Self::of(grammar.clone(), program, predicates))
    }
}

/// Whether every number in a program stands for something.
fn check(program: &Program) -> Result<(), &'static str> {
    let steps = program.steps.len();
    let step_exists = |step: u16| usize::from(step) < steps;
    for (index, step) in program.steps.iter().enumerate() {
        let ends = step.is_done() || step.has(flag::DEAD_END);
        if !ends && index + 1 == steps {
            return Err("the last step");
        }
        if step.alternative != NONE && !step_exists(step.alternative) {
            return Err("an alternative");
        }
        if step.has(flag::DEAD_END) && step.alternative == NONE {
            return Err("a dead end");
        }
        let captures = step.captures.iter().filter(|capture| **capture != NONE);
        if captures.into_iter().any(|capture| usize::from(*capture) >= program.captures.len()) {
            return Err("a capture");
        }
        if usize::from(step.negated) >= program.negated.len() {
            return Err("a list of fields");
        }
    }
    let words = program.words.len() as u32;
    for pattern in &program.patterns {
        let (of_steps, of_words) = (&pattern.steps, &pattern.predicates);
        if of_steps.start > of_steps.end || of_steps.end as usize > steps {
            return Err("the steps of a pattern");
        }
        if of_words.start > of_words.end || of_words.end > words {
            return Err("the predicates of a pattern");
        }
        if pattern.quantifiers.0.len() > program.captures.len() {
            return Err("the quantifiers of a pattern");
        }
    }
    for word in &program.words {
        match *word {
            Word::Capture(capture) if usize::from(capture) >= program.captures.len() => {
                return Err("a capture of a predicate");
            }
            Word::Text(text) if usize::from(text) >= program.texts.len() => {
                return Err("a text of a predicate");
            }
            _ => {}
        }
    }
    let entries = &program.entries;
    let entry_fits = |entry: &Entry| {
        step_exists(entry.step) && usize::from(entry.pattern) < program.patterns.len()
    };
    if program.wildcards > entries.len() || !entries.iter().all(entry_fits) {
        return Err("the start of a pattern");
    }
    let kinds = &entries[program.wildcards..];
    if !kinds.is_sorted_by_key(|entry| program.entry_symbol(entry)) {
        return Err("the order of starts");
    }
    Ok(())
}

/// Sees to it that no state goes on past the last step: where that one leads on, a step at
/// which nothing is left to do comes after it. What the compiler made never gets there.
fn close(program: &mut Program) {
    let leads_on = |step: &Step| {
        !step.is_done() || step.has(flag::DEAD_END | flag::PASS_THROUGH) || step.alternative != NONE
    };
    if program.steps.last().is_some_and(leads_on) {
        program.steps.push(Step::new(WILDCARD, DONE, false));
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number of which 65535 is the commonest: none.
    fn or_none(&mut self, value: u16) {
        self.number(u32::from(value.wrapping_add(1)));
    }

    fn list<T>(&mut self, list: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.number(list.len() as u32);
        list.iter().for_each(|one| item(self, one));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn program(&mut self, program: &Program) {
        self.list(&program.steps, Self::step);
        self.list(&program.patterns, Self::pattern);
        self.number(program.wildcards as u32);
        self.list(&program.entries, |out, entry| {
            out.number(u32::from(entry.step));
            out.number(u32::from(entry.pattern) << 1 | u32::from(entry.rooted));
        });
        self.list(&program.negated, |out, fields| {
            out.list(fields, |out, field| out.number(u32::from(*field)));
        });
        self.list(&program.captures, |out, name| out.text(name));
        self.list(&program.texts, |out, text| out.text(text));
        self.list(&program.words, |out, word| {
            out.number(match *word {
                Word::End => 0,
                Word::Capture(capture) => 1 + (u32::from(capture) << 1),
                Word::Text(text) => 2 + (u32::from(text) << 1),
            });
        });
        self.list(&program.offsets, |out, offset| {
            out.number(offset.0);
            out.number(offset.1);
        });
        self.number(u32::from(program.circular));
    }

    fn step(&mut self, step: &Step) {
        self.number(u32::from(step.flags));
        self.or_none(step.depth);
        self.number(u32::from(step.symbol));
        self.number(u32::from(step.supertype));
        self.number(u32::from(step.field));
        self.or_none(step.alternative);
        self.number(u32::from(step.negated));
        step.captures.iter().for_each(|capture| self.or_none(*capture));
    }

    fn pattern(&mut self, pattern: &Pattern) {
        self.number(pattern.steps.start);
        self.number(pattern.steps.end);
        self.number(pattern.predicates.start);
        self.number(pattern.predicates.end);
        self.number(pattern.start_byte);
        self.number(pattern.end_byte);
        self.number(u32::from(pattern.non_local));
        self.list(&pattern.quantifiers.0, |out, quantifier| out.0.push(*quantifier as u8));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn damaged<T>(&self, what: &'static str) -> Result<T, LoadError> {
        Err(LoadError::Damaged { what, offset: self.at })
    }

    fn byte(&mut self) -> Result<u8, LoadError> {
        let Some(byte) = self.bytes.get(self.at) else { return self.damaged("the end") };
        self.at += 1;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u32, LoadError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.damaged("a number")
    }

    fn short(&mut self) -> Result<u16, LoadError> {
        let value = self.number()?;
        u16::try_from(value).or_else(|_| self.damaged("a number"))
    }

    fn or_none(&mut self) -> Result<u16, LoadError> {
        Ok(self.short()?.wrapping_sub(1))
    }

    /// A list; every item takes a byte at least.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        let len = self.number()? as usize;
        if len > self.bytes.len() - self.at {
            return self.damaged("the length of a list");
        }
        (0..len).map(|_| item(self)).collect()
    }

    fn text(&mut self) -> Result<String, LoadError> {
        let len = self.number()? as usize;
        let end = self.at.saturating_add(len);
        let text = self.bytes.get(self.at..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text else { return self.damaged("a text") };
        self.at = end;
        Ok(text.to_owned())
    }

    fn program(&mut self) -> Result<Program, LoadError> {
        let program = Program {
            steps: self.list(Self::step)?,
            patterns: self.list(Self::pattern)?,
            wildcards: self.number()? as usize,
            entries: self.list(|reader| {
                let (step, pattern) = (reader.short()?, reader.number()?);
                let (pattern, rooted) = ((pattern >> 1) as u16, pattern & 1 != 0);
                Ok(Entry { step, pattern, rooted, alone: false })
            })?,
            negated: self.list(|reader| reader.list(Self::short))?,
            captures: self.list(Self::text)?,
            texts: self.list(Self::text)?,
            words: self.list(|reader| {
                Ok(match reader.number()? {
                    0 => Word::End,
                    capture if capture & 1 != 0 => Word::Capture((capture >> 1) as u16),
                    text => Word::Text(((text - 2) >> 1) as u16),
                })
            })?,
            predicate_offsets: Vec::new(),
            offsets: self.list(|reader| Ok((reader.number()?, reader.number()?)))?,
            circular: self.number()? != 0,
        };
        if self.at != self.bytes.len() {
            return self.damaged("the end");
        }
        Ok(program)
    }

    fn step(&mut self) -> Result<Step, LoadError> {
        let (flags, depth, symbol) = (self.short()?, self.or_none()?, self.short()?);
        let (supertype, field, alternative) = (self.short()?, self.short()?, self.or_none()?);
        let negated = self.short()?;
        let mut captures = [NONE; STEP_CAPTURES];
        for capture in &mut captures {
            *capture = self.or_none()?;
        }
        Ok(Step { symbol, supertype, field, depth, alternative, negated, flags, captures })
    }

    fn pattern(&mut self) -> Result<Pattern, LoadError> {
        Ok(Pattern {
            steps: self.number()?..self.number()?,
            predicates: self.number()?..self.number()?,
            start_byte: self.number()?,
            end_byte: self.number()?,
            non_local: self.number()? != 0,
            quantifiers: Quantifiers(self.list(Self::quantifier)?),
        })
    }

    fn quantifier(&mut self) -> Result<CaptureQuantifier, LoadError> {
        use CaptureQuantifier::{One, OneOrMore, Zero, ZeroOrMore, ZeroOrOne};
        let all = [Zero, ZeroOrOne, ZeroOrMore, One, OneOrMore];
        match all.get(usize::from(self.byte()?)) {
            Some(quantifier) => Ok(*quantifier),
            None => self.damaged("a quantifier"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FIXED, MAGIC, VERSION};

    #[test]
    fn the_page_of_the_format_says_what_the_code_does() {
        let page = include_str!("../../../docs/format/query-v1.md");
        let magic = String::from_utf8_lossy(&MAGIC).into_owned();
        for row in [format!("| 4 | magic, `{magic}` |"), format!("| 1 | version, {VERSION} |")] {
            assert!(page.contains(&row), "docs/format/query-v1.md: expected `{row}`");
        }
        let table = page.lines().skip_while(|line| !line.starts_with("| bytes"));
        let rows = table.skip(2).take_while(|line| line.starts_with('|'));
        let size = |row: &str| row.split('|').nth(1)?.trim().parse::<usize>().ok();
        let told: usize = rows.filter_map(size).sum();
        assert_eq!(told, FIXED, "bytes around the program, docs/format/query-v1.md on the left");
    }
}
