//! How often a capture can occur in a match.

/// How often a capture can occur in one match of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CaptureQuantifier {
    /// Never.
    #[default]
    Zero,
    /// At most once.
    ZeroOrOne,
    /// Any number of times.
    ZeroOrMore,
    /// Exactly once.
    One,
    /// At least once.
    OneOrMore,
}

use CaptureQuantifier::{One, OneOrMore, Zero, ZeroOrMore, ZeroOrOne};

impl CaptureQuantifier {
    /// (can be missing, can be there, can be there more than once)
    fn parts(self) -> (bool, bool, bool) {
        match self {
            Zero => (true, false, false),
            ZeroOrOne => (true, true, false),
            ZeroOrMore => (true, true, true),
            One => (false, true, false),
            OneOrMore => (false, true, true),
        }
    }

    fn of(missing: bool, there: bool, often: bool) -> Self {
        match (missing, there, often) {
            (_, false, _) => Zero,
            (true, true, false) => ZeroOrOne,
            (true, true, true) => ZeroOrMore,
            (false, true, false) => One,
            (false, true, true) => OneOrMore,
        }
    }

    /// A pattern that occurs `outer` times, with `self` in it.
    pub(crate) fn times(self, outer: Self) -> Self {
        let ((m1, t1, o1), (m2, t2, o2)) = (self.parts(), outer.parts());
        Self::of(m1 || m2, t1 && t2, o1 || o2)
    }

    /// One of two alternatives.
    pub(crate) fn or(self, other: Self) -> Self {
        let ((m1, t1, o1), (m2, t2, o2)) = (self.parts(), other.parts());
        Self::of(m1 || m2, t1 || t2, o1 || o2)
    }

    /// One after the other.
    pub(crate) fn plus(self, other: Self) -> Self {
        let ((m1, t1, o1), (m2, t2, o2)) = (self.parts(), other.parts());
        Self::of(m1 && m2, t1 || t2, o1 || o2 || (t1 && t2))
    }
}

/// The quantifiers of all captures in a pattern, by number of the capture;
/// captures past the end do not occur.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Quantifiers(pub(crate) Vec<CaptureQuantifier>);

impl Quantifiers {
    fn grow(&mut self, len: usize) {
        if self.0.len() < len {
            self.0.resize(len, Zero);
        }
    }

    pub(crate) fn add(&mut self, capture: usize, quantifier: CaptureQuantifier) {
        self.grow(capture + 1);
        self.0[capture] = self.0[capture].plus(quantifier);
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.grow(other.0.len());
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own = own.plus(*other);
        }
    }

    pub(crate) fn join_all(&mut self, other: &Self) {
        self.grow(other.0.len());
        for (capture, own) in self.0.iter_mut().enumerate() {
            *own = own.or(other.0.get(capture).copied().unwrap_or(Zero));
        }
    }

    pub(crate) fn times(&mut self, outer: CaptureQuantifier) {
        self.0.iter_mut().for_each(|own| *own = own.times(outer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [CaptureQuantifier; 5] = [Zero, ZeroOrOne, ZeroOrMore, One, OneOrMore];

    #[test]
    fn the_tables_are_those_of_the_words() {
        for own in ALL {
            assert_eq!(own.times(One), own);
            assert_eq!(own.times(Zero), Zero);
            assert_eq!(own.plus(Zero), own);
            assert_eq!(own.or(own), own);
        }
        assert_eq!(One.plus(One), OneOrMore);
        assert_eq!(ZeroOrOne.plus(ZeroOrOne), ZeroOrMore);
        assert_eq!(ZeroOrOne.plus(One), OneOrMore);
        assert_eq!(One.or(Zero), ZeroOrOne);
        assert_eq!(OneOrMore.times(ZeroOrOne), ZeroOrMore);
    }
}
