//! How much memory a parse will take, told from the source.

/// What a live tree and taking it over cost for each token. Measured on C, Go,
/// Java, JavaScript, JSON and Python: 65 to 180 bytes in real files, 125 to 225
/// in made-up ones of nothing but short tokens, 320 in the worst (`a=1` on each
/// of a million lines of Python).
const MEMORY_A_TOKEN: u64 = 200;
/// What a parse takes at least.
const MEMORY_A_FILE: u64 = 64 << 10;
/// Shorter sources are not counted, at a nanosecond a byte: they are taken for
/// code as it is on the average, and even the worst of them takes little.
const SHORT: usize = 64 << 10;
const BYTES_A_TOKEN: u64 = 4;

/// Memory that parsing a source and taking its tree over will take, in bytes.
///
/// The length alone would not do: between a header of long names and a
/// minified script lies a factor of fifty.
pub(crate) fn parse_memory(source: &[u8]) -> u64 {
    let tokens = if source.len() <= SHORT {
        source.len() as u64 / BYTES_A_TOKEN
    } else {
        count_tokens(source)
    };
    MEMORY_A_FILE + MEMORY_A_TOKEN * tokens
}

/// Words, and bytes that are neither part of a word nor blank.
fn count_tokens(source: &[u8]) -> u64 {
    let (mut tokens, mut before) = (0, BLANK);
    for byte in source {
        let class = CLASSES[usize::from(*byte)];
        tokens += u64::from(class == SIGN || (class == WORD && before != WORD));
        before = class;
    }
    tokens
}

const BLANK: u8 = 0;
const WORD: u8 = 1;
const SIGN: u8 = 2;

const CLASSES: [u8; 256] = {
    let mut classes = [SIGN; 256];
    let mut byte = 0;
    while byte < 256 {
        let it = byte as u8;
        if it <= b' ' {
            classes[byte] = BLANK;
        } else if it.is_ascii_alphanumeric() || it == b'_' || it >= 128 {
            classes[byte] = WORD;
        }
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, tokens: u64) {
        assert_eq!(count_tokens(source.as_bytes()), tokens, "{source:?}");
    }

    #[test]
    fn words_and_signs_are_counted() {
        check("", 0);
        check(" \n\t", 0);
        check("one_word2", 1);
        check("größe", 1);
        check("a+b", 3);
        check("f(1, 2);", 7);
        check("  #define LONG_NAME_OF_A_REGISTER 0x10\n", 4);
    }

    #[test]
    fn dense_sources_weigh_more_than_long_names() {
        let names = "register_with_a_very_long_name ".repeat(100_000);
        let dense = "1,".repeat(names.len() / 2);
        assert!(parse_memory(dense.as_bytes()) > 20 * parse_memory(names.as_bytes()));
    }

    #[test]
    fn short_sources_weigh_as_much_as_the_average() {
        assert_eq!(parse_memory(b""), 64 << 10);
        assert_eq!(parse_memory(&[b','; 4000]), (64 << 10) + 200_000);
    }
}
