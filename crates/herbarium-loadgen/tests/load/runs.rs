//! Runs against real servers: what was due is what was sent, and a stall shows.

use std::time::Duration;

use herbarium_loadgen::outcome::Fault;

use crate::servers::{GOOD, Manner, Server, outcome, report, scenario};

/// One arrival in ten comes while nothing is answered for a second, and waits
/// for what is left of it: p95 is half a second, p99 nine tenths.
#[test]
fn a_stall_of_a_second_is_seen_as_long_as_it_was() {
    let stall = Duration::from_secs(1);
    let after = Duration::from_millis(4_000);
    let server = Server::start(Manner::Stalls { after, stall });
    let scenario = scenario(
        "load = { spacing = \"even\" }\nstage = [{ hold = 200, for = \"10s\" }]\n\
         connections = { count = 50 }",
    );
    let report = report(&scenario, &server.url);
    assert_eq!((report.due, report.whole.good), (2_000, 2_000));
    // On a busy machine the answers after the stall come later still; never earlier.
    let response = &report.whole.response;
    let later = (response.max.unwrap() - 1.0).max(0.0);
    let p99 = response.p99.unwrap();
    assert!(p99 > 0.9 * 0.95 && p99 < 0.9 * 1.05 + later, "{p99}, max {:?}", response.max);
    let p95 = response.p95.unwrap();
    assert!(p95 > 0.5 * 0.90 && p95 < 0.5 * 1.10 + later, "{p95}, max {:?}", response.max);
}

/// With ten connections, 190 of the 200 are not even sent while the server
/// stalls. Tools that time from the sending do not see them.
#[test]
fn what_waits_for_a_connection_is_in_the_response_time_alone() {
    let stall = Duration::from_millis(500);
    let after = Duration::from_millis(1_000);
    let server = Server::start(Manner::Stalls { after, stall });
    let scenario = scenario(
        "load = { spacing = \"even\" }\nstage = [{ hold = 200, for = \"2500ms\" }]\n\
         connections = { count = 10, max = 10 }",
    );
    let report = report(&scenario, &server.url);
    assert_eq!(report.whole.good, 500);
    let (response, service) =
        (report.whole.response.p95.unwrap(), report.whole.service.p95.unwrap());
    assert!(response > 0.3, "{response}");
    assert!(service < response / 2.0, "{service} {response}");
    // Waiting for a connection is not the generator's own.
    assert!(report.wait.p95.unwrap() > 0.2, "{:?}", report.wait.p95);
    assert!(report.lag.p95.unwrap() < report.wait.p95.unwrap() / 2.0, "{:?}", report.lag.p95);
}

