//! How many languages there are, as pages and crates tell it in words of their own.

use super::registry::{Registry, Tier};

/// A file, and words in it; `{core}`, `{extended}` and `{all}` stand for the numbers of the sets.
const TOLD: &[(&str, &str)] = &[
    ("README.md", "compiles {core} grammars"),
    ("README.md", "for {all} languages"),
    ("README.md", "| nothing, or `--features core-langs` | {core} |"),
    ("README.md", "| `--features extended-langs` | {extended} |"),
    ("README.md", "| `--features all-langs` | {all} |"),
    ("README.md", "| {all} languages as rows"),
    ("crates/herbarium-codec/src/lib.rs", "for {all} languages"),
    ("crates/herbarium-languages/Cargo.toml", "\"{all} tree-sitter languages"),
    ("crates/herbarium-languages/src/lib.rs", "//! {all} tree-sitter languages"),
    ("crates/herbarium-languages/src/lib.rs", "//! {core} languages, about"),
    ("crates/herbarium-languages/src/lib.rs", "`extended-langs` ({extended})"),
    ("crates/herbarium-languages/src/lib.rs", "({all}, 187 MB). All {all} [rows]"),
    ("crates/herbarium/src/lib.rs", "(default, {core} languages)"),
    ("crates/herbarium/src/lib.rs", "`all-langs` ({all})"),
    ("docs/ARCHITECTURE.md", "| {all} languages as rows"),
    ("docs/ARCHITECTURE.md", "four grammars, not {all}."),
    ("docs/LANGUAGES.md", "knows {all} languages"),
    ("docs/cli.md", "`--known` all {all}"),
    ("docs/format/parse-table-v1.md", "the largest of the {all}"),
    ("docs/releasing.md", "the {core} core grammars"),
    ("docs/tutorial-library.md", "`all-langs` has {all}"),
    ("xtask/dist.toml", "# {extended} languages; all {all} make"),
    ("xtask/src/ci/steps.rs", "samples of all {all} languages"),
];

/// What is told of other numbers than the rows have.
pub(crate) fn faults(
    registry: &Registry,
    mut read: impl FnMut(&str) -> Result<String, String>,
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for (path, words) in TOLD {
        let expected = filled(registry, words);
        if !read(path)?.contains(&expected) {
            found.push(format!(
                "{path}: expected `{expected}`, the number of rows of languages.toml; correct it \
                 there, or, where it is said in other words now, in xtask/src/languages/counts.rs"
            ));
        }
    }
    Ok(found)
}

fn filled(registry: &Registry, words: &str) -> String {
    let up_to = |tier| registry.languages.iter().filter(|row| row.tier <= tier).count();
    let sets = [("{core}", Tier::Core), ("{extended}", Tier::Extended), ("{all}", Tier::All)];
    sets.iter().fold(words.to_owned(), |words, (name, tier)| {
        words.replace(name, &up_to(*tier).to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{languages, read, root};

    #[test]
    fn a_number_that_is_not_that_of_the_rows_is_told_with_its_file() {
        let registry = languages::registry(&root()).unwrap_or_else(|error| panic!("{error}"));
        let as_it_is = |path: &str| read(&root(), path);
        assert_eq!(faults(&registry, as_it_is), Ok(Vec::new()));
        let wrong = |path: &str| {
            let text = read(&root(), path)?;
            Ok(if path == "docs/cli.md" { text.replace("all 141", "all 142") } else { text })
        };
        let found = faults(&registry, wrong).expect("files that can be read");
        assert!(matches!(&found[..], [one] if one.starts_with("docs/cli.md: ")), "{found:?}");
    }
}
