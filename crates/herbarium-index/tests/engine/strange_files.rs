//! Files that are no ordinary source files.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Ground, index, problems, work};
use herbarium_index::{EngineOptions, OpenError, Origin, ProblemKind};

#[test]
fn ignore_rules_count_without_a_repository_too() {
    let ground = Ground::with(&[
        (".gitignore", "/build\n*.gen.rs\n!keep.gen.rs\n"),
        ("a.rs", "fn a() {}\n"),
        ("b.gen.rs", "fn b() {}\n"),
        ("keep.gen.rs", "fn keep() {}\n"),
        ("build/c.rs", "fn c() {}\n"),
        ("sub/.ignore", "d.rs\n"),
        ("sub/d.rs", "fn d() {}\n"),
        (".hidden/e.rs", "fn e() {}\n"),
    ]);
    assert_eq!(ground.index().found, 2);
    let all = EngineOptions { follow_ignore: false, ..EngineOptions::default() };
    assert_eq!(index(&ground.engine_with(all), &ground.root()).found, 5);
    let hidden = EngineOptions { hidden: true, ..EngineOptions::default() };
    let report = index(&ground.engine_with(hidden), &ground.root());
    assert_eq!((report.found, report.files), (5, 3));
}

/// Files found under these ignore rules at the root.
fn found(rules: &str, in_repository: bool) -> u64 {
    let ground = Ground::with(&[
        (".gitignore", rules),
        ("a.rs", "fn a() {}\n"),
        ("debian/b.rs", "fn b() {}\n"),
        ("sub/c.rs", "fn c() {}\n"),
    ]);
    if in_repository {
        fs::create_dir(ground.path(".git")).unwrap();
    }
    ground.index().found
}

#[test]
fn rules_that_hide_everything_count_in_a_repository_alone() {
    for rules in ["/*\n!/debian/\n", "*\r\n!/debian\n!*.rs\n", "# all\n/* \n!/debian/\n"] {
        assert_eq!(found(rules, false), 3, "{rules:?}");
    }
    assert_eq!(found("/*\n!/debian/\n", true), 1);
    assert_eq!(found("/sub\n", true), 2);
    assert_eq!(found("/sub\n", false), 2);
}

#[test]
fn rules_above_the_root_count_in_a_repository_alone() {
    let ground = Ground::with(&[("sub/a.rs", "fn a() {}\n"), ("sub/b.rs", "fn b() {}\n")]);
    ground.write(".gitignore", "b.rs\n");
    assert_eq!(index(&ground.engine(), &ground.path("sub")).found, 2);
    fs::create_dir(ground.path(".git")).unwrap();
    assert_eq!(index(&ground.engine(), &ground.path("sub")).found, 1);
}

#[test]
fn the_store_is_not_indexed() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n")]);
    let above = ground.dir.path();
    assert_eq!(index(&ground.engine(), above).found, 1);
    assert_eq!(work(&index(&ground.engine(), above)), (0, 1, 0, 0));
}

#[test]
fn each_file_without_a_tree_is_counted_where_it_belongs() {
    let ground = Ground::new();
    ground.write("a.rs", "fn a() {}\n");
    ground.write("binary.rs", b"fn a\0() {}\n");
    ground.write("picture.unheard", b"\x89\0\x01\x02");
    ground.write("words.unheard", "some words\n");
    ground.write("notes", "just notes\n");
    ground.write("utf16.py", b"\xff\xfea\0=\0b\0\n\0");
    ground.write("large.js", "f();".repeat(1000));
    ground.write("empty.rs", "");
    ground.rest();
    let options = EngineOptions { max_file_bytes: 1000, ..EngineOptions::default() };
    for run in ["first", "second"] {
        let report = index(&ground.engine_with(options.clone()), &ground.root());
        assert_eq!((report.found, report.files), (8, 2), "{run}");
        assert_eq!((report.skipped_binary, report.unknown), (2, 2), "{run}");
        let expected = [(ProblemKind::TooLarge, "large.js"), (ProblemKind::Encoding, "utf16.py")];
        assert_eq!(
            problems(&report),
            expected.map(|(kind, name)| (kind, name.to_owned())),
            "{run}"
        );
    }
    let report = ground.index();
    assert_eq!((report.files, report.parses), (3, 1), "a raised limit lets the file in");
}

#[test]
fn an_encoding_without_trees_is_called_by_its_name() {
    let check = |bytes: &[u8], name: &str| {
        let ground = Ground::new();
        ground.write("a.py", bytes);
        ground.rest();
        // The second run does not read the file, but remembers.
        for reads in [1, 0] {
            let report = ground.index();
            let message = &report.problems[0].message;
            assert!(message.starts_with(&format!("is {name}, expected UTF-8")), "{message}");
            assert_eq!(report.reads, reads, "{name}");
        }
    };
    check(b"\xff\xfea\0", "UTF-16 little-endian");
    check(b"\xfe\xff\0a", "UTF-16 big-endian");
    check(b"\xff\xfe\0\0a\0\0\0", "UTF-32 little-endian");
    check(b"\0\0\xfe\xff\0\0\0a", "UTF-32 big-endian");
}

