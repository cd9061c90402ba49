//! A difference made small: the fewest patterns and the shortest source that
//! still differ.

use std::path::Path;
use std::time::{Duration, Instant};

use herbarium_conformance::{Compiled, Difference, Settings};

use super::Smallest;
use super::one::{Comparison, compare};

/// How long one difference may be worked on.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes query and source smaller as long as the engines differ. Nothing where
/// they do not, which is so where a difference hangs on what ran before.
pub(super) fn shrink(
    comparison: &mut Comparison,
    query: &str,
    source: &[u8],
    settings: &Settings,
) -> Option<Smallest> {
    let until = Instant::now() + PATIENCE;
    let mut differs = |query: &str, source: &[u8]| {
        (Instant::now() < until).then(|| difference(comparison, query, source, settings)).flatten()
    };
    differs(query, source)?;
    // Large parts of the source first: then the rest is fast.
    let mut source = without(source.to_vec(), lines, |less| differs(query, less).is_some());
    let mut query = query.as_bytes().to_vec();
    for cut in [lines, words, bytes] {
        query = without(query, cut, |less| {
            std::str::from_utf8(less).is_ok_and(|less| differs(less, &source).is_some())
        });
    }
    let query = String::from_utf8(query).ok()?;
    for cut in [lines, words, bytes] {
        source = without(source, cut, |less| differs(&query, less).is_some());
    }
    let last = difference(comparison, &query, &source, settings)?;
    Some(Smallest {
        query,
        source: String::from_utf8_lossy(&source).into_owned(),
        settings: format!("{settings:?}"),
        what: format!("{} {}", last.what, last.at),
        expected: last.expected,
        found: last.found,
    })
}

fn difference(
    comparison: &mut Comparison,
    query: &str,
    source: &[u8],
    settings: &Settings,
) -> Option<Difference> {
    let pair = match comparison.engines.compile(query) {
        Ok(Compiled::Pair(pair)) => pair,
        Ok(Compiled::Refused | Compiled::Circular) => return None,
        Err(difference) => return Some(difference),
    };
    let specimen = comparison.presser.press(Path::new("a part"), source).ok()?;
    match compare(&pair, &specimen, source, settings) {
        Ok((_, differences)) => differences.into_iter().next(),
        Err(difference) => Some(difference),
    }
}

/// Takes out runs of pieces, long ones first, as long as `holds` says yes to
/// what is left.
fn without(
    mut text: Vec<u8>,
    cut: fn(&[u8]) -> Vec<&[u8]>,
    mut holds: impl FnMut(&[u8]) -> bool,
) -> Vec<u8> {
    let mut run = cut(&text).len();
    while run > 0 {
        let mut at = 0;
        loop {
            let pieces = cut(&text);
            if at >= pieces.len() {
                break;
            }
            let end = (at + run).min(pieces.len());
            let less = [&pieces[..at], &pieces[end..]].concat().concat();
            if holds(&less) {
                text = less;
            } else {
                at = end;
            }
        }
        run /= 2;
    }
    text
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Runs of letters, and every other byte for itself.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    text.chunk_by(|a, b| in_word(a) && in_word(b)).collect()
}

fn bytes(text: &[u8]) -> Vec<&[u8]> {
    text.chunks(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, cut: fn(&[u8]) -> Vec<&[u8]>, needed: &[&str], left: &str) {
        let holds = |less: &[u8]| {
            let less = String::from_utf8_lossy(less);
            needed.iter().all(|part| less.contains(part))
        };
        let less = without(text.as_bytes().to_vec(), cut, holds);
        assert_eq!(String::from_utf8_lossy(&less), left, "{text}");
    }

    #[test]
    fn what_is_needed_is_left() {
        check("a\nb\nc\nd\n", lines, &["b", "d"], "b\nd\n");
        check("one two three", words, &["two"], "two");
        check("abc", bytes, &["a", "c"], "ac");
        check("abc", bytes, &[], "");
    }
}
