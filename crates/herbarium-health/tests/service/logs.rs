//! Lines as machines read them.

use std::io::{BufRead as _, Read as _};

use crate::child::{Service, Times};
use crate::client::get;

const TIMES: Times = Times { pre_drain: 0, deadline: 2_000, grace: 500 };

#[test]
fn lines_are_json_where_there_is_no_terminal_and_the_last_one_sums_up() {
    let mut service = Service::start_as("logs", TIMES);
    assert_eq!(get(service.addr, "/slow?1").status, 200);
    service.signal("TERM");
    assert_eq!(service.end().0, Some(0));
    let mut lines = Vec::new();
    for line in service.stdout.by_ref().lines() {
        let line = line.expect("UTF-8");
        lines.push(serde_json::from_str::<serde_json::Value>(&line).expect(&line));
    }
    let last = lines.last().expect("lines");
    assert_eq!((&last["completed"], &last["cut"]), (&1.into(), &0.into()), "{last}");
    assert!(last["message"].as_str().is_some_and(|it| it.starts_with("stopped by SIGTERM")));
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
}
