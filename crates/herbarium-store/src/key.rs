//! Keys: what makes two trees the same tree.

use std::fmt;
use std::str::FromStr;

use herbarium_codec::{FORMAT_MAJOR, Fingerprint};

const DOMAIN: &[u8] = b"herbarium tree";

/// The key of a tree: BLAKE3 over everything that decides what the tree is.
///
/// The path of the file is not part of it: a moved or copied file has the same
/// tree. Made by [`KeyParts::key`]; shown and parsed as 64 hexadecimal digits.
///
/// ```
/// use herbarium_store::TreeKey;
///
/// let key: TreeKey = "ab".repeat(32).parse()?;
/// assert_eq!(key.to_string(), "ab".repeat(32));
/// assert!("ab".parse::<TreeKey>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreeKey(pub [u8; 32]);

/// What a tree depends on.
#[derive(Debug, Clone, Copy)]
pub struct KeyParts<'a> {
    /// Version of the tree-sitter runtime.
    pub runtime: &'a str,
    /// Id of the language.
    pub language: &'a str,
    /// The grammar's fingerprint.
    pub grammar: Fingerprint,
    /// Options of the encoder, and of the parser where they change the tree.
    pub options: u64,
    /// Byte ranges that were parsed, or none for the whole source.
    pub included_ranges: &'a [(u32, u32)],
    /// The source itself.
    pub source: &'a [u8],
}

impl KeyParts<'_> {
    /// Computes the key.
    ///
    /// Every part is preceded by its length, so that no two lists of parts give
    /// the same bytes.
    pub fn key(&self) -> TreeKey {
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher, DOMAIN);
        put(&mut hasher, &[FORMAT_MAJOR]);
        put(&mut hasher, self.runtime.as_bytes());
        put(&mut hasher, self.language.as_bytes());
        put(&mut hasher, &self.grammar.0);
        put(&mut hasher, &self.options.to_le_bytes());
        hasher.update(&(self.included_ranges.len() as u64).to_le_bytes());
        for (start, end) in self.included_ranges {
            hasher.update(&start.to_le_bytes());
            hasher.update(&end.to_le_bytes());
        }
        put(&mut hasher, self.source);
        TreeKey(*hasher.finalize().as_bytes())
    }
}

/// Hashes `part` in, its length first.
pub(crate) fn put(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

/// A text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a tree key: expected 64 hexadecimal digits, found {found:?}")]
pub struct ParseKeyError {
    found: String,
}

impl FromStr for TreeKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        parse_hex(text).map(Self).ok_or_else(|| ParseKeyError { found: text.to_owned() })
    }
}

/// Parses exactly `2 * N` hexadecimal digits.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(out)
}

impl fmt::Display for TreeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TreeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: KeyParts<'_> = KeyParts {
        runtime: "0.27.1",
        language: "rust",
        grammar: Fingerprint([7; 16]),
        options: 0,
        included_ranges: &[],
        source: b"fn main() {}",
    };

    #[test]
    fn every_part_changes_the_key() {
        let others = [
            KeyParts { runtime: "0.27.2", ..BASE },
            KeyParts { language: "rus", ..BASE },
            KeyParts { grammar: Fingerprint([8; 16]), ..BASE },
            KeyParts { options: 1, ..BASE },
            KeyParts { included_ranges: &[(0, 3)], ..BASE },
            KeyParts { source: b"fn main() {} ", ..BASE },
            // Moving a byte from one part to the next is not the same text.
            KeyParts { runtime: "0.27.1r", language: "ust", ..BASE },
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(BASE.key(), other.key(), "{index}");
        }
    }

    #[test]
    fn the_key_of_a_known_input_never_changes() {
        assert_eq!(
            BASE.key().to_string(),
            "ddb1759b71255d4cc8c6cd1882033a2c6177727f0489f1ed98730ea71437596d"
        );
    }
}
