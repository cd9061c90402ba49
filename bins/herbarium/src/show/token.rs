//! Source text within one line of output.

use std::fmt::Write;

/// Longer tokens, such as comments, are cut: the text is there to recognise them.
const MOST_CHARS: usize = 72;

/// Text in quotes, on one line, cut where it is long. Bytes that are not UTF-8
/// appear as `\xNN`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    let mut left = MOST_CHARS;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if left == 0 {
                return cut(text, bytes.len());
            }
            left -= 1;
            push(&mut text, c);
        }
        for byte in chunk.invalid() {
            if left == 0 {
                return cut(text, bytes.len());
            }
            left -= 1;
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

fn cut(mut text: String, bytes: usize) -> String {
    let _ = write!(text, "\"… ({bytes} bytes)");
    text
}

fn push(text: &mut String, c: char) {
    match c {
        // `escape_debug` would escape it, which is only needed in a char literal.
        '\'' => text.push(c),
        _ => text.extend(c.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn tokens_stay_on_one_line() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(quoted(bytes), expected);
        check(b"", r#""""#);
        check(b"main", r#""main""#);
        check(b"it's", r#""it's""#);
        check(b"a\n\t\"b\"\\", r#""a\n\t\"b\"\\""#);
        check("größe 字".as_bytes(), r#""größe 字""#);
        check(b"\x1b[31m\x00", r#""\u{1b}[31m\0""#);
        check(b"a\xff\xfeb", r#""a\xff\xfeb""#);
    }

    #[test]
    fn long_tokens_are_cut_and_say_how_long_they_are() {
        let long = "x".repeat(100);
        assert_eq!(quoted(long.as_bytes()), format!("\"{}\"… (100 bytes)", "x".repeat(72)));
        let just = "x".repeat(72);
        assert_eq!(quoted(just.as_bytes()), format!("\"{just}\""));
    }
}
