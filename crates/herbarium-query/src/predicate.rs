//! What the predicates of a pattern mean, as tree-sitter's Rust binding reads
//! them: checks of text, properties, and whatever else the caller knows.

use std::sync::OnceLock;

use regex::bytes::Regex;

use crate::QueryError;
use crate::step::{Program, Word};

/// A predicate that the engine does not know, handed to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPredicate {
    /// Its name, with `?` or `!` and without `#`.
    pub operator: Box<str>,
    /// Its arguments.
    pub args: Vec<QueryPredicateArg>,
}

/// An argument of a [`QueryPredicate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryPredicateArg {
    /// Number of a capture.
    Capture(u32),
    /// A text.
    String(Box<str>),
}

/// What `set!`, `is?` and `is-not?` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryProperty {
    /// Name of the property.
    pub key: Box<str>,
    /// Its value, if one is given.
    pub value: Option<Box<str>>,
    /// Number of the capture it is about, if one is given.
    pub capture_id: Option<usize>,
}

/// A check of the text of captures.
#[derive(Debug, Clone)]
pub(crate) struct TextCheck {
    pub(crate) capture: u16,
    pub(crate) test: Test,
    /// The outcome of the test that satisfies.
    pub(crate) positive: bool,
    /// All nodes of the capture must satisfy, not only one.
    pub(crate) all: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// The text of another capture's nodes, one by one.
    Capture(u16),
    Text(Box<[u8]>),
    AnyOf(Vec<Box<[u8]>>),
    Matches(Pattern),
}

/// A regular expression, made when it is first needed.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: Box<str>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn is_match(&self, text: &[u8]) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.text).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// The predicates of one pattern.
#[derive(Debug, Clone, Default)]
pub(crate) struct Predicates {
    pub(crate) checks: Vec<TextCheck>,
    pub(crate) properties: Vec<(QueryProperty, bool)>,
    pub(crate) settings: Vec<QueryProperty>,
    pub(crate) general: Vec<QueryPredicate>,
}

/// Reads the predicates of all patterns. Without a source the program was
/// compiled before: its regular expressions are known to be right.
pub(crate) fn read(program: &Program, source: Option<&str>) -> Result<Vec<Predicates>, QueryError> {
    let checks_patterns = source.is_some();
    let source = source.unwrap_or_default();
    let of_pattern = |pattern: &crate::step::Pattern| {
        let words = pattern.predicates.start as usize..pattern.predicates.end as usize;
        let before = program.words[..words.start].iter().filter(|word| **word == Word::End);
        let first = before.count();
        let mut predicates = Predicates::default();
        program.words[words]
            .split(|word| *word == Word::End)
            .enumerate()
            .filter(|(_, words)| !words.is_empty())
            .try_for_each(|(number, words)| {
                let number = first + number;
                let reader = Reader { program, pattern, number, source, checks_patterns };
                reader.predicate(words, &mut predicates)
            })?;
        Ok(predicates)
    };
    program.patterns.iter().map(of_pattern).collect()
}

struct Reader<'a> {
    program: &'a Program,
    pattern: &'a crate::step::Pattern,
    /// That of the predicate, among all of the query.
    number: usize,
    source: &'a str,
    checks_patterns: bool,
}

