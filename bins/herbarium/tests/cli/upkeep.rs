//! `gc`, `backup`, `restore` and `migrate`: looking after a store.

use std::fs;

use serde_json::json;

use crate::bed::{Bed, SOURCES, Type, check_shape, check_values};

const COPY: [(&str, Type); 6] = [
    ("trees", Type::Number),
    ("workspaces", Type::Number),
    ("segments", Type::Number),
    ("bytes", Type::Number),
    ("damaged", Type::Number),
    ("copy", Type::Text),
];

/// A source whose tree takes as much as all that a store has besides.
fn wild() -> String {
    let mut random = 1_u32;
    let mut next = |of: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % of
    };
    let parts = ["a(b)", "c[d]", "e", "1", "'f'", "g.h", "-i", "{}", "(k)", "not l", "[m, n]"];
    let mut line = || {
        let terms: Vec<_> = (0..1 + next(6)).map(|_| parts[next(11) as usize]).collect();
        terms.join([" or ", " + "][next(2) as usize]) + &"\n".repeat(1 + next(3) as usize)
    };
    (0..40_000).map(|_| line()).collect()
}

#[test]
fn gc_removes_what_no_workspace_needs() {
    let bed = Bed::sown();
    bed.write("tools/run.py", wild());
    bed.run(["index", "."]).code(0);
    let gc = |args: &[&str]| bed.json([&["gc", "--grace", "0", "--json"], args].concat());
    let all = gc(&[]);
    check_shape(
        &all,
        &[
            ("dry_run", Type::Flag),
            ("forgotten", Type::List),
            ("workspaces", Type::Number),
            ("unreadable_workspaces", Type::Number),
            ("removed_workspaces", Type::Number),
            ("trees_kept", Type::Number),
            ("trees_removed", Type::Number),
            ("needed_removed", Type::Number),
            ("unneeded_kept", Type::Number),
            ("damaged_removed", Type::Number),
            ("copies_removed", Type::Number),
            ("segments_before", Type::Number),
            ("segments_after", Type::Number),
            ("bytes_before", Type::Number),
            ("bytes_after", Type::Number),
            ("file_bytes_after", Type::Number),
            ("store", Type::Text),
        ],
    );
    check_values(&all, &[("trees_kept", json!(6)), ("trees_removed", json!(0))]);
    fs::remove_file(bed.path("tools/run.py")).unwrap();
    bed.run(["index", "."]).code(0);
    let would = gc(&["--dry-run"]);
    check_values(&would, &[("trees_removed", json!(1)), ("dry_run", json!(true))]);
    check_values(&gc(&[]), &[("trees_removed", json!(1)), ("trees_kept", json!(5))]);
    check_values(&gc(&[]), &[("trees_removed", json!(0)), ("trees_kept", json!(5))]);
    bed.run(["verify", "--deep"]).code(0);
    assert_eq!(bed.json(["index", ".", "--json"])["parses"], 0);
}

#[test]
fn gc_forgets_workspaces_that_are_named_or_gone() {
    let bed = Bed::sown();
    bed.write("tools/run.py", wild());
    bed.run(["index", "src", "tools"]).code(0);
    bed.run(["gc", "--forget", "web"]).code(2).says(&["web", "herbarium stats"]);
    let args = ["gc", "--grace", "1ms", "--forget", "tools", "--json"];
    let dry = bed.json(args.into_iter().chain(["--dry-run"]));
    check_values(&dry, &[("forgotten", json!(["tools"])), ("trees_kept", json!(3))]);
    check_values(&bed.json(args), &[("trees_removed", json!(1)), ("trees_kept", json!(2))]);
    fs::remove_dir_all(bed.path("src")).unwrap();
    let out = bed.run(["gc", "--grace", "1ms", "--forget-gone"]).code(0).silent();
    out.prints(&["forgot the workspace src", "needed by no workspace"]);
}

#[test]
fn gc_keeps_to_a_size() {
    let bed = Bed::grown();
    let report = bed.json(["gc", "--max-size", "2k", "--json"]);
    assert!(report["needed_removed"].as_u64().unwrap() > 0, "{report}");
    assert!(report["file_bytes_after"].as_u64() > report["bytes_after"].as_u64(), "{report}");
    // The catalogue alone takes more.
    let words = ["more than --max-size", "dictionaries in the catalogue"];
    bed.run(["gc", "--max-size", "2k"]).code(0).says(&words);
    bed.run(["gc", "--max-size", "2k", "--dry-run"]).code(0).says(&["would take"]);
    bed.run(["gc", "--max-size", "1G"]).code(0).silent();
    // What was removed is pressed again.
    let again = bed.json(["index", ".", "--json"]);
    assert_eq!(again["parses"], report["needed_removed"], "{again}");
}

