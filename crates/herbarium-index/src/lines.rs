//! What a line is, wherever lines are counted.

/// Lines of a text, as editors number them: one for each line feed, and one more
/// if there is text after the last. An empty text has none.
pub(crate) fn count_lines(source: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', source).count();
    let open = source.last().is_some_and(|last| *last != b'\n');
    u32::try_from(ends + usize::from(open)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_ends_its_last_line() {
        let check = |text: &str, lines| assert_eq!(count_lines(text.as_bytes()), lines, "{text:?}");
        check("", 0);
        check("a", 1);
        check("a\n", 1);
        check("a\r\nb\r\n", 2);
        check("a\n\n", 2);
        check("a\nb", 2);
        check("\n", 1);
        check("old\rmac", 1);
    }
}
