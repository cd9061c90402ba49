//! The walk finds what the walker of the crate `ignore` finds.

use std::fs;
use std::sync::atomic::AtomicU64;

use ignore::WalkBuilder;
use proptest::prelude::*;

use super::*;

/// Paths of the files that a walk finds, and the number of other things.
fn ours(root: &Path, options: &EngineOptions) -> (Vec<Vec<u8>>, u64) {
    let found = AtomicU64::new(0);
    let walked = walk(root, &root.join("store"), options, &Cancel::new(), &found);
    assert_eq!(found.into_inner(), walked.files.len() as u64);
    for file in &walked.files {
        let metadata = fs::metadata(root.join(path_from_bytes(&file.path))).unwrap();
        assert_eq!(file.stat, Stat::of(&metadata));
    }
    (walked.files.into_iter().map(|file| file.path).collect(), walked.special)
}

/// The same, by the walker of the crate `ignore`.
fn theirs(root: &Path, options: &EngineOptions) -> (Vec<Vec<u8>>, u64) {
    let in_repository = root.ancestors().any(|folder| folder.join(".git").exists());
    let store = root.join("store");
    let mut builder = WalkBuilder::new(root);
    builder
        .hidden(!options.hidden)
        .ignore(options.follow_ignore)
        .git_ignore(options.follow_ignore)
        .git_global(options.follow_ignore)
        .git_exclude(options.follow_ignore)
        .parents(options.follow_ignore && in_repository)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |entry| entry.path() != store);
    let (mut files, mut special) = (Vec::new(), 0);
    for entry in builder.build() {
        // A rule that cannot be understood.
        let Ok(entry) = entry else { continue };
        let file_type = entry.file_type().unwrap();
        if file_type.is_file() {
            files.push(path_bytes(entry.path().strip_prefix(root).unwrap()));
        } else if !file_type.is_dir() {
            special += 1;
        }
    }
    files.sort_unstable();
    (files, special)
}

/// A sieve keeps what a walk finds, and nothing else.
fn check_sieve(root: &Path, options: &EngineOptions, found: &[Vec<u8>]) {
    let mut sieve = Sieve::new(root, &root.join("store"), options);
    for entry in WalkBuilder::new(root).standard_filters(false).build().skip(1) {
        let entry = entry.unwrap();
        let path = path_bytes(entry.path().strip_prefix(root).unwrap());
        let file_type = entry.file_type().unwrap();
        if file_type.is_file() {
            assert_eq!(sieve.keeps(&path, false), found.contains(&path), "{:?}", entry.path());
        } else if file_type.is_dir() {
            let below: Vec<_> = sieve.walk(&path, 1, &Cancel::new()).files;
            let below: Vec<_> = below.into_iter().map(|file| file.path).collect();
            let stem = [&path[..], b"/"].concat();
            let expected: Vec<_> =
                found.iter().filter(|path| path.starts_with(&stem)).cloned().collect();
            assert_eq!(below, expected, "{:?}", entry.path());
        }
    }
}

/// Makes a tree: a path that ends in `/` is a folder, one that ends in `@` a link.
fn make(root: &Path, paths: &[(String, String)]) {
    for (path, text) in paths {
        let whole = root.join(path.trim_end_matches(['/', '@']));
        let _ = fs::create_dir_all(whole.parent().unwrap());
        if path.ends_with('/') {
            let _ = fs::create_dir_all(&whole);
        } else if path.ends_with('@') {
            #[cfg(unix)]
            let _ = std::os::unix::fs::symlink("elsewhere", &whole);
        } else {
            let _ = fs::write(&whole, text);
        }
    }
}

fn check(paths: &[(String, String)], below: &str) {
    let dir = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(dir.path()).unwrap();
    make(&top, paths);
    let root = if below.is_empty() { top } else { top.join(below) };
    if fs::create_dir_all(&root).is_err() {
        // There is a file of that name.
        return;
    }
    for (hidden, follow_ignore, workers) in
        [(false, true, 1), (true, true, 3), (false, false, 2), (true, false, 1)]
    {
        let options = EngineOptions { hidden, follow_ignore, workers, ..EngineOptions::default() };
        let found = ours(&root, &options);
        check_sieve(&root, &options, &found.0);
        assert_eq!(
            found,
            theirs(&root, &options),
            "hidden {hidden}, follow_ignore {follow_ignore}, {paths:?}"
        );
    }
}

fn given(paths: &[(&str, &str)], below: &str) {
    let paths: Vec<_> =
        paths.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    check(&paths, below);
}

#[test]
fn files_come_in_the_order_of_their_paths() {
    given(&[("a/b", ""), ("a.c", ""), ("a", ""), ("a-b/c", ""), ("a0", ""), ("a/b/c", "")], "");
    given(&[("x/a", ""), ("x.a", ""), ("x/y/z", ""), ("x/y.z", ""), ("x/y-z", "")], "");
}

#[test]
fn rules_of_nearer_folders_count_more() {
    given(
        &[
            (".gitignore", "*.o\n/top\nboth\n"),
            ("a/.gitignore", "!keep.o\nboth/\n"),
            ("a/.ignore", "!x.o\n"),
            ("a/keep.o", ""),
            ("a/x.o", ""),
            ("a/y.o", ""),
            ("top", ""),
            ("a/top", ""),
            ("a/both/z", ""),
            ("b/both", ""),
            (".hidden/a", ""),
            ("link@", ""),
            ("store/a", ""),
        ],
        "",
    );
}

#[test]
fn in_a_repository_the_rules_above_the_root_count() {
    let paths = [
        (".git/info/exclude", "secret\n"),
        (".gitignore", "*.o\n/sub/deep/no\n"),
        ("sub/.gitignore", "deep/gone\n"),
        ("sub/deep/a.o", ""),
        ("sub/deep/a.c", ""),
        ("sub/deep/no", ""),
        ("sub/deep/gone", ""),
        ("sub/deep/secret", ""),
    ];
    given(&paths, "sub/deep");
    given(&paths[1..], "sub/deep");
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "a.o", "b.c", ".h", "a-b", "x y"])
        .prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = (String, String)> {
    let folders = prop::collection::vec(name(), 0..4);
    let rule = prop::sample::select(vec![
        "a", "/a", "a/", "!a", "*.o", "!*.o", "**/b", "a/b", "a/**", "!.h", ".*", "[ab]", "#a",
        "\\", "b*", "!/a/b", "/*", "!b", "a*/b", "x y",
    ]);
    let rules = prop::collection::vec(rule, 1..4).prop_map(|rules| rules.join("\n"));
    let file = prop_oneof![
        6 => name().prop_map(|name| (name, String::new())),
        2 => rules.clone().prop_map(|rules| (".gitignore".to_owned(), rules)),
        1 => rules.clone().prop_map(|rules| (".ignore".to_owned(), rules)),
        1 => rules.prop_map(|rules| (".git/info/exclude".to_owned(), rules)),
        1 => name().prop_map(|name| (name + "@", String::new())),
    ];
    (folders, file).prop_map(|(folders, (name, text))| {
        let folders: String = folders.into_iter().map(|folder| folder + "/").collect();
        (folders + &name, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn what_is_found_is_what_the_other_walker_finds(
        paths in prop::collection::vec(path(), 1..14),
        below in prop::sample::select(vec!["", "a", "a/b"]),
    ) {
        // Outside a repository a root that hides everything is read as if it hid nothing.
        prop_assume!(!paths.iter().any(|(path, text)| {
            path.ends_with(".gitignore") && text.lines().any(|line| line == "/*")
        }));
        check(&paths, below);
    }
}
