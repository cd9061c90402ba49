//! Where a streamed answer is: opaque to clients, and good for the same request alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herbarium::codec::source_hash;
use herbarium::store::TreeKey;

use crate::problem::{self, Problem};

/// A place in a streamed answer: so many entries of a file were handed out, and all of the
/// files before it.
///
/// As text: base64 of a version, the hash of the request, the number of entries, the start
/// of the tree's key, and the file's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The file's path in the workspace, or the number of the key as text.
    pub(crate) at: Vec<u8>,
    /// The start of its tree's key: a file that has changed begins anew.
    pub(crate) tree: [u8; 8],
    /// Entries of it.
    pub(crate) entries: u64,
}

const VERSION: u8 = 1;

impl Cursor {
    pub(crate) fn write(&self, request: u64) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&request.to_le_bytes());
        bytes.extend_from_slice(&self.entries.to_le_bytes());
        bytes.extend_from_slice(&self.tree);
        bytes.extend_from_slice(&self.at);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn read(text: &str, request: u64) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| problem::bad_cursor("another text"))?;
        let parts = split(&bytes).ok_or_else(|| problem::bad_cursor("another text"))?;
        let (version, of, cursor) = parts;
        match () {
            () if version != VERSION => Err(problem::bad_cursor("one of another version")),
            () if of != request => Err(problem::bad_cursor("one of another request")),
            () => Ok(cursor),
        }
    }

    pub(crate) fn is_in(&self, key: &TreeKey) -> bool {
        key.0.starts_with(&self.tree)
    }
}

fn split(bytes: &[u8]) -> Option<(u8, u64, Cursor)> {
    let (version, rest) = bytes.split_first()?;
    let (request, rest) = rest.split_first_chunk()?;
    let (entries, rest) = rest.split_first_chunk()?;
    let (tree, at) = rest.split_first_chunk()?;
    let entries = u64::from_le_bytes(*entries);
    let cursor = Cursor { at: at.to_vec(), tree: *tree, entries };
    Some((*version, u64::from_le_bytes(*request), cursor))
}

/// What makes two requests the same: all but where they begin and how far they go.
pub(crate) fn hash_of(parts: &[&str]) -> u64 {
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    source_hash(&text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(
            at: Vec<u8>, tree: [u8; 8], entries: u64, request: u64, other: u64,
        ) {
            let cursor = Cursor { at, tree, entries };
            let text = cursor.write(request);
            prop_assert_eq!(Cursor::read(&text, request), Ok(cursor));
            prop_assert_eq!(Cursor::read(&text, other).is_ok(), request == other);
        }

        #[test]
        fn any_text_is_a_cursor_or_a_problem(text: String) {
            let _ = Cursor::read(&text, 0);
        }
    }
}