#[test]
fn every_arrival_is_accounted_for_once() {
    let server = Server::start(Manner::Says(GOOD));
    let toml = "stage = [
        { hold = 300, for = \"300ms\" }, { ramp = { from = 0, to = 300 }, for = \"300ms\" },
        { burst = { size = 20, every = \"100ms\" }, for = \"300ms\" },
    ]
    flow = [{ weight = 1 }, { weight = 3, path = \"/b\" }]";
    let scenario = scenario(toml);
    let outcome = outcome(&scenario, &server.url);
    let due = scenario.schedule().unwrap().arrivals().count() as u64;
    assert_eq!((outcome.whole.due, outcome.whole.requests(), outcome.whole.dropped), (due, due, 0));
    assert_eq!(server.requests(), due);
    let slots = outcome.timeline.slots();
    assert_eq!(slots.iter().map(|slot| slot.requests).sum::<u64>(), due);
    assert_eq!(outcome.whole.sum(|cell| cell.stage == 2).requests(), 60);
    let second = outcome.whole.sum(|cell| cell.flow == 1).requests() as f64 / due as f64;
    assert!((second - 0.75).abs() < 0.12, "{second}");
}

#[test]
fn closed_users_wait_for_answers_and_think() {
    let server = Server::start(Manner::Slow(Duration::from_millis(20)));
    let check = |think: &str, least: u64, most: u64| {
        let toml = format!(
            "load = {{ mode = \"closed\", spacing = \"even\", think = \"{think}\" }}
             stage = [{{ users = 4, for = \"500ms\" }}, {{ users = 8, users_from = 4, for = \"200ms\" }}]"
        );
        let outcome = outcome(&scenario(&toml), &server.url);
        let requests = outcome.whole.sum(|cell| cell.stage == 0).requests();
        assert!((least..=most).contains(&requests), "{requests} thinking {think}");
        assert!(outcome.whole.faults().sum() == 0);
    };
    // At least some come back for more, however slow the machine.
    check("0s", 5, 100);
    check("80ms", 5, 24);
}

#[test]
fn connections_are_opened_evenly_over_the_ramp() {
    let server = Server::start(Manner::Says(GOOD));
    let toml = "connections = { count = 40, max = 40, ramp = \"800ms\" }
        stage = [{ hold = 10, for = \"1200ms\" }]";
    let outcome = outcome(&scenario(toml), &server.url);
    let open: Vec<u64> = outcome.timeline.slots().iter().map(|slot| slot.open).collect();
    assert!(open[0] < 20 && open[3] > open[0] && open[10] == 40, "{open:?}");
}

#[test]
fn connections_grow_with_need_and_no_further() {
    let server = Server::start(Manner::Slow(Duration::from_millis(300)));
    let toml = "connections = { count = 1, max = 12 }\nload = { spacing = \"even\" }
        stage = [{ hold = 100, for = \"300ms\" }]";
    let outcome = outcome(&scenario(toml), &server.url);
    let most = outcome.timeline.slots().iter().map(|slot| slot.open).max().unwrap();
    assert!(most > 4 && most <= 12, "{most}");
    assert_eq!(outcome.whole.requests(), 30);
}

#[test]
fn without_keep_alive_each_request_has_its_connection() {
    let server = Server::start(Manner::Says(GOOD));
    let toml = "connections = { keep_alive = false, count = 2 }
        stage = [{ hold = 100, for = \"200ms\" }]";
    let outcome = outcome(&scenario(toml), &server.url);
    assert!(outcome.whole.connect.count() >= outcome.whole.requests());
    assert_eq!(outcome.whole.faults().sum(), 0);
}

#[test]
fn gaps_are_filled_from_keys_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.csv"), "name,say\nan a,\"x\"\"y\"\n").unwrap();
    let server = Server::start(Manner::Echoes);
    let mut scenario = scenario(
        r#"
        load = { spacing = "even" }
        stage = [{ hold = 50, for = "100ms" }]
        [[flow]]
        method = "POST"
        path = "/k/{{key}}/{{name}}?x=1"
        keys = { count = 1 }
        data = "rows.csv"
        body = '{"say": "{{json:say}}"}'
        check = { body_contains = '/k/0/an%20a?x=1 {"say": "x\"y"}' }
        "#,
    );
    scenario.folder = folder.path().to_owned();
    let report = report(&scenario, &server.url);
    assert_eq!((report.whole.good, report.whole.requests), (5, 5), "{:?}", report.whole.errors);
}

#[test]
fn a_server_that_goes_away_is_refused_from_then_on() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The look whether anybody is there, then the first connection.
        drop(listener.accept());
        drop(listener.accept());
        drop(listener);
    });
    let toml = "connections = { count = 1, max = 1 }\nload = { spacing = \"even\" }
        stage = [{ hold = 50, for = \"400ms\" }]";
    let report = report(&scenario(toml), &url);
    assert!(report.whole.errors.get(Fault::Refused) > 10, "{:?}", report.whole.errors);
    assert_eq!(report.whole.requests, 20);
}

#[test]
fn users_who_find_no_server_are_errors() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The look whether anybody is there.
        drop(listener.accept());
        drop(listener);
    });
    let toml = "load = { mode = \"closed\" }\nstage = [{ users = 3, for = \"800ms\" }]";
    let report = report(&scenario(toml), &url);
    assert!(report.whole.errors.get(Fault::Refused) > 0, "{:?}", report.whole.errors);
    assert!(report.whole.error_ratio > 0.5, "{}", report.whole.error_ratio);
    // Nobody knocks as fast as he can.
    assert!(report.whole.requests <= 3 * 9, "{}", report.whole.requests);
}

/// Users think longer than the server keeps a connection. What is closed while it
/// is idle is opened again, and is no error.
#[test]
fn a_connection_that_is_closed_while_a_user_thinks_is_opened_again() {
    let server = Server::start(Manner::SaysAndCloses(GOOD));
    let toml = "load = { mode = \"closed\", spacing = \"even\", think = \"300ms\" }
        stage = [{ users = 4, for = \"2s\" }]";
    let report = report(&scenario(toml), &server.url);
    // Without a look at them, each second request finds its connection closed.
    let (requests, errors) = (report.whole.requests, report.whole.errors.sum());
    assert!(requests > 8 && errors < requests / 4, "{errors} of {requests}");
    assert!(report.closed_idle > 0);
}

#[test]
fn workers_do_not_open_more_connections_than_there_may_be() {
    let server = Server::start(Manner::Says(GOOD));
    let toml = "connections = { count = 1, max = 1 }\nload = { spacing = \"even\" }
        stage = [{ hold = 100, for = \"300ms\" }]";
    let outcome = outcome(&scenario(toml), &server.url);
    assert_eq!((outcome.workers, outcome.whole.connect.count()), (1, 1));
    assert_eq!(outcome.whole.requests(), 30);
}

/// Each has one request to send, and nobody comes back in time.
#[test]
fn a_run_lasts_as_long_as_its_stages_also_when_all_users_think() {
    let server = Server::start(Manner::Says(GOOD));
    let toml = "load = { mode = \"closed\", spacing = \"even\", think = \"1s\" }
        stage = [{ users = 2, for = \"1s\" }]";
    let report = report(&scenario(toml), &server.url);
    assert!(report.seconds >= 1.0, "{}", report.seconds);
    assert_eq!(report.steady.rate, 2.0);
}
