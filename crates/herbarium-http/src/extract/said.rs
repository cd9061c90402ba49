//! What serde says, taken apart into what was expected and what was found.

/// What was expected, and what was there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) expected: String,
    pub(super) found: String,
}

/// Takes a message apart. `otherwise` is what is expected where it does not tell.
pub(super) fn take_apart(message: &str, otherwise: &str) -> Said {
    let of = |expected: &str, found: &str| Said { expected: expected.into(), found: found.into() };
    // The place is told elsewhere.
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    if let Some(field) = message.strip_prefix("missing field ") {
        return of(field, "nothing of that name");
    }
    if let Some((found, expected)) = message.split_once(", expected ") {
        return of(in_words(expected), found);
    }
    match message {
        "invalid digit found in string" => of("a whole number", "something else"),
        "cannot parse integer from empty string" => of("a whole number", "nothing"),
        "number too large to fit in target type" => of("a smaller number", "one that is too large"),
        "number too small to fit in target type" => of("a larger number", "one that is too small"),
        "provided string was not `true` or `false`" => of("`true` or `false`", "something else"),
        other => of(otherwise, other),
    }
}

/// A type of the language as people say it.
pub(super) fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" | "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other.strip_prefix("struct ").map_or(other, |_| "an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_was_expected_and_what_was_found() {
        let check = |message: &str, expected: &str, found: &str| {
            let said = take_apart(message, "JSON");
            assert_eq!((&*said.expected, &*said.found), (expected, found), "{message}");
        };
        check("missing field `query` at line 1 column 2", "`query`", "nothing of that name");
        check(
            "invalid type: string \"x\", expected u64 at line 1 column 9",
            "a whole number, 0 or more",
            "invalid type: string \"x\"",
        );
        check(
            "unknown variant `x`, expected one of `a`, `b`",
            "one of `a`, `b`",
            "unknown variant `x`",
        );
        check("invalid type: map, expected a sequence", "a list", "invalid type: map");
        check("invalid type: null, expected struct Ask", "an object", "invalid type: null");
        check("invalid digit found in string", "a whole number", "something else");
        check("EOF while parsing a list at line 1 column 1", "JSON", "EOF while parsing a list");
    }
}
