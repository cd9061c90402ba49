//! Asking many stored files.

use std::fs;
use std::ops::ControlFlow;

use herbarium_codec::ERROR_KIND;
use herbarium_index::{
    Cancel, Engine, Missed, Outlet, ProblemKind, ScanFile, ScanReport, Snapshot, Visitor,
};
use herbarium_store::Manifest;

use crate::{Ground, rust};

/// Tells of each file its name and the number of its nodes, as often as asked.
struct Nodes {
    times: usize,
}

impl Visitor for Nodes {
    type Tools = ();
    type Item = (String, usize);

    fn tools(&self) {}

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        (): &mut (),
        outlet: &mut Outlet<'_, Self::Item>,
    ) -> Result<(), Missed> {
        let name = file.path().file_name().unwrap().to_string_lossy().into_owned();
        assert!(name != "panic.rs", "on purpose");
        if name == "unasked.rs" {
            return Ok(());
        }
        let nodes = file.open()?.0.descendant_count();
        for _ in 0..self.times {
            outlet.send((name.clone(), nodes));
        }
        Ok(())
    }
}

fn scan(engine: &Engine, snapshot: &Snapshot, times: usize) -> (Vec<(String, usize)>, ScanReport) {
    let mut heard = Vec::new();
    let hear = |item| {
        heard.push(item);
        ControlFlow::Continue(())
    };
    let report = engine.scan(snapshot, &Nodes { times }, hear, &Cancel::new()).unwrap();
    (heard, report)
}

fn names(heard: &[(String, usize)]) -> Vec<&str> {
    heard.iter().map(|(name, _)| name.as_str()).collect()
}

fn missed(report: &ScanReport) -> Vec<(ProblemKind, String)> {
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    report.missed.iter().map(|it| (it.kind, name(&it.path))).collect()
}

#[test]
fn files_are_heard_in_the_order_of_their_paths_and_nothing_is_parsed() {
    let ground = Ground::new();
    (0..300).for_each(|number| ground.write(&format!("f{number:03}.rs"), rust(number)));
    ground.rest();
    ground.index();
    let engine = ground.engine();
    let (_, snapshot) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
    for times in [1, 100] {
        let (heard, report) = scan(&engine, &snapshot, times);
        let expected = (0..300).flat_map(|number| vec![format!("f{number:03}.rs"); times]);
        assert_eq!(names(&heard), expected.collect::<Vec<_>>());
        assert_eq!((report.files, report.reads, report.opened), (300, 300, 300));
    }
    assert_eq!(engine.parses(), 0);
}

#[test]
fn a_changed_file_is_named_and_not_answered_for() {
    let ground = Ground::with(&[
        ("same.rs", "fn same() {}"),
        ("longer.rs", "fn a() {}"),
        ("other.rs", "fn a() {}"),
        ("gone.rs", "fn gone() {}"),
        ("unasked.rs", "fn b() {}"),
    ]);
    let engine = ground.engine();
    let (_, fresh) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
    ground.write("longer.rs", "fn a() { 1 }");
    ground.write("other.rs", "fn b() {}");
    ground.write("unasked.rs", "fn c() {}");
    fs::remove_file(ground.path("gone.rs")).unwrap();
    let changed = [
        (ProblemKind::Vanished, "gone.rs".to_owned()),
        (ProblemKind::Changed, "longer.rs".to_owned()),
        (ProblemKind::Changed, "other.rs".to_owned()),
        (ProblemKind::Changed, "unasked.rs".to_owned()),
    ];
    let (heard, report) = scan(&engine, &fresh, 1);
    assert_eq!(names(&heard), ["same.rs"]);
    assert_eq!(missed(&report), changed[..3], "what was just looked at is believed");
    let stored = engine.snapshot(&[ground.root()]).unwrap();
    let (heard, report) = scan(&engine, &stored, 1);
    assert_eq!(names(&heard), ["same.rs"]);
    assert_eq!(missed(&report), changed);
}

#[test]
fn a_panic_costs_one_file() {
    let ground = Ground::with(&[("a.rs", "1"), ("panic.rs", "2"), ("z.rs", "3")]);
    let engine = ground.engine();
    let (_, snapshot) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
    let (heard, report) = scan(&engine, &snapshot, 1);
    assert_eq!(names(&heard), ["a.rs", "z.rs"]);
    assert_eq!(missed(&report), [(ProblemKind::Panicked, "panic.rs".to_owned())]);
}

