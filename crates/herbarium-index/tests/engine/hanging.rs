//! A grammar's scanner that never comes back: Perl's, in a file that ends within a
//! here-document. Its threads are left behind, and end with the process.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use herbarium_index::{Cancel, Engine, EngineOptions, OpenError, Origin, ProblemKind, Source};

use crate::{Ground, index};

const HANGS: &str = "<<EOF\n$x";
const FINE: &str = "my $x = 1;\n";

fn open(engine: &Engine, text: &str) -> Result<Origin, OpenError> {
    let source = Source { path: Path::new("a.pl"), ..Source::new(text.as_bytes()) };
    engine.open_source(&source, &Cancel::new()).map(|opened| opened.from)
}

/// An engine in which a source hangs.
fn hanging(ground: &Ground) -> Arc<Engine> {
    // Enough for the other sources on a machine that is busy.
    let limit = Duration::from_secs(2);
    let options = EngineOptions { max_parse_time: limit, ..EngineOptions::default() };
    let engine = Arc::new(ground.engine_with(options));
    let theirs = Arc::clone(&engine);
    thread::spawn(move || open(&theirs, HANGS));
    let patience = Instant::now() + Duration::from_secs(120);
    while !matches!(
        open(&engine, &format!("{FINE}# {:?}\n", Instant::now())),
        Err(OpenError::Hangs { id: "perl", .. })
    ) {
        assert!(Instant::now() < patience, "nothing hangs: has the grammar been mended?");
        thread::sleep(Duration::from_millis(20));
    }
    engine
}

#[test]
fn no_other_source_of_its_language_is_begun() {
    let ground = Ground::with(&[("a.pl", FINE), ("b.py", "x = 1\n")]);
    index(&ground.engine(), &ground.root());
    let engine = hanging(&ground);
    assert!(matches!(open(&engine, HANGS), Err(OpenError::Hangs { id: "perl", .. })));
    assert_eq!(open(&engine, FINE).ok(), Some(Origin::Store), "its tree is stored");
    let python = Source { path: Path::new("c.py"), ..Source::new(b"y = 2\n") };
    assert!(engine.open_source(&python, &Cancel::new()).is_ok());
}

#[test]
fn an_index_leaves_that_source_out_and_presses_the_others() {
    let ground = Ground::with(&[("hangs.pl", HANGS), ("fine.pl", FINE)]);
    let engine = hanging(&ground);
    let report = index(&engine, &ground.root());
    let problems: Vec<_> = report.problems.iter().map(|it| it.kind).collect();
    assert_eq!((problems, report.parses), (vec![ProblemKind::TimedOut], 1));
}
