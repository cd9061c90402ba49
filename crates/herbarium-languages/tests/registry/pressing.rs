//! Every language that is built in, pressed and opened: the tree must show
//! what tree-sitter shows, whatever the source looks like.

use herbarium_capture::{Capturer, differences};
use herbarium_codec::{decode, decode_standalone, encode, encode_standalone};
use herbarium_languages::{Language, ParseLimits, ParserPool, all};

use super::languages::sample;

/// Languages whose broken sources can run into an assertion of tree-sitter's
/// runtime (`ts_subtree_summarize_children`), which ends the process: see their
/// rows in `docs/LANGUAGES.md`.
const ENDS_THE_PROCESS: &[&str] = &["nginx"];
/// So many of the variants are not broken.
const WHOLE: usize = 2;

/// What is wrong with one language; nothing if all is well.
fn check(language: &Language, pool: &ParserPool) -> Vec<String> {
    let whole = sample(language.id());
    let broken = !ENDS_THE_PROCESS.contains(&language.id());
    let mut capturer = Capturer::new(language.grammar());
    let sources = variants(&whole);
    let wrong = sources.iter().take(if broken { sources.len() } else { WHOLE }).flat_map(
        |(name, source)| {
            let found = press(language, pool, &mut capturer, source);
            found.into_iter().map(move |text| format!("{name}: {text}"))
        },
    );
    wrong.map(|text| format!("{}, {text}", language.id())).collect()
}

/// The sample, and what an editor, another system or an accident makes of it.
fn variants(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(whole);
    vec![
        ("as it is", whole.to_vec()),
        ("with CR LF", text.replace('\n', "\r\n").into_bytes()),
        ("with tabs", text.replace("  ", "\t").into_bytes()),
        ("without its last line end", text.trim_end().as_bytes().to_vec()),
        ("behind a byte order mark", [b"\xef\xbb\xbf", whole].concat()),
        ("cut off in the middle", whole[..whole.len() / 2].to_vec()),
        ("its second half", whole[whole.len() / 2..].to_vec()),
        ("with its ends torn off", whole[1..whole.len() - 1].to_vec()),
        (
            "with bytes that are no text",
            [&whole[..whole.len() / 3], b"\xff\x00\xfe", whole].concat(),
        ),
        ("empty", Vec::new()),
        ("nothing but blanks", b" \n\t\n ".to_vec()),
    ]
}

fn press(
    language: &Language,
    pool: &ParserPool,
    capturer: &mut Capturer,
    source: &[u8],
) -> Vec<String> {
    let live = match pool.parse(language, source, None, &ParseLimits::default()) {
        Ok(live) => live,
        Err(error) => return vec![error.to_string()],
    };
    let tree = match capturer.capture(&live, source) {
        Ok(tree) => tree,
        Err(error) => return vec![format!("{error}: {:?}", std::error::Error::source(&error))],
    };
    let opened =
        [decode(&encode(&tree), language.grammar()), decode_standalone(&encode_standalone(&tree))];
    let mut wrong = Vec::new();
    for opened in opened {
        match opened {
            Ok(opened) => {
                wrong.extend(differences(&live, &opened).iter().map(ToString::to_string));
                wrong.extend(printed_apart(
                    &live.root_node().to_sexp(),
                    &opened.root_node().to_sexp(),
                ));
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    wrong
}

/// Where two printed forms part.
fn printed_apart(expected: &str, found: &str) -> Option<String> {
    let same = expected.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let bytes = text.as_bytes();
        let (from, to) = (same.saturating_sub(60), (same + 40).min(bytes.len()));
        String::from_utf8_lossy(&bytes[from.min(to)..to]).into_owned()
    };
    let equal = expected == found;
    (!equal).then(|| format!("printed `{}`, expected `{}`", around(found), around(expected)))
}

#[test]
fn every_sample_whole_or_broken_comes_back_from_its_bytes() {
    let pool = ParserPool::default();
    let wrong: Vec<String> = all().iter().flat_map(|language| check(language, &pool)).collect();
    println!("{} languages pressed and opened", all().len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
