//! Queries with something wrong, close to real ones: for what is said of it, and
//! where.

use herbarium_codec::Grammar;

use crate::Generator;

/// Bytes of a text that are taken, about.
const PART: usize = 500;

/// What the language is written with, and what it is not.
const BITS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "\"",
    "@",
    "#",
    "!",
    ".",
    "?",
    "*",
    "+",
    "_",
    ":",
    "/",
    ";",
    "\\",
    "-",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\0",
    "é",
    "\u{a0}",
    "\u{feff}",
    "𝛼",
    "(_)",
    "()",
    "[]",
    "\"\"",
    " . ",
    "(ERROR)",
    "(MISSING)",
    "(MISSING ",
    "(ERR)",
    "@a",
    "@a.b",
    "(#eq? @a)",
    "(#eq? @zz \"x\")",
    "(#match? @a \"(\")",
    "(#any-of? @a)",
    "(#set! a b c)",
    "(#is? @a)",
    "!name",
    "!nope",
    "name:",
    "nope:",
    "(nope)",
    "\"nope\"",
    "?*",
    "+?",
    "\\\"",
    "\\n",
];

impl Generator {
    /// Some patterns of a query with one to three mistakes: bits put in, left
    /// out, exchanged, other names, a text that ends too soon.
    pub fn mistaken(&mut self, query: &str, grammar: &Grammar) -> String {
        let mut text = self.part(query).to_owned();
        for _ in 0..=self.below(3) {
            let (start, end) = self.token(&text);
            match self.below(9) {
                0 => text.truncate(start),
                1 => text.replace_range(start..end, ""),
                2 => {
                    let token = text[start..end].to_owned();
                    text.insert_str(start, &token);
                }
                3 => {
                    let other = self.token(&text);
                    let token = text[other.0..other.1].to_owned();
                    text.replace_range(start..end, &token);
                }
                4 => {
                    let name = self.name(grammar);
                    text.replace_range(start..end, &name);
                }
                5 => {
                    let at = self.place(&text);
                    if let Some(one) = text[at..].chars().next() {
                        text.replace_range(at..at + one.len_utf8(), "");
                    }
                }
                6 => text.replace_range(start..end, BITS[self.below(BITS.len())]),
                _ => {
                    let at = self.place(&text);
                    text.insert_str(at, BITS[self.below(BITS.len())]);
                }
            }
        }
        text
    }

    /// Whole lines of a query, from one at which a pattern may begin.
    fn part<'t>(&mut self, query: &'t str) -> &'t str {
        let begins = |at: usize| at == 0 || query[..at].ends_with('\n');
        let starts: Vec<usize> = query
            .match_indices(['(', '[', '"', ';'])
            .map(|(at, _)| at)
            .filter(|at| begins(*at))
            .collect();
        let start = starts.get(self.below(starts.len())).copied().unwrap_or(0);
        let far = query[start..].match_indices("\n(").find(|(at, _)| *at > PART);
        &query[start..far.map_or(query.len(), |(at, _)| start + at)]
    }

    /// Some place between two characters.
    fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }

    /// A word, or a single character.
    fn token(&mut self, text: &str) -> (usize, usize) {
        let is_word = |one: char| one.is_alphanumeric() || "_-.".contains(one);
        let at = self.place(text);
        let Some(one) = text[at..].chars().next() else { return (at, at) };
        if !is_word(one) {
            return (at, at + one.len_utf8());
        }
        let start = text[..at].trim_end_matches(is_word).len();
        let end = text[at..].find(|one| !is_word(one)).map_or(text.len(), |len| at + len);
        (start, end)
    }

    /// The name of some kind or field.
    fn name(&mut self, grammar: &Grammar) -> String {
        let kinds = &grammar.parts().kinds;
        match self.below(3) {
            0 => {
                let field = 1 + self.below(grammar.field_count().max(1)) as u16;
                grammar.field_name(field).unwrap_or("name").to_owned()
            }
            _ => kinds
                .get(self.below(kinds.len()))
                .map_or_else(String::new, |kind| kind.name.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Generator;

    #[test]
    fn parts_begin_and_end_between_patterns() {
        let query = "; first\n(a) @a\n\n(b\n  (c)) @b\n[\n  \"d\"\n] @d\n";
        for seed in 0..50 {
            let part = Generator::new(seed).part(query);
            assert!(part.starts_with(['(', '[', ';']) && query.ends_with(part), "{part}");
        }
        let long = "(a) @a\n".repeat(1000);
        let len = Generator::new(1).part(&long).len();
        assert!(len > 500 && len < 600, "{len} bytes");
    }
}
