//! What is served, where, and to whom.

use super::daemon::{Daemon, JSON, ask, herbariumd, run, stderr, stdout};

#[test]
fn trees_queries_and_pages_are_served_and_workspaces_outlive_a_restart() {
    let mut daemon = Daemon::start(&[]);
    daemon.add_code();
    let (status, tree) = daemon.get("/v1/workspaces/code/tree?path=main.rs&format=sexp");
    assert_eq!(status, 200, "{tree}");
    assert!(tree.starts_with("(source_file (function_item"), "{tree}");
    let query = "{\"query\":\"(function_item name: (identifier) @name)\"}";
    let path = "/v1/workspaces/code/query?path=main.rs";
    let (status, lines) = ask(&daemon.api, "POST", path, &[JSON], query);
    assert_eq!(status, 200, "{lines}");
    assert!(lines.contains("\"main\"") && lines.contains("\"run\""), "{lines}");
    let (status, metrics) = daemon.health("/metrics");
    assert_eq!(status, 200);
    for name in
        ["http_server_requests_total", "herbarium_parses_total", "process_resident_memory_bytes"]
    {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let mut again = Daemon::start_in(daemon.stop(), &[]);
    let (status, tree) = again.get("/v1/workspaces/code/tree?path=main.rs&format=sexp");
    assert_eq!(status, 200, "{tree}");
    again.until("it has told that nothing was parsed", |daemon| {
        !daemon.health("/metrics").1.contains("herbarium_parses_total{")
    });
}

#[test]
fn tokens_let_in_those_whom_they_name_for_what_they_are_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = String::new();
    let mut secrets = Vec::new();
    for (name, scopes) in [("reader", "read"), ("writer", "read,write")] {
        let printed = stdout(&run(&["token", name, "--scopes", scopes]));
        let word = |start: &str| {
            let line = printed.lines().find(|line| line.starts_with(start)).expect("a line");
            line.split_once(':').expect("a colon").1.trim().to_owned()
        };
        secrets.push(word("token"));
        lines += &(word("line") + "\n");
    }
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, &lines).expect("tokens");
    let mut daemon = Daemon::start(&["--auth-tokens-file", &tokens.display().to_string()]);
    let status = |daemon: &Daemon, method, path, secret: Option<&str>| {
        let header = secret.map(|secret| format!("Bearer {secret}")).unwrap_or_default();
        let mut headers = vec![JSON];
        headers.extend(secret.map(|_| ("authorization", header.as_str())));
        let body = if method == "POST" { "{}" } else { "" };
        ask(&daemon.api, method, path, &headers, body).0
    };
    let (reader, writer) = (secrets[0].as_str(), secrets[1].as_str());
    assert_eq!(status(&daemon, "GET", "/v1/languages", None), 401);
    for page in ["/v1/problems", "/v1/docs", "/v1/openapi.json"] {
        assert_eq!(status(&daemon, "GET", page, None), 200, "{page} tells nothing of anybody's");
    }
    assert_eq!(status(&daemon, "GET", "/v1/languages", Some("hbt_wrong")), 401);
    assert_eq!(status(&daemon, "GET", "/v1/languages", Some(reader)), 200);
    assert_eq!(status(&daemon, "POST", "/v1/verify", Some(reader)), 403);
    assert_eq!(status(&daemon, "POST", "/v1/verify", Some(writer)), 202);
    // The reader's line is taken away.
    let rest: Vec<_> = lines.lines().filter(|line| !line.starts_with("reader")).collect();
    std::fs::write(&tokens, rest.join("\n")).expect("tokens");
    daemon.signal("-HUP");
    daemon.until("the reader is not known any more", |daemon| {
        status(daemon, "GET", "/v1/languages", Some(reader)) == 401
    });
    assert_eq!(status(&daemon, "GET", "/v1/languages", Some(writer)), 200);
    let log = daemon.log();
    assert!(secrets.iter().all(|secret| !log.contains(secret.as_str())), "{log}");
}

