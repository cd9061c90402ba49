//! Rows of a manifest: what they say, and when they may be believed.
//!
//! The first row has an empty path: it stands for the workspace itself. Its
//! language field carries a stamp, a hash over everything that decides which
//! language a file is in and which key its tree has. Rows under another stamp,
//! those of an older version say, are not believed: their files are read again,
//! and parsed where the tree of the new key is not there. Which languages are
//! built in is no part of it: programs with more of them and with fewer take
//! turns on one store.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use herbarium_codec::FORMAT_MAJOR;
use herbarium_codec::Fingerprint;
use herbarium_languages::{Row, known};
use herbarium_store::{KeyParts, Manifest, ManifestRow, NoTree, Outcome, TreeKey};

use crate::EngineOptions;
use crate::stat::Stat;
use crate::tongue::{built, row_of};

/// Version of the tree-sitter runtime that is linked; part of every key.
pub(crate) const RUNTIME: &str = "0.27.1";
/// What capturing notes, counted: a tree that was pressed with less noted is another one.
/// 1: how children are found by fields of hidden nodes.
pub(crate) const OPTIONS: u64 = 1;
/// Raise it when the rules of detection change and the languages do not.
const DETECTION: &str = "1";

/// The key of the tree of a source.
pub(crate) fn tree_key(language: &str, grammar: Fingerprint, source: &[u8]) -> TreeKey {
    let parts = KeyParts {
        runtime: RUNTIME,
        language,
        grammar,
        options: OPTIONS,
        included_ranges: &[],
        source,
    };
    parts.key()
}

/// The stamp of this build.
pub(crate) fn stamp() -> &'static str {
    static STAMP: OnceLock<String> = OnceLock::new();
    STAMP.get_or_init(|| {
        let mut text = format!("{RUNTIME} {FORMAT_MAJOR} {OPTIONS} {DETECTION}");
        for row in known() {
            text.push_str(&format!(
                "\n{} {} {} {:?}",
                row.id, row.crate_name, row.version, row.pin.fingerprint.0
            ));
            let names = [row.extensions, row.file_names, row.file_stems, row.shebangs];
            names.iter().for_each(|names| text.push_str(&format!(" {names:?}")));
        }
        let of_text = KeyParts {
            runtime: "",
            language: "",
            grammar: Fingerprint([0; 16]),
            options: 0,
            included_ranges: &[],
            source: text.as_bytes(),
        };
        of_text.key().to_string()
    })
}

/// The row of the workspace itself.
pub(crate) fn workspace_row() -> ManifestRow {
    ManifestRow { language: Some(stamp().into()), ..row(Vec::new(), Stat::default()) }
}

/// Whether a row is that of the workspace itself.
pub(crate) fn is_workspace(row: &ManifestRow) -> bool {
    row.path.is_empty()
}

/// Whether the rows of a manifest mean what they would mean today.
pub(crate) fn is_current(manifest: &Manifest) -> bool {
    let first = manifest.rows().first();
    first.is_some_and(|row| is_workspace(row) && row.language.as_deref() == Some(stamp()))
}

/// A row without a tree, of which nothing else is known.
pub(crate) fn row(path: Vec<u8>, stat: Stat) -> ManifestRow {
    ManifestRow {
        path,
        size: stat.size,
        mtime_ns: stat.mtime_ns,
        ctime_ns: stat.ctime_ns,
        inode: stat.inode,
        language: None,
        outcome: Outcome::None(NoTree::Other),
        nodes: 0,
        lines: 0,
        stored_bytes: 0,
        kinds: None,
    }
}

/// Why a row is not as it was, or that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belief {
    /// The file is what it was: the row holds.
    Holds,
    /// It has to be looked at again.
    LookAgain,
}

/// Whether what a row says still holds, by the looks of its file alone. That
/// its tree is in the store is for the caller to find out.
pub(crate) fn belief(
    row: &ManifestRow,
    stat: Stat,
    taken_ns: i64,
    options: &EngineOptions,
) -> Belief {
    let same = Stat::recorded(row) == stat && !stat.is_racy(taken_ns);
    let settled = match row.outcome {
        // What a store of before has no kinds of is looked at once more.
        Outcome::Tree(_) => row.kinds.is_some(),
        Outcome::None(NoTree::ParseLimit) => time_limit(row) >= options.max_parse_time,
        Outcome::None(NoTree::TooLarge) => {
            row.size > options.max_file_bytes || memory_needed(row) > options.memory_budget
        }
        // Of a language that was not built in, and may be by now.
        Outcome::None(NoTree::UnknownLanguage) => {
            language(row).is_none_or(|language| built(language, options).is_none())
        }
        Outcome::None(why) => {
            matches!(why, NoTree::Binary | NoTree::Encoding | NoTree::InjectionOnly)
        }
    };
    if same && settled { Belief::Holds } else { Belief::LookAgain }
}

/// Notes in a row without a tree how long its file was parsed in vain: it is
/// tried again only when it may take longer. There are no nodes to count, so
/// the number takes their place.
pub(crate) fn set_time_limit(row: &mut ManifestRow, limit: Duration) {
    row.nodes = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
}

/// How long the file of such a row was parsed in vain.
pub(crate) fn time_limit(row: &ManifestRow) -> Duration {
    Duration::from_millis(u64::from(row.nodes))
}

/// Notes in a row without a tree how much memory it would have taken, likewise.
pub(crate) fn set_memory_needed(row: &mut ManifestRow, bytes: u64) {
    row.nodes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
}

