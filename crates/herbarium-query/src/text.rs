//! Reading a query's text character by character.

/// The text of a query and a place in it.
pub(crate) struct Text<'a> {
    source: &'a str,
    at: usize,
    /// The character at the place; NUL at the end.
    next: char,
}

impl<'a> Text<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let mut text = Self { source, at: 0, next: '\0' };
        text.reset(0);
        text
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.source.len()
    }

    pub(crate) fn next(&self) -> char {
        self.next
    }

    /// Goes to an offset. One that is not at a character is taken back to the
    /// start of the character it lies in.
    pub(crate) fn reset(&mut self, offset: usize) {
        let mut at = offset.min(self.source.len());
        while !self.source.is_char_boundary(at) {
            at -= 1;
        }
        self.at = at;
        self.next = self.source[at..].chars().next().unwrap_or('\0');
    }

    /// Goes on by one character; false when that leads to the end.
    pub(crate) fn advance(&mut self) -> bool {
        if self.at_end() {
            return false;
        }
        self.reset(self.at + self.next.len_utf8());
        !self.at_end()
    }

    /// Goes past white space and comments.
    pub(crate) fn skip_space(&mut self) {
        loop {
            if is_space(self.next) {
                self.advance();
            } else if self.next == ';' {
                while self.next != '\n' && self.next != '\0' {
                    self.advance();
                }
            } else {
                return;
            }
        }
    }

    pub(crate) fn at_word(&self) -> bool {
        self.next.is_ascii_alphanumeric() || self.next == '_' || self.next == '-'
    }

    /// Takes a word; the caller saw that there is one.
    pub(crate) fn word(&mut self) -> &'a str {
        let start = self.at;
        loop {
            self.advance();
            if !self.at_word() && self.next != '.' {
                return &self.source[start..self.at];
            }
        }
    }

    /// The text from an offset to here.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.source[start..self.at]
    }

    /// Takes a literal in double quotes, escapes resolved; none, with the
    /// place back at its start, when it does not end on its line.
    pub(crate) fn literal(&mut self) -> Option<String> {
        let start = self.at;
        let mut literal = String::new();
        self.advance();
        loop {
            match self.next {
                '"' => {
                    self.advance();
                    return Some(literal);
                }
                '\\' => {
                    if !self.advance() {
                        break;
                    }
                    literal.push(unescape(self.next));
                }
                '\n' => break,
                _ if self.at_end() => break,
                other => literal.push(other),
            }
            if !self.advance() {
                break;
            }
        }
        self.reset(start);
        None
    }
}

fn unescape(escaped: char) -> char {
    match escaped {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        other => other,
    }
}

/// White space in the C locale, as tree-sitter sees it.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}
