//! Extensions that several languages use, and the signs in a file that decide.

use std::path::Path;

use memchr::memmem;

use crate::generated::CLASHES;

/// Every extension whose language the content has to tell.
pub fn clashes() -> &'static [Clash] {
    &CLASHES
}

/// An extension whose language the content has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub struct Clash {
    /// The extension, without the leading dot.
    pub extension: &'static str,
    /// What makes the rest of a line a comment.
    pub line_comment: Option<&'static str>,
    /// What opens and closes a comment.
    pub block_comment: Option<(&'static str, &'static str)>,
    /// The verdict where no rule matches.
    pub default: Verdict,
    /// Tried in order; the first that matches decides.
    pub rules: &'static [Rule],
}

/// One sign by which a language is known.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// What the sign tells.
    pub verdict: Verdict,
    /// The first line that is not blank starts with one of these.
    pub first: &'static [&'static str],
    /// Some line starts with one of these.
    pub starts: &'static [&'static str],
    /// Some line contains one of these.
    pub contains: &'static [&'static str],
    /// Some folder on the path is called so.
    pub folders: &'static [&'static str],
    /// Whether capitals count.
    pub ignore_case: bool,
}

/// What a sign tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The language of this id.
    Language(&'static str),
    /// Something that no language here reads: the file is left alone.
    Other(&'static str),
}

impl Clash {
    /// What the path and the head of a file tell.
    pub fn decide(&self, path: &Path, head: &[u8]) -> Verdict {
        self.rule(path, head).map_or(self.default, |rule| rule.verdict)
    }

    /// The rule that decides, or none where the default holds.
    pub fn rule(&self, path: &Path, head: &[u8]) -> Option<&'static Rule> {
        self.rules.iter().find(|rule| self.matches(rule, path, head))
    }

    fn matches(&self, rule: &Rule, path: &Path, head: &[u8]) -> bool {
        rule.is_in_folder(path)
            || rule.opens(head)
            || (!rule.starts.is_empty() && self.lines(head).any(|line| rule.begins(line)))
            || (rule.is_within(head) && self.lines(head).any(|line| rule.is_within(line)))
    }

    /// The lines of a head without their comments and the blanks before them.
    fn lines<'a>(&self, head: &'a [u8]) -> CodeLines<'a> {
        CodeLines {
            rest: head,
            in_comment: false,
            line_comment: self.line_comment,
            block_comment: self.block_comment,
        }
    }
}

impl Rule {
    fn is_in_folder(&self, path: &Path) -> bool {
        let folders = || path.parent().into_iter().flat_map(Path::components);
        self.folders.iter().any(|name| folders().any(|folder| folder.as_os_str() == *name))
    }

    fn opens(&self, head: &[u8]) -> bool {
        !self.first.is_empty() && {
            let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
            self.first.iter().any(|sign| self.starts_with(text, sign))
        }
    }

    fn begins(&self, line: &[u8]) -> bool {
        self.starts.iter().any(|sign| self.starts_with(line, sign))
    }

    fn is_within(&self, text: &[u8]) -> bool {
        self.contains.iter().any(|sign| memmem::find(text, sign.as_bytes()).is_some())
    }

    /// Almost every sign fails at its first byte, so that one is looked at first.
    fn starts_with(&self, text: &[u8], sign: &str) -> bool {
        let sign = sign.as_bytes();
        if self.ignore_case {
            return text.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign));
        }
        text.first() == sign.first() && text.starts_with(sign)
    }
}

/// Goes over the lines of a text, leaving out comments and leading blanks.
struct CodeLines<'a> {
    rest: &'a [u8],
    in_comment: bool,
    line_comment: Option<&'static str>,
    block_comment: Option<(&'static str, &'static str)>,
}

impl<'a> Iterator for CodeLines<'a> {
    type Item = &'a [u8];

    /// The code of a line before its first comment, and the code after a
    /// comment that ends in it, come as lines of their own.
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            if self.in_comment && !self.leave_comment() {
                return None;
            }
            let line = self.take_line().trim_ascii_start();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

impl<'a> CodeLines<'a> {
    /// Goes behind the end of the comment; false where it has none.
    fn leave_comment(&mut self) -> bool {
        let close = self.block_comment.map_or("", |(_, close)| close);
        let Some(end) = memmem::find(self.rest, close.as_bytes()) else { return false };
        self.rest = self.rest.get(end + close.len()..).unwrap_or_default();
        self.in_comment = false;
        true
    }

    /// Takes what comes before the end of the line or the comment that comes first.
    fn take_line(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, after) = self.rest.split_at(end);
        let found = |sign: Option<&str>| sign.and_then(|sign| find_in_line(line, sign.as_bytes()));
        let (note, block) =
            (found(self.line_comment), found(self.block_comment.map(|(open, _)| open)));
        if let Some(at) = block.filter(|&at| note.is_none_or(|note| at < note)) {
            let open = self.block_comment.map_or(0, |(open, _)| open.len());
            self.in_comment = true;
            let (code, comment) = self.rest.split_at(at);
            self.rest = comment.get(open..).unwrap_or_default();
            return code;
        }
        self.rest = after.get(1..).unwrap_or_default();
        line.get(..note.unwrap_or(end)).unwrap_or(line)
    }
}

/// As `memmem::find`, without its preparations, which cost more than a short
/// line takes to search.
fn find_in_line(line: &[u8], sign: &[u8]) -> Option<usize> {
    let first = *sign.first()?;
    memchr::memchr_iter(first, line)
        .find(|&at| line.get(at..).is_some_and(|rest| rest.starts_with(sign)))
}

#[cfg(test)]
mod tests {
    use super::CodeLines;

    fn check(text: &str, expected: &[&str]) {
        let lines = CodeLines {
            rest: text.as_bytes(),
            in_comment: false,
            line_comment: Some("//"),
            block_comment: Some(("/*", "*/")),
        };
        let found: Vec<&str> =
            lines.map(|line| std::str::from_utf8(line).unwrap_or("not UTF-8")).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn comments_are_no_part_of_a_line() {
        check("", &[]);
        check("a\n\n  b", &["a", "b"]);
        check("a // b\nc", &["a ", "c"]);
        check("/* a\n b */ c\nd", &["c", "d"]);
        check("a /* b */ c", &["a ", "c"]);
        check("a // /* b\nc", &["a ", "c"]);
        check("/* // */ a", &["a"]);
        check("a\n/* never closed\nb", &["a"]);
        check("/**/", &[]);
        check("/*", &[]);
    }
}
