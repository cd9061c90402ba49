//! What a second run does after something happened to the files.

use std::fs;
use std::fs::File;
use std::time::Duration;

use super::{Ground, index, rust, work};
use herbarium_index::{Cancel, EngineOptions, Origin};
use herbarium_store::GcOptions;

/// A project of three files is indexed, something happens to it, and it is
/// indexed again: expected are trees new and reused, files read, and parses.
fn check(happens: impl FnOnce(&Ground), expected: (u64, u64, u64, u64)) {
    let ground = Ground::with(&[
        ("src/main.rs", "fn main() {}\n"),
        ("src/lib.rs", "pub fn lib() {}\n"),
        ("tools/run.py", "print('run')\n"),
    ]);
    assert_eq!(work(&ground.index()), (3, 0, 3, 3));
    happens(&ground);
    ground.rest();
    assert_eq!(work(&ground.index()), expected);
    // Whatever happened, it is over: nothing is left to do.
    let files = expected.0 + expected.1;
    assert_eq!(work(&ground.index()), (0, files, 0, 0));
}

#[test]
fn nothing_is_read_where_nothing_changed() {
    check(|_| {}, (0, 3, 0, 0));
}

#[test]
fn a_changed_file_is_parsed_and_no_other() {
    check(|it| it.write("src/lib.rs", "pub fn changed() {}\n"), (1, 2, 1, 1));
}

#[test]
fn a_new_file_is_parsed_and_no_other() {
    check(|it| it.write("src/new.rs", "pub fn new() {}\n"), (1, 3, 1, 1));
}

#[test]
fn a_renamed_file_is_not_parsed() {
    check(|it| fs::rename(it.path("src/lib.rs"), it.path("src/renamed.rs")).unwrap(), (0, 3, 1, 0));
}

#[test]
fn a_moved_folder_is_not_parsed() {
    check(|it| fs::rename(it.path("src"), it.path("source")).unwrap(), (0, 3, 2, 0));
}

#[test]
fn a_copied_file_is_not_parsed() {
    let copy = |it: &Ground| fs::copy(it.path("src/lib.rs"), it.path("copy.rs")).unwrap();
    check(|it| assert!(copy(it) > 0), (0, 4, 1, 0));
}

#[test]
fn a_touched_file_is_read_and_not_parsed() {
    check(|it| it.write("src/lib.rs", "pub fn lib() {}\n"), (0, 3, 1, 0));
}

#[test]
fn a_deleted_file_is_forgotten() {
    check(|it| fs::remove_file(it.path("src/lib.rs")).unwrap(), (0, 2, 0, 0));
}

#[test]
fn a_file_replaced_by_an_older_one_is_noticed() {
    check(
        |it| {
            it.write("src/other.rs", "pub fn abc() {}\n");
            let time = fs::metadata(it.path("src/lib.rs")).unwrap().modified().unwrap();
            File::open(it.path("src/other.rs")).unwrap().set_modified(time).unwrap();
            fs::rename(it.path("src/other.rs"), it.path("src/lib.rs")).unwrap();
        },
        (1, 2, 1, 1),
    );
}

#[test]
fn a_changed_language_is_another_tree() {
    check(|it| fs::rename(it.path("tools/run.py"), it.path("tools/run.js")).unwrap(), (1, 2, 1, 1));
}

#[test]
fn files_of_the_same_content_are_parsed_once() {
    let ground = Ground::new();
    for copy in 0..40 {
        ground.write(&format!("{copy}/mod.rs"), super::rust(1));
    }
    ground.rest();
    let report = ground.index();
    assert_eq!(work(&report), (1, 39, 40, 1));
    assert_eq!(report.nodes % 40, 0);
}

/// Writing, indexing and writing again may all happen in one step of the file
/// system's clock; size and time then tell nothing.
#[test]
fn a_rewrite_of_the_same_size_and_time_is_noticed() {
    let ground = Ground::new();
    let engine = ground.engine();
    let path = ground.path("a.rs");
    for round in 0..30_u32 {
        ground.write("a.rs", format!("fn a() {{ {:04} }}", 2 * round));
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(index(&engine, &ground.root()).trees_new, 1, "round {round}");
        let text = format!("fn a() {{ {:04} }}", 2 * round + 1);
        ground.write("a.rs", &text);
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(work(&index(&engine, &ground.root())), (1, 0, 1, 1), "round {round}");
        let opened = engine.open(&path).unwrap();
        assert_eq!((opened.from, opened.source), (Origin::Store, text.into_bytes()));
    }
}