#[test]
fn a_known_language_that_was_not_built_in_is_named() {
    let rows = || herbarium_languages::known().iter();
    let missing = |row: &&herbarium_languages::Row| {
        herbarium_languages::by_id(row.id).is_none() && !row.injection_only
    };
    let plain = |row: &&herbarium_languages::Row| {
        let name = format!("a.{}", row.extensions.first().unwrap_or(&"none"));
        !herbarium_languages::needs_head(name.as_ref())
    };
    let Some(row) = rows().filter(missing).find(plain) else { return };
    let ground = Ground::new();
    ground.write(&format!("a.{}", row.extensions[0]), "text\n");
    ground.rest();
    for _ in 0..2 {
        let report = ground.index();
        assert_eq!(report.not_built.get(row.id), Some(&1));
        assert_eq!(report.files, 0);
    }
}

#[cfg(unix)]
#[test]
fn pipes_sockets_and_links_are_never_opened() {
    use rustix::fs::{CWD, Mode, mknodat};

    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("folder.rs/b.rs", "fn b() {}\n")]);
    let pipe = ground.path("pipe.rs");
    mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ground.path("socket.rs")).unwrap();
    std::os::unix::fs::symlink("nowhere.rs", ground.path("dangling.rs")).unwrap();
    std::os::unix::fs::symlink("a.rs", ground.path("link.rs")).unwrap();
    std::os::unix::fs::symlink(".", ground.path("loop.rs")).unwrap();
    let report = ground.index();
    assert_eq!((report.found, report.files, report.skipped_special), (2, 2, 5));
    assert_eq!(report.problems, []);
    let opened = ground.engine().open(&pipe);
    assert!(matches!(opened, Err(OpenError::NotAFile { found: "a named pipe", .. })), "{opened:?}");
    assert!(matches!(ground.engine().open(&ground.root()), Err(OpenError::NotAFile { .. })));
    assert!(ground.engine().open(&ground.path("link.rs")).is_ok());
}

#[test]
fn a_line_that_is_no_rule_is_a_problem_and_no_end() {
    let ground = Ground::with(&[(".gitignore", "[z-a]\n"), ("a.rs", "fn a() {}\n")]);
    let report = ground.index();
    assert_eq!(report.files, 1);
    assert_eq!(problems(&report).first().map(|it| it.0), Some(ProblemKind::BadIgnoreRule));
}

/// However a file changes under the reader, what is stored is a text that it had.
#[test]
fn a_file_that_changes_while_it_is_read_is_whole_or_a_problem() {
    let ground = Ground::with(&[("calm.rs", "fn calm() {}\n")]);
    let path = ground.path("restless.rs");
    let stop = AtomicBool::new(false);
    let long = "fn restless() { let a = 1; }\n".repeat(4000);
    fs::write(&path, &long).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().write(true).open(&path).unwrap();
            for length in (0..long.len()).step_by(29 * 7).cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                file.set_len(length as u64).unwrap();
                file.rewind().unwrap();
                file.write_all(&long.as_bytes()[..length]).unwrap();
            }
        });
        for _ in 0..20 {
            let report = ground.index();
            assert_eq!(report.found, 2);
            for problem in &report.problems {
                assert_eq!(
                    (problem.kind, &problem.path.file_name()),
                    (ProblemKind::Changing, &path.file_name())
                );
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    ground.rest();
    let report = ground.index();
    assert_eq!((report.files, report.problems.len()), (2, 0));
    let opened = ground.engine().open(&path).unwrap();
    assert_eq!(opened.from, Origin::Store);
    assert_eq!(opened.source, fs::read(&path).unwrap());
    assert_eq!(opened.tree.source_len() as usize, opened.source.len());
}

#[test]
fn a_parse_over_its_time_is_a_problem_and_not_tried_again() {
    let ground = Ground::new();
    ground.write("a.rs", "fn a() {}\n".repeat(20_000));
    ground.write("b.rs", "fn b() {}\n");
    ground.rest();
    let limit = |time| EngineOptions { max_parse_time: time, ..EngineOptions::default() };
    let short = || ground.engine_with(limit(Duration::from_millis(1)));
    for parses in [2, 0] {
        let report = index(&short(), &ground.root());
        assert_eq!((report.files, report.parses), (1, parses));
        assert_eq!(problems(&report), [(ProblemKind::TimedOut, "a.rs".to_owned())]);
    }
    let long = ground.engine_with(limit(Duration::from_secs(60)));
    let report = index(&long, &ground.root());
    assert_eq!((report.files, report.parses, report.problems.len()), (2, 1, 0));
}

#[test]
fn a_tree_over_the_memory_limit_is_a_problem_until_there_is_more() {
    let ground = Ground::new();
    ground.write("dense.json", format!("[{}1]", "1,".repeat(100_000)));
    ground.write("a.rs", "fn a() {}\n");
    ground.rest();
    let budget = |memory_budget| EngineOptions { memory_budget, ..EngineOptions::default() };
    let small = || ground.engine_with(budget(16 << 20));
    for reads in [2, 0] {
        let report = index(&small(), &ground.root());
        assert_eq!((report.files, report.reads), (1, reads));
        assert_eq!(problems(&report), [(ProblemKind::TooLarge, "dense.json".to_owned())]);
    }
    let refused = small().open(&ground.path("dense.json"));
    assert!(matches!(refused, Err(OpenError::TooDense { .. })), "{refused:?}");
    let report = index(&ground.engine_with(budget(64 << 20)), &ground.root());
    assert_eq!((report.files, report.parses, report.problems.len()), (2, 1, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf_8_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let ground = Ground::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe.rs");
    fs::write(ground.root().join(name), "fn a() {}\n").unwrap();
    ground.rest();
    assert_eq!(work(&ground.index()), (1, 0, 1, 1));
    assert_eq!(work(&ground.index()), (0, 1, 0, 0));
}