#[cfg(target_os = "linux")]
#[test]
fn gc_that_can_free_nothing_is_an_error() {
    let bed = Bed::grown();
    bed.write("tools/run.py", "def other():\n    return 1\n");
    bed.run(["index", "."]).code(0);
    for entry in fs::read_dir(bed.store().join("segments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "open") {
            // In the place of its lock, so that it cannot be sealed.
            let lock = path.with_extension("lock");
            let _ = fs::remove_file(&lock);
            fs::create_dir(lock).unwrap();
        }
    }
    // To tell what would be done nothing has to be sealed, and nothing is written.
    fs::remove_file(bed.store().join("catalogue.lock")).unwrap();
    bed.run(["gc", "--grace", "0", "--dry-run"]).code(0);
    assert!(!bed.store().join("catalogue.lock").exists());
    bed.run(["gc", "--grace", "0"]).code(3).says(&["could not", ".lock"]);
}

#[test]
fn a_backup_is_a_store_and_comes_back() {
    let bed = Bed::grown();
    let copy = bed.path("../copy");
    let report = bed.json(["backup", copy.to_str().unwrap(), "--json"]);
    check_shape(&report, &COPY);
    check_values(&report, &[("trees", json!(6)), ("workspaces", json!(1)), ("damaged", json!(0))]);
    bed.run(["backup", copy.to_str().unwrap()]).code(3).says(&["not empty"]);
    bed.run(["stats", "--store", copy.to_str().unwrap()]).code(0).prints(&["6 trees"]);

    bed.run(["restore", copy.to_str().unwrap()]).code(3).says(&["--overwrite"]);
    fs::remove_dir_all(bed.store()).unwrap();
    let out = bed.run(["restore", copy.to_str().unwrap()]).code(0).silent();
    out.prints(&["6 trees of 1 workspace"]);
    assert_eq!(bed.json(["index", ".", "--json"])["parses"], 0);
    bed.write("src/more.rs", "fn more() {}\n");
    bed.run(["index", "."]).code(0);
    bed.run(["restore", copy.to_str().unwrap(), "--overwrite"]).code(0);
    assert_eq!(bed.json(["index", ".", "--json"])["parses"], 1);
    bed.run(["verify", "--deep"]).code(0);
}

#[test]
fn a_restore_removes_nothing_but_the_store() {
    let bed = Bed::grown();
    let copy = bed.path("../copy");
    let copy = copy.to_str().unwrap();
    bed.run(["backup", copy]).code(0);
    let inside = bed.store().join("copy");
    bed.run(["backup", inside.to_str().unwrap()]).code(3).says(&["inside the store"]);
    let notes = bed.store().join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    bed.run(["restore", copy, "--overwrite"]).code(3).says(&["notes.txt", "move it"]);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
    bed.run(["stats"]).code(0).prints(&["6 trees"]);
    fs::remove_file(&notes).unwrap();
    bed.run(["restore", copy, "--overwrite"]).code(0);
}

#[test]
fn what_is_no_store_is_not_copied() {
    let bed = Bed::sown();
    bed.run(["backup", "../copy"]).code(3).says(&["herbarium index"]);
    bed.run(["restore", "src"]).code(3).says(&["herbarium backup"]);
    bed.run(["restore", "nowhere"]).code(3);
    bed.run(["gc"]).code(3).says(&["herbarium index"]);
    bed.run(["migrate"]).code(3);
    assert!(!bed.store().exists());
    assert_eq!(fs::read_dir(bed.path("src")).unwrap().count(), 2);
}

#[test]
fn a_tree_goes_from_one_store_to_another() {
    let bed = Bed::grown();
    let rows = bed.json(["export", "src/main.rs", "tools/run.py", "-o", "out", "--json"]);
    let fields = [("path", Type::Text), ("file", Type::Text), ("language", Type::Text)];
    let more = [("key", Type::Text), ("bytes", Type::Number)];
    check_shape(&rows[0], &[&fields[..], &more].concat());
    check_values(&rows[1], &[("file", json!("out/run.py.tree")), ("language", json!("python"))]);
    bed.run(["export", "src/main.rs", "-o", "out"]).code(3).says(&["--overwrite"]);
    bed.run(["export", "src/main.rs", "-o", "out", "--overwrite"]).code(0).silent();
    bed.run(["export", "src/main.rs", "./src/main.rs"]).code(2).says(&["one name"]);
    bed.run(["export", "NOTES"]).code(3);
    assert_eq!(fs::read_dir(bed.path("out")).unwrap().count(), 2);

    let elsewhere = |args: &[&str]| bed.run([args, &["--store", "elsewhere"]].concat());
    let tree = "out/main.rs.tree";
    elsewhere(&["import", tree, "--source", "src/lib.rs"]).code(3).says(&["not of this source"]);
    elsewhere(&["import", "src/main.rs"]).code(3).says(&["herbarium export"]);
    elsewhere(&["import", "nowhere.tree"]).code(3);
    assert!(!bed.path("elsewhere").exists());
    let rows = elsewhere(&["import", tree, "--source", "src/main.rs", "--json"]).code(0).json();
    check_shape(&rows[0], &[&fields[..], &[("key", Type::Text), ("new", Type::Flag)]].concat());
    check_values(&rows[0], &[("new", json!(true)), ("path", json!("src/main.rs"))]);
    elsewhere(&["import", tree]).code(0).silent().prints(&["there already"]);
    elsewhere(&["tree", "src/main.rs", "--from-store"]).code(0).prints(&["source_file"]);
    elsewhere(&["tree", "src/lib.rs", "--from-store"]).code(3);
}