#[test]
fn a_line_of_a_request_says_whose_it_was_and_what_was_answered() {
    let mut daemon = Daemon::start(&["--log-level", "debug"]);
    assert_eq!(daemon.get("/v1/languages").0, 200);
    daemon.until("the request is told", |daemon| daemon.log().contains("\"message\":\"request\""));
    let log = daemon.log();
    let line =
        log.lines().find(|line| line.contains("\"message\":\"request\"")).unwrap_or_default();
    for part in [
        "\"method\":\"GET\"",
        "\"route\":\"/v1/languages\"",
        "\"status\":200",
        "\"client\":\"127.0.0.1\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let daemon = Daemon::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let output = herbariumd()
        .env("HERBARIUM_STORE", folder.path())
        .args(["--listen", &daemon.api, "--health-listen", "127.0.0.1:0"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains(&daemon.api), "{}", stderr(&output));
}

#[test]
fn a_check_of_health_says_how_it_is() {
    let daemon = Daemon::start(&[]);
    let health = daemon.health.clone();
    let check = |args: &[&str]| {
        run(&[&["healthcheck", "--health-listen", &health], args].concat()).status.code()
    };
    assert_eq!(check(&[]), Some(0));
    assert_eq!(check(&["--alive"]), Some(0));
    daemon.stop();
    assert_eq!(check(&[]), Some(1));
}

#[test]
fn the_baseline_answers_the_same_and_keeps_nothing() {
    let mut daemon = Daemon::start(&[]);
    daemon.add_code();
    let path = "/v1/workspaces/code/tree?path=main.rs&format=sexp";
    let (_, expected) = daemon.get(path);
    let baseline = Daemon::start_in(daemon.stop(), &["--baseline"]);
    for _ in 0..2 {
        assert_eq!(baseline.get(path), (200, expected.clone()));
    }
    let (_, metrics) = baseline.health("/metrics");
    assert!(metrics.contains("herbarium_trees_opened_total{from=\"parsed\"} 2"), "{metrics}");
}

#[test]
fn a_file_that_did_not_change_is_not_read_again() {
    let mut daemon = Daemon::start(&[]);
    daemon.add_code();
    // What changed a moment ago may change again without its times telling: asked often
    // enough, a file comes of age, and its tree is found hot.
    daemon.until("nothing is read for a tree", |daemon| {
        assert_eq!(daemon.get("/v1/workspaces/code/tree?path=main.rs").0, 200);
        assert_eq!(daemon.get("/v1/workspaces/code/node?path=main.rs&byte=0").0, 200);
        daemon.health("/metrics").1.contains("herbarium_trees_opened_total{from=\"hot\"}")
    });
}

#[test]
fn connections_that_a_limit_ends_are_counted() {
    let mut daemon = Daemon::start(&["--limits-idle-time", "1s", "--limits-head-time", "300ms"]);
    let ends = |limit: &str, said: &[u8], daemon: &mut Daemon| {
        let mut stream = std::net::TcpStream::connect(&daemon.api).expect("a connection");
        std::io::Write::write_all(&mut stream, said).expect("written");
        let line = format!("http_server_connections_closed_total{{limit=\"{limit}\"}} 1");
        daemon.until("it is counted", |daemon| daemon.health("/metrics").1.contains(&line));
    };
    ends("head", b"GET /v1", &mut daemon);
    ends("idle", b"GET /v1 HTTP/1.1\r\nhost: localhost\r\n\r\n", &mut daemon);
}

#[test]
fn a_tree_that_cannot_be_stored_is_not_acknowledged() {
    let daemon = Daemon::start_without_room(&[]);
    let post = |source: &str| ask(&daemon.api, "POST", "/v1/trees?language=rust", &[], source);
    assert_eq!(post("fn main() {}").0, 201);
    let forms = ["a", "a + 1", "if a > 2 { 1 } else { a }", "g(a, [1, a])", "&a.b.c", "a..=a"];
    let mut seed = 1_u64;
    let large: String = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let form = |at: u32| forms[(seed >> at) as usize % forms.len()];
        format!("fn f(a: u32) {{ {}; {}; {} }}\n", form(20), form(33), form(46))
    })
    .take(20_000)
    .collect();
    for _ in 0..2 {
        let (status, problem) = post(&large);
        assert_eq!(status, 507, "{problem}");
        assert!(problem.contains("/v1/problems#not-stored"), "{problem}");
    }
    assert_eq!(post("fn main() { 1 }").0, 201, "what fits is stored");
}

/// Reads requests, and answers each with 200, until one has this in its body.
#[cfg(feature = "otlp")]
fn receive_until(collector: &std::net::TcpListener, wanted: &[u8]) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    loop {
        let (mut stream, _) = collector.accept().expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a head");
            let lower = line.to_ascii_lowercase();
            if let Some(said) = lower.strip_prefix("content-length:") {
                length = said.trim().parse().expect("a length");
            }
            if line == "\r\n" || line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        if body.windows(wanted.len()).any(|it| it == wanted) {
            return;
        }
    }
}

#[test]
#[cfg(feature = "otlp")]
fn spans_of_requests_reach_a_collector() {
    let collector = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("http://{}/v1/traces", collector.local_addr().expect("an address"));
    let daemon = Daemon::start(&["--log-otlp", &to]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let (status, _) = ask(&daemon.api, "GET", "/v1/languages", &[("traceparent", &parent)], "");
    assert_eq!(status, 200);
    let of_trace: Vec<u8> = (0..16)
        .map(|at| u8::from_str_radix(&trace[at * 2..at * 2 + 2], 16).expect("hex"))
        .collect();
    let (heard, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        receive_until(&collector, &of_trace);
        heard.send(())
    });
    hear.recv_timeout(std::time::Duration::from_secs(60)).expect("the span, in a minute");
}