#[test]
fn the_one_who_hears_may_end_it_and_so_may_a_request() {
    let ground = Ground::new();
    (0..100).for_each(|number| ground.write(&format!("f{number:03}.rs"), rust(number)));
    ground.rest();
    let engine = ground.engine();
    let (_, snapshot) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
    let mut heard = 0;
    let hear = |_| {
        heard += 1;
        if heard == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let report = engine.scan(&snapshot, &Nodes { times: 50 }, hear, &Cancel::new()).unwrap();
    assert!(report.stopped && heard == 3);
    let cancel = Cancel::new();
    cancel.cancel();
    let hear = |_| ControlFlow::Continue(());
    let report = engine.scan(&snapshot, &Nodes { times: 1 }, hear, &cancel).unwrap();
    assert!(report.stopped);
}

#[test]
fn paths_are_found_in_the_workspaces_around_and_below_them() {
    let ground = Ground::with(&[
        ("one/a.rs", "1"),
        ("one/deep/b.rs", "2"),
        ("one/deep/c.py", "3"),
        ("two/d.rs", "4"),
    ]);
    let engine = ground.engine();
    let check = |engine: &Engine, path: &str, expected: &[&str]| {
        let snapshot = engine.snapshot(&[ground.path(path)]).unwrap();
        assert_eq!(names(&scan(engine, &snapshot, 1).0), expected, "{path}");
    };
    check(&engine, "", &[]);
    engine.index(&[ground.path("one"), ground.path("two")], &(), &Cancel::new()).unwrap();
    check(&engine, "", &["a.rs", "b.rs", "c.py", "d.rs"]);
    check(&engine, "one", &["a.rs", "b.rs", "c.py"]);
    check(&engine, "one/deep", &["b.rs", "c.py"]);
    check(&engine, "one/deep/b.rs", &["b.rs"]);
    let both = [ground.path("one"), ground.path("one/deep"), ground.path("one/a.rs")];
    let (_, mut snapshot) = engine.refresh(&both, &(), &Cancel::new()).unwrap();
    assert_eq!(names(&scan(&engine, &snapshot, 1).0), ["a.rs", "b.rs", "c.py"], "each once");
    assert_eq!(snapshot.languages().into_iter().collect::<Vec<_>>(), [("python", 1), ("rust", 2)]);
    snapshot.retain_languages(|language| language == "python");
    assert_eq!(names(&scan(&engine, &snapshot, 1).0), ["c.py"]);
}

/// Tells of each file the named kinds that it says it may have, and those that
/// its nodes have.
struct Kinds;

impl Visitor for Kinds {
    type Tools = ();
    type Item = (Vec<u16>, Vec<u16>);

    fn tools(&self) {}

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        (): &mut (),
        outlet: &mut Outlet<'_, Self::Item>,
    ) -> Result<(), Missed> {
        let grammar = file.grammar();
        let parts = grammar.parts();
        let noted = |kind: &u16| {
            let of = &parts.kinds[usize::from(*kind)];
            of.named && of.visible && !of.supertype && *kind != 0
        };
        let all = (0..grammar.kind_count() as u16).filter(noted);
        let errors = std::iter::once(ERROR_KIND);
        let said = all.chain(errors).filter(|kind| file.may_have(*kind)).collect();
        let tree = file.open()?.0;
        let mut has: Vec<u16> = tree.nodes().map(|node| node.kind_id()).collect();
        has.sort_unstable();
        has.dedup();
        has.retain(|kind| *kind == ERROR_KIND || noted(kind));
        outlet.send((said, has));
        Ok(())
    }
}

#[test]
fn the_kinds_of_a_tree_are_known_without_opening_it() {
    let ground = Ground::with(&[
        ("a.rs", "fn main() { let x = 1; }"),
        ("b.rs", "struct A { b: u8 }"),
        ("broken.rs", "fn ) { struct"),
        ("same.rs", "fn main() { let x = 1; }"),
        ("c.py", "def f(): return 1"),
        ("empty.rs", ""),
    ]);
    (0..60).for_each(|number| ground.write(&format!("f{number:03}.rs"), rust(number)));
    let check = |engine: &Engine, what: &str| {
        let (report, snapshot) = engine.refresh(&[ground.root()], &(), &Cancel::new()).unwrap();
        let mut heard = Vec::new();
        let hear = |item| {
            heard.push(item);
            ControlFlow::Continue(())
        };
        engine.scan(&snapshot, &Kinds, hear, &Cancel::new()).unwrap();
        assert_eq!(heard.len(), 66);
        for (at, (said, has)) in heard.iter().enumerate() {
            assert_eq!(said, has, "file {at}, {what}");
            assert!(!has.is_empty());
        }
        report
    };
    check(&ground.engine(), "pressed now");
    ground.rest();
    // Moved files find their trees, and with them their kinds.
    fs::rename(ground.path("a.rs"), ground.path("moved.rs")).unwrap();
    ground.rest();
    let report = check(&ground.engine(), "moved");
    assert_eq!(report.parses, 0);
    let report = check(&ground.engine(), "known");
    assert_eq!((report.parses, report.reads), (0, 0));
}

#[test]
fn kinds_that_another_version_noted_are_not_believed() {
    let ground = Ground::with(&[("a.rs", "fn main() {}")]);
    ground.index();
    let root = ground.root().canonicalize().unwrap();
    let manifest = ground.store.manifest(&root).unwrap().unwrap();
    let mut rows = manifest.into_rows();
    for row in &mut rows {
        row.kinds = row.kinds.as_ref().map(|_| [1].into());
        if row.path.is_empty() {
            row.language = Some("another stamp".into());
        }
    }
    ground.store.put_manifest(&Manifest::new(root, 0, rows)).unwrap();
    let engine = ground.engine();
    let snapshot = engine.snapshot(&[ground.root()]).unwrap();
    let hear = |(said, has): (Vec<u16>, Vec<u16>)| {
        assert!(has.iter().all(|kind| said.contains(kind)));
        ControlFlow::Continue(())
    };
    let report = engine.scan(&snapshot, &Kinds, hear, &Cancel::new()).unwrap();
    assert_eq!((report.files, report.missed.len()), (1, 0));
}
