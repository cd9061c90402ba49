//! Queries that tree-sitter must not be given.

/// Whether something that may be nothing is repeated by `+`, as in
/// `((string)*)+` or `[(number) (string)?]+`.
///
/// tree-sitter 0.27 branches without end there, at the latest when a node
/// fits, until memory is gone: neither a match limit nor a time limit is
/// looked at meanwhile. Nor must it be given what captures a group that has only
/// predicates, makes one optional or gives it a field, as in `((#set! a b))? @c`:
/// it then writes behind the last of its steps. Errs on the side of yes for
/// alternatives.
pub fn repeats_nothing(text: &str) -> bool {
    let mut reader = Reader { text: text.as_bytes(), at: 0, found: false, of_field: false };
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
    /// The next item is that of a field.
    of_field: bool,
}

/// What stands in a bracket.
#[derive(Clone, Copy)]
struct Item {
    may_be_nothing: bool,
    /// There is no node in it.
    is_nothing: bool,
}

const NODE: Item = Item { may_be_nothing: false, is_nothing: false };
const NOTHING: Item = Item { may_be_nothing: true, is_nothing: true };

impl Reader<'_> {
    /// Reads up to a bracket that closes, and gives what is in it. Brackets that are deeper than queries may have them are not
    /// looked into.
    fn items(&mut self, depth: usize) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b')' | b']' => break,
                b';' => self.skip(|byte| byte != b'\n'),
                b'"' => {
                    self.string();
                    self.push(NODE, &mut items);
                }
                b'(' | b'[' if depth > 500 => self.at += 1,
                b'(' | b'[' => {
                    let of_field = std::mem::take(&mut self.of_field);
                    let item = self.bracket(byte == b'[', depth + 1);
                    self.of_field = of_field;
                    self.push(item, &mut items);
                }
                b'?' | b'*' | b'+' => {
                    self.suffix(byte, items.last_mut());
                    self.at += 1;
                }
                // An anchor.
                b'.' => self.at += 1,
                b':' => {
                    self.of_field = true;
                    self.at += 1;
                }
                b'@' | b'!' | b'#' => {
                    self.found |= byte == b'@' && items.last().is_some_and(|it| it.is_nothing);
                    self.at += 1;
                    self.skip(is_word);
                }
                _ if is_word(byte) => {
                    self.skip(is_word);
                    // A field or a supertype: what comes next is the item.
                    if !matches!(self.text.get(self.at), Some(b':' | b'/')) {
                        self.push(NODE, &mut items);
                    }
                }
                _ => self.at += 1,
            }
        }
        items
    }

    fn push(&mut self, item: Item, items: &mut Vec<Item>) {
        self.found |= std::mem::take(&mut self.of_field) && item.is_nothing;
        items.push(item);
    }

    fn bracket(&mut self, alternatives: bool, depth: usize) -> Item {
        self.at += 1;
        self.skip(|byte| byte.is_ascii_whitespace());
        let next = self.text.get(self.at).copied().unwrap_or(b')');
        let is_node = !alternatives && next != b'.' && is_word(next);
        let items = self.items(depth);
        self.at += 1;
        if is_node {
            return NODE;
        }
        // A predicate takes no node.
        if next == b'#' || next == b'.' && !alternatives {
            return NOTHING;
        }
        let mut may_be_nothing = items.iter().map(|item| item.may_be_nothing);
        Item {
            may_be_nothing: match alternatives {
                true => may_be_nothing.any(|may| may),
                false => may_be_nothing.all(|may| may),
            },
            is_nothing: items.iter().all(|item| item.is_nothing),
        }
    }

    fn suffix(&mut self, byte: u8, item: Option<&mut Item>) {
        let Some(item) = item else { return };
        match byte {
            b'+' => self.found |= item.may_be_nothing,
            _ => {
                self.found |= item.is_nothing;
                item.may_be_nothing = true;
            }
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
    fn nothing_that_is_captured_or_optional_is_found() {
        check(
            &[
                "((#set! a b))?",
                "((#set! a b)) @c",
                "((a) ((#set! a b))* (b))",
                "[((#set! a b))] @c",
                "(a name: (#set! a b))",
                "(a name : ((#set! a b) (.set! c d)))",
            ],
            true,
        );
        check(
            &[
                "((#set! a b))",
                "((a) (#set! a b)) @c",
                "(a name: (b (#set! a b)))",
                "((a)? (#set! a b)) @c",
                "((a) @a (#eq? @a \"b\")) @c",
                "(a/b) @c",
            ],
            false,
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
