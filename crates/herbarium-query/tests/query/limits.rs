//! A run ends when its time is over, whatever the query.

use std::time::{Duration, Instant};

use herbarium_query::{QueryCursor, QueryErrorKind};

use crate::common::Bench;

/// Far more than a check takes, far less than these queries do.
const AT_MOST: Duration = Duration::from_secs(20);

#[test]
fn work_within_a_single_node_ends_with_the_time_too() {
    let bench = Bench::of("rust");
    let specimen = bench.press(b"fn a(){}".to_vec());
    for pattern in [
        format!("(_ {}) @x", "(_)? ".repeat(400)),
        format!("(_ {}) @x", "(_)* ".repeat(40)),
        format!("(_ {}) @x", "[(_) (_ (_))]? ".repeat(200)),
    ] {
        let query = bench.compiler.compile(&pattern).expect("a query");
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(Duration::from_millis(100)));
        let began = Instant::now();
        let mut matches = cursor.matches(&query, specimen.tree.root_node(), &specimen.source);
        while matches.next_match().is_some() {}
        assert!(began.elapsed() < AT_MOST, "{} s", began.elapsed().as_secs());
    }
}

#[test]
fn compiling_ends_with_its_time_too() {
    let bench = Bench::of("rust");
    let text = "(identifier)\n(block (_) (_)? (_)? (call_expression)* (_))";
    let error = bench.compiler.compile_until(text, Some(Instant::now())).expect_err("it is late");
    assert_eq!((error.kind, error.row, error.column), (QueryErrorKind::TooSlow, 1, 0));
    let shown = error.to_string();
    assert!(shown.contains("line 2, column 1: ") && shown.ends_with("\n  ^"), "{shown}");
    let later = Instant::now() + Duration::from_secs(3600);
    assert!(bench.compiler.compile_until(text, Some(later)).is_ok());
}