/// How much memory the tree of such a row would take; 0 where nobody knows.
pub(crate) fn memory_needed(row: &ManifestRow) -> u64 {
    u64::from(row.nodes) << 10
}

/// Notes in a row without a tree in which encoding its file is, likewise.
pub(crate) fn set_encoding(row: &mut ManifestRow, name: &str) {
    let number = ENCODINGS.iter().position(|it| *it == name);
    row.nodes = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
}

/// In which encoding the file of such a row is.
pub(crate) fn encoding(row: &ManifestRow) -> &'static str {
    let number = usize::try_from(row.nodes).unwrap_or(0);
    ENCODINGS.get(number).copied().unwrap_or(ENCODINGS[0])
}

/// Encodings that have no tree, by the numbers that rows hold.
const ENCODINGS: [&str; 5] = [
    "UTF-16 or UTF-32",
    "UTF-16 little-endian",
    "UTF-16 big-endian",
    "UTF-32 little-endian",
    "UTF-32 big-endian",
];

/// The language of a row, built in or not.
pub(crate) fn language(row: &ManifestRow) -> Option<&'static Row> {
    row_of(row.language.as_deref()?)
}

/// The nearest folder around a file that has a manifest; else its own folder.
pub(crate) fn workspace_of(file: &Path, has_manifest: impl Fn(&Path) -> bool) -> Option<&Path> {
    let around = file.ancestors().skip(1).find(|folder| has_manifest(folder));
    around.or_else(|| file.parent())
}

/// One shared name for each language, so that a manifest of 100,000 rows does
/// not hold 100,000 copies.
pub(crate) fn language_name(id: &'static str) -> Arc<str> {
    static NAMES: OnceLock<Vec<Arc<str>>> = OnceLock::new();
    let names = NAMES.get_or_init(|| known().iter().map(|row| Arc::from(row.id)).collect());
    let index = known().binary_search_by(|row| row.id.cmp(id));
    index.ok().and_then(|index| names.get(index)).map_or_else(|| Arc::from(id), Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_in_the_keys_is_the_one_that_is_built() {
        let manifest = include_str!("../../../Cargo.toml");
        let pinned = format!("tree-sitter = \"={RUNTIME}\"");
        assert!(manifest.lines().any(|line| line == pinned), "expected {pinned} in Cargo.toml");
    }

    fn check(outcome: Outcome, noted: u32, expected: Belief) {
        let stat = Stat { size: 9, mtime_ns: 5, ctime_ns: 6, inode: 7 };
        let kinds = Some(Arc::from([1]));
        let row = ManifestRow { outcome, nodes: noted, kinds, ..row(b"a".to_vec(), stat) };
        let options = EngineOptions {
            max_parse_time: Duration::from_millis(500),
            ..EngineOptions::default()
        };
        let taken = 10_000_000_000;
        assert_eq!(belief(&row, stat, taken, &options), expected, "{outcome:?}");
        assert_eq!(belief(&row, stat, 7, &options), Belief::LookAgain, "racy");
        for other in [
            Stat { size: 8, ..stat },
            Stat { mtime_ns: 4, ..stat },
            Stat { ctime_ns: 5, ..stat },
            Stat { inode: 8, ..stat },
        ] {
            assert_eq!(belief(&row, other, taken, &options), Belief::LookAgain, "{other:?}");
        }
    }

    #[test]
    fn a_row_holds_while_its_file_looks_the_same() {
        check(Outcome::Tree(TreeKey([1; 32])), 0, Belief::Holds);
        check(Outcome::None(NoTree::UnknownLanguage), 0, Belief::Holds);
        check(Outcome::None(NoTree::Binary), 0, Belief::Holds);
    }

    #[test]
    fn what_may_have_passed_is_tried_again() {
        check(Outcome::None(NoTree::Unreadable), 0, Belief::LookAgain);
        check(Outcome::None(NoTree::Changing), 0, Belief::LookAgain);
        check(Outcome::None(NoTree::Other), 0, Belief::LookAgain);
    }

    #[test]
    fn a_parse_over_its_time_is_tried_again_with_more_time() {
        check(Outcome::None(NoTree::ParseLimit), 500, Belief::Holds);
        check(Outcome::None(NoTree::ParseLimit), 499, Belief::LookAgain);
    }

    #[test]
    fn a_tree_that_is_too_large_is_tried_again_with_more_memory() {
        let limit = (EngineOptions::default().memory_budget >> 10) as u32;
        check(Outcome::None(NoTree::TooLarge), limit + 1, Belief::Holds);
        check(Outcome::None(NoTree::TooLarge), limit, Belief::LookAgain);
        check(Outcome::None(NoTree::TooLarge), 0, Belief::LookAgain);
    }

    #[test]
    fn a_row_remembers_the_encoding() {
        for name in ENCODINGS {
            let mut row = row(b"a".to_vec(), Stat::default());
            set_encoding(&mut row, name);
            assert_eq!(encoding(&row), name);
        }
    }

    #[test]
    fn the_stamp_is_that_of_the_build() {
        assert_eq!(stamp().len(), 64);
        let current = Manifest::new("/w", 0, vec![workspace_row()]);
        assert!(is_current(&current));
        let file = row(b"a".to_vec(), Stat::default());
        assert!(!is_current(&Manifest::new("/w", 0, vec![file])));
        let other = ManifestRow { language: Some("other".into()), ..workspace_row() };
        assert!(!is_current(&Manifest::new("/w", 0, vec![other])));
    }
}
