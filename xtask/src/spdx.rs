//! Licence expressions of SPDX, as manifests write them.

/// An expression: which licences have to be taken together, and between which one may
/// choose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// One licence, with its exception if it has one.
    Licence(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// Reads `MIT OR (Apache-2.0 AND BSD-3-Clause)`; `/`, which old manifests have, means
    /// `OR`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = Words { words: spaced.split_whitespace().collect(), at: 0 };
        let read = words.any().map_err(|error| format!("licence expression '{text}': {error}"))?;
        match words.next() {
            None => Ok(read),
            Some(word) => Err(format!("licence expression '{text}': '{word}' is one too many")),
        }
    }

    /// Whether it can be met with licences that are allowed.
    pub(crate) fn is_met(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => allowed(name),
            Self::All(parts) => parts.iter().all(|part| part.is_met(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met(allowed)),
        }
    }

    /// The licences that it names.
    pub(crate) fn licences(&self) -> Vec<&str> {
        match self {
            Self::Licence(name) => vec![name],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::licences).collect(),
        }
    }
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += usize::from(word.is_some());
        word
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|it| it.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take("OR") {
            parts.push(self.all()?);
        }
        Ok(alone_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.licence()?];
        while self.take("AND") {
            parts.push(self.licence()?);
        }
        Ok(alone_or(parts, Expression::All))
    }

    fn licence(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.any()?;
            return if self.take(")") { Ok(inner) } else { Err("expected ')'".into()) };
        }
        let is_name = |word: &&str| !["AND", "OR", "WITH", ")"].contains(word);
        let name = self.next().filter(is_name).ok_or("expected the name of a licence")?;
        if !self.take("WITH") {
            return Ok(Expression::Licence(name.to_owned()));
        }
        let exception = self.next().filter(is_name).ok_or("expected an exception after WITH")?;
        Ok(Expression::Licence(format!("{name} WITH {exception}")))
    }
}

fn alone_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, allowed: &[&str], expected: bool) {
        let expression = Expression::read(text).unwrap_or_else(|error| panic!("{error}"));
        let met = expression.is_met(&|name| allowed.contains(&name));
        assert_eq!(met, expected, "{text} with {allowed:?}: {expression:?}");
    }

    #[test]
    fn or_is_a_choice_and_and_is_none() {
        check("MIT", &["MIT"], true);
        check("MIT", &["Apache-2.0"], false);
        check("MIT OR GPL-3.0", &["MIT"], true);
        check("MIT/Apache-2.0", &["Apache-2.0"], true);
        check("MIT or Apache-2.0", &["Apache-2.0"], true);
        check("MIT AND GPL-3.0", &["MIT"], false);
        check("(MIT OR GPL-3.0) AND Unicode-3.0", &["MIT", "Unicode-3.0"], true);
        check("(MIT OR GPL-3.0) AND Unicode-3.0", &["MIT"], false);
        check("GPL-3.0 OR MIT AND Zlib", &["MIT", "Zlib"], true);
        check("Apache-2.0 WITH LLVM-exception", &["Apache-2.0"], false);
        check("Apache-2.0 WITH LLVM-exception", &["Apache-2.0 WITH LLVM-exception"], true);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND", "MIT WITH", "MIT)"] {
            let error = Expression::read(text).expect_err(text);
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn all_licences_are_named() {
        let expression = Expression::read("(MIT OR ISC) AND Zlib").unwrap();
        assert_eq!(expression.licences(), ["MIT", "ISC", "Zlib"]);
    }
}