/// Trees that are made to be a trap, and files that are no files.
#[test]
fn an_import_reads_regular_files_within_its_limits() {
    let bed = Bed::sown();
    let long = format!("[{}0]", "0, ".repeat(200_000));
    bed.write("long.json", &long);
    bed.run(["export", "long.json", "src/main.rs", "-o", "out"]).code(0);
    let (tree, small) = ("out/long.json.tree", "out/main.rs.tree");
    let packed = fs::read(bed.path(tree)).unwrap();
    assert!(packed.len() < 40 << 10, "{} bytes", packed.len());
    let import = |args: &[&str]| bed.run([&["import", "--store", "elsewhere"], args].concat());
    let help = ["when it is unpacked", "raise the limit with --memory"];
    import(&["--memory", "1M", tree]).code(3).says(&help);
    import(&["--memory", "1M", small, tree]).code(3).says(&help);
    assert!(!bed.path("elsewhere").exists(), "nothing is stored before all were read");
    let small_limit = ["--source", "long.json", "--max-file-size", "1K", tree];
    import(&small_limit).code(3).says(&["longer than 1024 bytes", "--max-file-size"]);
    import(&["."]).code(3).says(&["no regular file"]);
    // Too many to be kept are read twice.
    let copies: Vec<String> = (0..8).map(|number| format!("out/{number}.tree")).collect();
    copies.iter().for_each(|copy| bed.write(copy, &packed));
    let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
    import(&[&["--memory", "16M"][..], &copies].concat()).code(0).silent();
    import(&[tree, "--source", "long.json"]).code(0).prints(&["there already"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_waits_for_no_pipe_and_reads_no_device() {
    let bed = Bed::sown();
    bed.run(["export", "src/main.rs", "-o", "out"]).code(0);
    let pipe = bed.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in ["/dev/zero", "/dev/stdin", "pipe"] {
        bed.run(["import", path]).code(3).says(&["no regular file"]);
        bed.run(["import", "out/main.rs.tree", "--source", path]).code(3).says(&["no regular"]);
    }
    // Of a length that nobody reads.
    let hole = fs::File::create(bed.path("hole")).unwrap();
    hole.set_len(1 << 40).unwrap();
    bed.run(["import", "hole"]).code(3).says(&["longer than", "--memory"]);
}

/// A store as version 1.0 left it.
fn old_store(bed: &Bed) {
    let golden =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/herbarium-store/tests/golden/v1");
    copy(golden.as_ref(), &bed.store());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn migrate_brings_an_old_store_up_to_date() {
    let bed = Bed::with(&SOURCES);
    old_store(&bed);
    let would = bed.json(["migrate", "--dry-run", "--json"]);
    let fields = [
        ("dry_run", Type::Flag),
        ("from", Type::Text),
        ("to", Type::Text),
        ("resumed", Type::Flag),
        ("steps", Type::List),
        ("backup", Type::Any),
        ("store", Type::Text),
    ];
    check_shape(&would, &fields);
    check_values(&would, &[("from", json!("1.0")), ("dry_run", json!(true))]);
    let step = [("from", Type::Text), ("to", Type::Text), ("what", Type::Text)];
    check_shape(&would["steps"][0], &[&step[..], &[("segments", Type::Number)]].concat());
    let copy = bed.path("../copy");
    let done = bed.json(["migrate", "--backup", copy.to_str().unwrap(), "--json"]);
    check_shape(&done["backup"], &COPY);
    check_values(&done, &[("from", json!("1.0")), ("resumed", json!(false))]);
    bed.run(["migrate"]).code(0).silent().prints(&["up to date"]);
    assert!(copy.join("HERBARIUM").is_file());
    bed.run(["index", "."]).code(0);
}
