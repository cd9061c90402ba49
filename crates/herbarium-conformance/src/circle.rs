//! Queries that tree-sitter must not be given.

/// Whether something that may be nothing is repeated by `+`, as in
/// `((string)*)+` or `[(number) (string)?]+`.
///
/// tree-sitter 0.27 branches without end there, at the latest when a node
/// fits, until memory is gone: neither a match limit nor a time limit is
/// looked at meanwhile. Errs on the side of yes for alternatives.
pub fn repeats_nothing(text: &str) -> bool {
    let mut reader = Reader { text: text.as_bytes(), at: 0, found: false };
    while reader.at < reader.text.len() {
        reader.items(0);
        reader.at += 1;
    }
    reader.found
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    found: bool,
}

impl Reader<'_> {
    /// Reads up to a bracket that closes; says of each item whether it may be
    /// nothing. Brackets that are deeper than queries may have them are not
    /// looked into.
    fn items(&mut self, depth: usize) -> Vec<bool> {
        let mut items = Vec::new();
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b')' | b']' => break,
                b';' => self.skip(|byte| byte != b'\n'),
                b'"' => {
                    self.string();
                    items.push(false);
                }
                b'(' | b'[' if depth > 500 => self.at += 1,
                b'(' | b'[' => items.push(self.bracket(byte == b'[', depth + 1)),
                b'?' | b'*' | b'+' => {
                    self.suffix(byte, items.last_mut());
                    self.at += 1;
                }
                // An anchor.
                b'.' => self.at += 1,
                b'@' | b'!' | b'#' => {
                    self.at += 1;
                    self.skip(is_word);
                }
                _ if is_word(byte) => {
                    self.skip(is_word);
                    // A field or a supertype: what comes next is the item.
                    if !matches!(self.text.get(self.at), Some(b':' | b'/')) {
                        items.push(false);
                    }
                }
                _ => self.at += 1,
            }
        }
        items
    }

    fn bracket(&mut self, alternatives: bool, depth: usize) -> bool {
        self.at += 1;
        self.skip(|byte| byte.is_ascii_whitespace());
        let next = self.text.get(self.at).copied().unwrap_or(b')');
        let is_node = !alternatives && next != b'.' && is_word(next);
        let items = self.items(depth);
        self.at += 1;
        match (is_node, alternatives) {
            (true, _) => false,
            // A predicate takes no node.
            _ if next == b'#' => true,
            (false, true) => items.contains(&true),
            (false, false) => items.iter().all(|may_be_nothing| *may_be_nothing),
        }
    }

    fn suffix(&mut self, byte: u8, item: Option<&mut bool>) {
        let Some(may_be_nothing) = item else { return };
        match byte {
            b'+' => self.found |= *may_be_nothing,
            _ => *may_be_nothing = true,
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|byte| wanted(*byte)) {
            self.at += 1;
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::repeats_nothing;

    fn check(texts: &[&str], expected: bool) {
        for text in texts {
            assert_eq!(repeats_nothing(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_nothing_and_is_repeated_is_found() {
        check(
            &[
                "(array ((string)*)+)",
                "(array [(number) (string)?]+) @a",
                "(array a: [(number) [(string) (null)*]] @b +)",
                "((string)? @a (#eq? @a \"+\") (number)*)+",
                "(array (([(string)*]))+)",
                "(a) ) ((b)*)+",
                "((a)* . (b)?)+",
            ],
            true,
        );
    }

    #[test]
    fn what_is_there_may_be_repeated() {
        check(
            &[
                "",
                "(a (b)* (c)?)+",
                "((a)* (b))+",
                "[(a) (b)]+ @c",
                "((a)+)*",
                "; ((a)*)+\n(a)",
                "\"((a)*)+\" \"\\\"\" @a",
                "((a/b) (c)*)+",
                "(a .)+",
            ],
            false,
        );
    }
}
