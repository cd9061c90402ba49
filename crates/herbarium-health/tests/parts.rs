//! Declarations, ids, and phases: what needs no server.

use std::time::Duration;

use herbarium_health::inventory::{Inventory, Label, Metric, SECONDS};
use herbarium_health::{DrainPlan, Phase, RequestId, Shutdown, TraceParent, own_metrics};
use metrics::Unit;
use proptest::prelude::*;

/// What is wrong with a declaration; nothing, if it is empty.
fn check(metric: Metric, wrong: &str) {
    let metric: &'static Metric = Box::leak(Box::new(metric));
    let checked = Inventory::new().with(&[metric]).check();
    let message = checked.map_or_else(|error| error.to_string(), |()| String::new());
    assert!(message.contains(wrong), "{}: {message}", metric.name());
    assert_eq!(message.is_empty(), wrong.is_empty(), "{}: {message}", metric.name());
}

#[test]
fn declarations_hold_to_conventions() {
    const RESERVED: &[Label] = &[Label::one_of("le", &["a"])];
    const EMPTY: &[Label] = &[Label::one_of("a", &[])];
    const TWICE: &[Label] = &[Label::at_most("a", 1), Label::at_most("a", 1)];
    const MANY: &[Label] = &[Label::at_most("a", 200), Label::at_most("b", 200)];
    let seconds = |name, edges| Metric::histogram(name, Unit::Seconds, "Time.", edges);
    check(Metric::counter("jobs_total", "Jobs."), "");
    check(Metric::counter("sent_bytes_total", "Bytes sent.").in_unit(Unit::Bytes), "");
    check(Metric::gauge("busy_ratio", Unit::Percent, "Share."), "");
    check(seconds("job_duration_seconds", SECONDS), "");
    check(Metric::counter("jobs", "Jobs."), "`_total`");
    check(Metric::gauge("jobs_total", Unit::Count, "Jobs."), "`_total`");
    check(Metric::counter("Jobs_total", "Jobs."), "snake case");
    check(Metric::counter("1_total", "Jobs."), "snake case");
    check(Metric::gauge("jobs_count", Unit::Count, "Jobs."), "`_count`");
    check(Metric::gauge("size", Unit::Bytes, "Size."), "does not say `bytes`");
    check(Metric::counter("jobs_total", ""), "help");
    check(Metric::counter("jobs_total", "two\nlines"), "help");
    check(seconds("time_seconds", &[]), "buckets");
    check(seconds("time_seconds", &[1.0, 1.0]), "ascend");
    check(seconds("time_seconds", &[1.0, f64::INFINITY]), "ascend");
    let labelled =
        |labels: &'static [Label]| Metric::counter("jobs_total", "Jobs.").with_labels(labels);
    check(labelled(RESERVED), "no name for a label");
    check(labelled(EMPTY), "no value");
    check(labelled(TWICE), "twice");
    check(labelled(MANY), "40401 series");
    const HOW: &[Label] = &[Label::one_of("how", &["ok"]), Label::at_most("where", 2)];
    check(labelled(HOW).with_series(&[&["ok", "anywhere"]]), "");
    check(labelled(HOW).with_series(&[&["ok"]]), r#"the series ["ok"]"#);
    check(labelled(HOW).with_series(&[&["well", "here"]]), r#"the series ["well", "here"]"#);
    check(Metric::gauge("size", Unit::Count, "Size.").with_series(&[&[]]), "no counter");
}

#[test]
fn a_metric_declared_twice_is_named() {
    static JOBS: Metric = Metric::counter("jobs_total", "Jobs.");
    let error = Inventory::new().with(&[&JOBS, &JOBS]).check().expect_err("twice");
    assert_eq!(error.metric, "jobs_total");
}

#[test]
fn an_inventory_prints_as_a_table_as_json_and_as_markdown() {
    let own = own_metrics();
    own.check().expect("our own declarations");
    let (table, markdown) = (own.table(), own.markdown());
    let json: serde_json::Value = serde_json::from_str(&own.json()).expect("JSON");
    assert_eq!(table.lines().count(), own.metrics().len() + 1);
    assert_eq!(markdown.lines().count(), own.metrics().len() + 2);
    for (metric, json) in own.metrics().iter().zip(json.as_array().expect("a list")) {
        assert!(table.contains(metric.name()) && markdown.contains(metric.help()));
        assert_eq!(json["name"], metric.name());
        assert_eq!(json["max_series"], metric.max_series());
        assert_eq!(json["buckets"].as_array().map(Vec::len), Some(metric.buckets().len()));
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn trace_parent(text: &str, is_one: bool) {
    assert_eq!(text.parse::<TraceParent>().is_ok(), is_one, "{text:?}");
}

#[test]
fn trace_parents_are_read_as_the_recommendation_has_it() {
    trace_parent(&format!("00-{TRACE}-{SPAN}-01"), true);
    trace_parent(&format!("cc-{TRACE}-{SPAN}-01"), true);
    trace_parent(&format!("cc-{TRACE}-{SPAN}-01-what-may-come"), true);
    trace_parent(&format!("00-{TRACE}-{SPAN}-01-what-may-come"), false);
    trace_parent(&format!("cc-{TRACE}-{SPAN}-01.what"), false);
    trace_parent(&format!("ff-{TRACE}-{SPAN}-01"), false);
    trace_parent(&format!("00-{}-{SPAN}-01", "0".repeat(32)), false);
    trace_parent(&format!("00-{TRACE}-{}-01", "0".repeat(16)), false);
    trace_parent(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), false);
    trace_parent(&format!("00-{TRACE}-{SPAN}-1"), false);
    trace_parent(&format!("00_{TRACE}_{SPAN}_01"), false);
    trace_parent(&format!("00-{TRACE}{SPAN}--01"), false);
    trace_parent("", false);
}

proptest! {
    #[test]
    fn a_trace_parent_says_what_it_was_read_from(
        trace_id in 1u128.., span_id in 1u64.., sampled: bool,
    ) {
        let text = format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled));
        let read: TraceParent = text.parse().expect("well-formed");
        prop_assert_eq!((read.trace_id, read.span_id), (trace_id, span_id));
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn no_text_makes_ids_panic_or_break_a_header(text in "\\PC{0,200}") {
        let _ = text.parse::<TraceParent>();
        if let Ok(id) = text.parse::<RequestId>() {
            prop_assert!(id.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

#[test]
fn made_ids_are_unlike_each_other() {
    let made: std::collections::HashSet<_> = (0..10_000).map(|_| RequestId::make()).collect();
    assert_eq!(made.len(), 10_000);
    assert!(made.iter().all(|id| id.as_str().parse::<RequestId>().is_ok()));
    assert_ne!(TraceParent::make(true).trace_id, TraceParent::make(true).trace_id);
}

#[tokio::test]
async fn phases_come_in_order_and_only_the_first_reason_counts() {
    let shutdown = Shutdown::new(DrainPlan::immediate());
    assert_eq!((shutdown.phase(), shutdown.reason()), (Phase::Serving, None));
    shutdown.begin("first");
    shutdown.begin("second");
    assert_eq!((shutdown.phase(), shutdown.reason()), (Phase::Draining, Some("first")));
    let (one, other) = tokio::join!(shutdown.run(), shutdown.run());
    assert_eq!((shutdown.phase(), &one), (Phase::Done, &other));
    assert!(shutdown.cancel_token().is_cancelled());
}

#[tokio::test]
async fn requests_count_by_how_they_end() {
    let shutdown = Shutdown::new(DrainPlan::immediate().with_grace(Duration::from_millis(50)));
    shutdown.request().complete();
    drop(shutdown.request());
    let stays = shutdown.request();
    shutdown.begin("the test");
    let drained = shutdown.run().await;
    assert_eq!((drained.completed, drained.abandoned, drained.cut), (1, 1, 1));
    assert!(!drained.in_time);
    drop(stays);
}

#[tokio::test]
async fn hooks_that_fail_hang_or_panic_are_named_and_do_not_stop_the_others() {
    let plan = DrainPlan::immediate().with_flush(Duration::from_millis(200));
    let shutdown = Shutdown::new(plan);
    shutdown.on_flush("fine", || async { Ok::<_, String>(()) });
    shutdown.on_flush("failing", || async { Err("the disk is full") });
    shutdown.on_flush("panicking", || async { panic!("in a hook") as Result<(), String> });
    shutdown.on_flush("hanging", std::future::pending::<Result<(), String>>);
    shutdown.begin("the test");
    let drained = shutdown.run().await;
    let errors: Vec<_> = drained.flushed.iter().map(|it| it.error.as_deref()).collect();
    let hanging = Some("not done within 200ms");
    assert_eq!(errors, [None, Some("the disk is full"), Some("it panicked"), hanging]);
    assert!(drained.to_string().contains("flushing failing failed: the disk is full"));
}