impl Reader<'_> {
    fn wrong<T>(&self, message: String) -> Result<T, QueryError> {
        let start = self.pattern.start_byte as usize;
        let at = self.program.predicate_offsets.get(self.number).map(|at| *at as usize);
        Err(QueryError::predicate(self.source, (start, at), message))
    }

    fn capture_name(&self, capture: u16) -> &str {
        &self.program.captures[usize::from(capture)]
    }

    fn text(&self, text: u16) -> &str {
        &self.program.texts[usize::from(text)]
    }

    fn predicate(&self, words: &[Word], out: &mut Predicates) -> Result<(), QueryError> {
        let (Word::Text(operator), args) = (words[0], &words[1..]) else { return Ok(()) };
        let operator = self.text(operator);
        let positive = !operator.starts_with("not-") && !operator.starts_with("any-not-");
        let all = !operator.starts_with("any-") || operator == "any-of?";
        match operator {
            "eq?" | "not-eq?" | "any-eq?" | "any-not-eq?" => {
                let (capture, other) = self.two(args, "eq?")?;
                let test = match other {
                    Word::Capture(other) => Test::Capture(other),
                    Word::Text(text) => Test::Text(self.text(text).as_bytes().into()),
                    Word::End => return Ok(()),
                };
                out.checks.push(TextCheck { capture, test, positive, all });
            }
            "match?" | "not-match?" | "any-match?" | "any-not-match?" => {
                let (capture, pattern) = self.two(args, "match?")?;
                let test = Test::Matches(self.regex(pattern)?);
                out.checks.push(TextCheck { capture, test, positive, all });
            }
            "any-of?" | "not-any-of?" => {
                out.checks.push(self.any_of(args, positive)?);
            }
            "set!" => out.settings.push(self.property(operator, args)?),
            "is?" | "is-not?" => {
                out.properties.push((self.property(operator, args)?, operator == "is?"));
            }
            _ => out.general.push(QueryPredicate {
                operator: operator.into(),
                args: args.iter().filter_map(|arg| self.argument(*arg)).collect(),
            }),
        }
        Ok(())
    }

    fn argument(&self, word: Word) -> Option<QueryPredicateArg> {
        match word {
            Word::Capture(capture) => Some(QueryPredicateArg::Capture(u32::from(capture))),
            Word::Text(text) => Some(QueryPredicateArg::String(self.text(text).into())),
            Word::End => None,
        }
    }

    /// A capture and something to compare it with.
    fn two(&self, args: &[Word], name: &str) -> Result<(u16, Word), QueryError> {
        let &[first, second] = args else {
            let found = args.len();
            return self.wrong(format!(
                "Wrong number of arguments to #{name} predicate. Expected 2, got {found}."
            ));
        };
        Ok((self.first_capture(first, name)?, second))
    }

    fn first_capture(&self, word: Word, name: &str) -> Result<u16, QueryError> {
        match word {
            Word::Capture(capture) => Ok(capture),
            Word::Text(text) => self.wrong(format!(
                "First argument to #{name} predicate must be a capture name. Got literal \"{}\".",
                self.text(text)
            )),
            Word::End => Ok(0),
        }
    }

    fn regex(&self, word: Word) -> Result<Pattern, QueryError> {
        let pattern = match word {
            Word::Text(text) => self.text(text),
            Word::Capture(capture) => {
                return self.wrong(format!(
                    "Second argument to #match? predicate must be a literal. Got capture @{}.",
                    self.capture_name(capture)
                ));
            }
            Word::End => "",
        };
        let regex = OnceLock::new();
        if self.checks_patterns {
            match Regex::new(pattern) {
                Ok(made) => drop(regex.set(Some(made))),
                Err(_) => return self.wrong(format!("Invalid regex '{pattern}'")),
            }
        }
        Ok(Pattern { text: pattern.into(), regex })
    }

    fn any_of(&self, args: &[Word], positive: bool) -> Result<TextCheck, QueryError> {
        let Some((first, values)) = args.split_first() else {
            return self.wrong(
                "Wrong number of arguments to #any-of? predicate. Expected at least 1, got 0."
                    .to_owned(),
            );
        };
        let capture = self.first_capture(*first, "any-of?")?;
        let mut texts: Vec<Box<[u8]>> = Vec::with_capacity(values.len());
        for value in values {
            match *value {
                Word::Text(text) => texts.push(self.text(text).as_bytes().into()),
                Word::Capture(capture) => {
                    return self.wrong(format!(
                        "Arguments to #any-of? predicate must be literals. Got capture @{}.",
                        self.capture_name(capture)
                    ));
                }
                Word::End => {}
            }
        }
        texts.sort_unstable();
        Ok(TextCheck { capture, test: Test::AnyOf(texts), positive, all: true })
    }

    fn property(&self, name: &str, args: &[Word]) -> Result<QueryProperty, QueryError> {
        if args.is_empty() || args.len() > 3 {
            let found = args.len();
            return self.wrong(format!(
                "Wrong number of arguments to {name} predicate. Expected 1 to 3, got {found}."
            ));
        }
        let (mut capture_id, mut key, mut value) = (None, None, None);
        for arg in args {
            match *arg {
                Word::Capture(capture) if capture_id.is_some() => {
                    return self.wrong(format!(
                        "Invalid arguments to {name} predicate. Unexpected second capture name @{}",
                        self.capture_name(capture)
                    ));
                }
                Word::Capture(capture) => capture_id = Some(usize::from(capture)),
                Word::Text(text) if key.is_none() => key = Some(self.text(text)),
                Word::Text(text) if value.is_none() => value = Some(self.text(text).into()),
                Word::Text(text) => {
                    return self.wrong(format!(
                        "Invalid arguments to {name} predicate. Unexpected third argument @{}",
                        self.text(text)
                    ));
                }
                Word::End => {}
            }
        }
        match key {
            Some(key) => Ok(QueryProperty { key: key.into(), value, capture_id }),
            None => {
                self.wrong(format!("Invalid arguments to {name} predicate. Missing key argument"))
            }
        }
    }
}

impl TextCheck {
    /// Whether a match satisfies the check that has one capture of one node.
    #[inline]
    pub(crate) fn is_satisfied_by_only(&self, capture: u16, text: &[u8]) -> bool {
        // Without a node of it, nothing contradicts; and that any of one
        // satisfies, tree-sitter does not ask for.
        if self.capture != capture || !self.all {
            return match self.test {
                Test::Capture(other) => (self.capture == capture) == (other == capture),
                _ => true,
            };
        }
        match self.test {
            Test::Capture(other) => other == capture && self.positive,
            _ => self.test.holds(text) == self.positive,
        }
    }

    /// Whether the captures of a match satisfy the check. `nodes` gives the
    /// texts of the nodes of a capture.
    pub(crate) fn is_satisfied<'a, I>(&self, nodes: impl Fn(u16) -> I) -> bool
    where
        I: Iterator<Item = &'a [u8]>,
    {
        let mut own = nodes(self.capture);
        let Test::Capture(other) = self.test else {
            for text in own {
                let outcome = self.test.holds(text) == self.positive;
                if outcome != self.all {
                    return outcome;
                }
            }
            // No node is left to decide: nothing contradicts.
            return true;
        };
        let mut other = nodes(other);
        loop {
            match (own.next(), other.next()) {
                (Some(own), Some(other)) => {
                    let outcome = (own == other) == self.positive;
                    if outcome != self.all {
                        return outcome;
                    }
                }
                (own, other) => return own.is_none() && other.is_none(),
            }
        }
    }
}

impl Test {
    fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Capture(_) => false,
            Self::Text(expected) => text == &**expected,
            Self::AnyOf(texts) => texts.binary_search_by(|known| (**known).cmp(text)).is_ok(),
            Self::Matches(regex) => regex.is_match(text),
        }
    }
}