#[test]
fn a_run_without_its_manifest_finds_the_trees_again() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.py", "b = 1\n")]);
    ground.index();
    let root = fs::canonicalize(ground.root()).unwrap();
    assert!(ground.store.remove_manifest(&root).unwrap());
    assert_eq!(work(&ground.index()), (0, 2, 2, 0));
}

#[test]
fn a_file_given_by_itself_belongs_to_the_workspace_around_it() {
    let ground = Ground::with(&[("src/a.rs", "fn a() {}\n"), ("b.py", "b = 1\n")]);
    ground.index();
    ground.write("src/a.rs", "fn changed() {}\n");
    ground.rest();
    let engine = ground.engine();
    assert_eq!(work(&index(&engine, &ground.path("src/a.rs"))), (1, 0, 1, 1));
    assert_eq!(ground.store.manifests().unwrap().len(), 1);
    let stats = engine.stats().unwrap();
    assert_eq!((stats.workspaces.len(), stats.total.files), (1, 2));
    let report = ground.index();
    assert_eq!((report.trees_reused, report.parses), (2, 0));
}

#[test]
fn a_file_outside_of_all_workspaces_belongs_to_its_folder() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.py", "b = 1\n")]);
    assert_eq!(work(&index(&ground.engine(), &ground.path("a.rs"))), (1, 0, 1, 1));
    assert_eq!(work(&ground.index()), (1, 1, 1, 1));
}

#[test]
fn a_language_left_out_keeps_its_trees() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.py", "b = 1\n"), ("c.js", "c()\n")]);
    ground.index();
    ground.write("c.js", "d()\n");
    ground.rest();
    let languages = Some(["rust".to_owned()].into());
    let engine = ground.engine_with(EngineOptions { languages, ..EngineOptions::default() });
    let report = index(&engine, &ground.root());
    assert_eq!((report.files, report.filtered, report.parses), (1, 2, 0));
    let report = ground.index();
    assert_eq!((report.files, report.filtered, report.parses), (3, 0, 1));
}

#[test]
fn a_revision_is_stored_as_the_difference_to_the_tree_before() {
    let ground = Ground::new();
    let source = |last: usize| (0..40).map(rust).chain([rust(last)]).collect::<String>();
    ground.write("a.rs", source(100));
    let first = ground.index();
    for last in 101..106 {
        ground.write("a.rs", source(last).replace("function_1(", &format!("function_{last}x(")));
        let report = ground.index();
        assert_eq!((report.parses, report.trees_new), (1, 1));
        // Counted as what it takes.
        assert!(report.stored_bytes * 4 < first.stored_bytes, "{report:#?}");
        let opened = ground.engine().open(&ground.path("a.rs")).unwrap();
        assert_eq!(opened.from, Origin::Store);
    }
    let deep = ground.engine().verify(true, &(), &Cancel::new()).unwrap();
    assert!(deep.is_sound() && deep.compared == 1, "{deep:#?}");
}

#[test]
fn a_collection_removes_what_no_workspace_has_any_more() {
    let ground = Ground::with(&[("a.rs", "fn a() {}\n"), ("b.rs", &wild(20_000))]);
    ground.index();
    fs::remove_file(ground.path("b.rs")).unwrap();
    ground.index();
    let removed = ground.store.gc(&GcOptions::new().grace(Duration::ZERO)).unwrap();
    assert_eq!((removed.trees_kept, removed.trees_removed), (1, 1), "{removed:#?}");
    assert_eq!(ground.index().parses, 0);
    ground.write("b.rs", "fn b() {}\n");
    assert_eq!(ground.index().parses, 1);
}

/// A source of so many lines whose tree does not compress well.
fn wild(lines: usize) -> String {
    let mut random = 1_u32;
    let mut next = |of: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % of
    };
    let parts = ["a(b)", "c[d]", "*e", "1", "\"f\"", "g.h", "-i", "{ j }", "(k)", "!l", "m?"];
    let mut line = || {
        let terms: Vec<_> = (0..1 + next(6)).map(|_| parts[next(11) as usize]).collect();
        format!(
            "{}{};\n",
            " ".repeat(next(9) as usize),
            terms.join(["+", " - ", "\n"][next(2) as usize])
        )
    };
    let body: String = (0..lines).map(|_| line()).collect();
    format!("fn main() {{\n{body}}}\n")
}
