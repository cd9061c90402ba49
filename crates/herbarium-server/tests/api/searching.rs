//! Queries and symbols over many trees, streamed.

use std::time::{Duration, Instant};

use axum::body::Body;
use herbarium::Scope;
use herbarium_server::ServiceOptions;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::ground::{Answer, Ground};

const CALLS: &str = "(call_expression function: (identifier) @name)";
const ALL: &str = "(identifier) @name";

/// The lines of an answer.
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), "application/x-ndjson", "{answer:?}");
    let lines = answer.text().lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of one kind.
fn of(lines: &[Value], what: &str) -> Vec<Value> {
    lines.iter().filter_map(|line| line.get(what)).cloned().collect()
}

async fn search(ground: &Ground, request: &Value) -> Vec<Value> {
    lines(&ground.post("/v1/query", request).await)
}

/// What the library finds: path, pattern, and names, kinds and texts of captures.
fn expected(ground: &Ground, query: &str) -> Vec<Value> {
    let herbarium = herbarium::Herbarium::open(ground.dir.path().join("other")).unwrap();
    let answer = herbarium.query(&Scope::of([ground.project()]), query).unwrap();
    let mut found = Vec::new();
    for file in answer.files {
        let path = file.path.strip_prefix(ground.project()).unwrap().to_str().unwrap().to_owned();
        for one in file.matches {
            let capture = |it: &herbarium::Capture| {
                json!([it.name.as_ref(), it.kind, it.range.start_byte, it.text])
            };
            let captures: Vec<_> = one.captures.iter().map(capture).collect();
            found.push(json!([path, file.language, one.pattern, captures]));
        }
    }
    found
}

fn shortened(matches: &[Value]) -> Vec<Value> {
    let capture = |it: &Value| json!([it["name"], it["kind"], it["start"]["byte"], it["text"]]);
    let one = |it: &Value| {
        let captures: Vec<_> = it["captures"].as_array().unwrap().iter().map(capture).collect();
        json!([it["path"], it["language"], it["pattern"], captures])
    };
    matches.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_query_finds_what_the_library_finds() {
    let ground = Ground::new();
    ground.add_indexed().await;
    for query in [CALLS, ALL, "((identifier) @n (#eq? @n \"helper\"))", "(_ (_) @x) @y"] {
        let lines = search(&ground, &json!({ "query": query, "workspace": "project" })).await;
        assert!(lines[0]["head"].is_object());
        assert_eq!(lines.last().unwrap()["done"]["complete"], true, "{lines:?}");
        assert_eq!(shortened(&of(&lines, "match")), expected(&ground, query), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_asked_for_is_asked() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let request = json!({ "query": ALL, "workspace": "project", "languages": ["python"] });
    let python = of(&search(&ground, &request).await, "match");
    assert!(!python.is_empty() && python.iter().all(|it| it["language"] == "python"));
    let request = json!({ "query": ALL, "workspace": "project", "paths": ["src", "data.json"] });
    let src = search(&ground, &request).await;
    assert!(of(&src, "match").iter().all(|it| it["path"].as_str().unwrap().starts_with("src/")));
    assert_eq!(src[0]["head"]["left_out"].as_object().unwrap().len(), 1);
    let request = json!({ "query": CALLS, "workspace": "project", "text": false });
    let without = of(&search(&ground, &request).await, "match");
    assert!(without.iter().all(|it| it["captures"][0].get("text").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_on_from_any_of_its_cursors() {
    let ground = Ground::new();
    let many = format!("fn many() {{ {} }}", "f(); ".repeat(250));
    std::fs::write(ground.project().join("src/many.rs"), many).unwrap();
    ground.add_indexed().await;
    let request = json!({ "query": ALL, "workspace": "project" });
    let whole = search(&ground, &request).await;
    let all = of(&whole, "match");
    // From each cursor on the way: exactly the rest.
    let mut before = 0;
    let mut cursors = 0;
    for line in &whole {
        before += usize::from(line.get("match").is_some());
        let Some(cursor) = line.get("cursor") else { continue };
        let mut rest = request.clone();
        rest["cursor"] = cursor.clone();
        assert_eq!(of(&search(&ground, &rest).await, "match"), all[before..]);
        cursors += 1;
    }
    assert!(cursors >= 2, "{cursors}");
    // In small pieces.
    let (mut pieces, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut piece = request.clone();
        piece["max_matches"] = json!(7);
        piece["cursor"] = cursor;
        let lines = search(&ground, &piece).await;
        pieces.extend(of(&lines, "match"));
        let done = &lines.last().unwrap()["done"];
        cursor = done["cursor"].clone();
        assert_eq!(done["stopped_by"].as_str(), (!cursor.is_null()).then_some("max_matches"));
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(pieces, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_in_their_order() {
    let ground = Ground::new();
    let first = ground.press("a.rs", "fn a() { b(); c(); }").await;
    let second = ground.press("b.rs", "fn a() { d(); }").await;
    let absent = "00".repeat(32);
    let request = json!({ "query": CALLS, "keys": [second, absent, first] });
    let lines = search(&ground, &request).await;
    let keys: Vec<_> = of(&lines, "match").iter().map(|it| it["key"].clone()).collect();
    assert_eq!(keys, [json!(second), json!(first), json!(first)]);
    assert_eq!(of(&lines, "missed")[0]["kind"], "no-such-tree");
    let mut piece = request.clone();
    piece["max_matches"] = json!(2);
    let piece_lines = search(&ground, &piece).await;
    let mut rest = request.clone();
    rest["cursor"] = piece_lines.last().unwrap()["done"]["cursor"].clone();
    let both = [of(&piece_lines, "match"), of(&search(&ground, &rest).await, "match")].concat();
    assert_eq!(both, of(&lines, "match"));
    // Their sources are nowhere.
    let request = json!({ "query": CALLS, "keys": [first], "text": true });
    assert_eq!(of(&search(&ground, &request).await, "missed")[0]["kind"], "source-needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_asked_are_named() {
    let ground = Ground::new();
    ground.add_indexed().await;
    std::fs::write(ground.project().join("src/main.rs"), "fn changed() {}").unwrap();
    let lines = search(&ground, &json!({ "query": CALLS, "workspace": "project" })).await;
    let missed = of(&lines, "missed");
    assert_eq!(
        (&missed[0]["path"], &missed[0]["kind"]),
        (&json!("src/main.rs"), &json!("changed"))
    );
    assert_eq!(lines.last().unwrap()["done"]["complete"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_makes_no_sense_is_a_problem_of_its_kind() {
    let ground = Ground::with(|options| ServiceOptions { max_batch: 2, ..options });
    ground.add().await;
    let request = json!({ "query": ALL, "workspace": "project" });
    assert_eq!(ground.post("/v1/query", &request).await.problem(), "not-indexed");
    ground.index().await;
    let key = "00".repeat(32);
    for (request, kind) in [
        (json!({ "query": ALL }), "bad-search"),
        (json!({ "query": ALL, "workspace": "project", "keys": [key] }), "bad-search"),
        (json!({ "query": ALL, "keys": [key], "paths": ["a"] }), "bad-search"),
        (json!({ "query": ALL, "keys": ["x"] }), "bad-key"),
        (json!({ "query": ALL, "keys": [key, key, key] }), "too-many"),
        (json!({ "query": ALL, "workspace": "other" }), "no-such-workspace"),
        (json!({ "query": ALL, "workspace": "project", "paths": ["../x"] }), "bad-path"),
        (json!({ "query": ALL, "workspace": "project", "paths": ["a", "b", "c"] }), "too-many"),
        (json!({ "query": ALL, "workspace": "project", "languages": ["x"] }), "no-such-language"),
        (json!({ "query": ALL, "workspace": "project", "max_matches": 0 }), "bad-number"),
        (json!({ "query": ALL, "workspace": "project", "cursor": "x" }), "bad-cursor"),
        (json!({ "query": "(nope) @x", "workspace": "project" }), "bad-query"),
    ] {
        assert_eq!(ground.post("/v1/query", &request).await.problem(), kind, "{request}");
    }
    let lines =
        search(&ground, &json!({ "query": ALL, "workspace": "project", "max_matches": 1 })).await;
    let cursor = &lines.last().unwrap()["done"]["cursor"];
    let other = json!({ "query": CALLS, "workspace": "project", "cursor": cursor });
    assert_eq!(ground.post("/v1/query", &other).await.problem(), "bad-cursor");
    let kinds = json!({ "workspace": "project", "kinds": ["nonsense"] });
    assert_eq!(ground.post("/v1/symbols", &kinds).await.problem(), "malformed-body");
}

#[tokio::test(flavor = "multi_thread")]
async fn symbols_of_a_workspace_are_found_by_name_kind_and_role() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let found = async |request: Value| -> Vec<(String, String)> {
        let lines = lines(&ground.post("/v1/symbols", &request).await);
        assert_eq!(lines.last().unwrap()["done"]["complete"], true);
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let pair = |it: &Value| (text(&it["path"]), text(&it["symbol"]["name"]));
        of(&lines, "symbol").iter().map(pair).collect()
    };
    let pair = |path: &str, name: &str| (path.to_owned(), name.to_owned());
    let by_name = json!({ "workspace": "project", "name": "helper", "role": "definition" });
    assert_eq!(
        found(by_name).await,
        [pair("src/main.rs", "helper"), pair("tools/run.py", "helper")]
    );
    let by_kind = json!({ "workspace": "project", "kinds": ["class", "struct"] });
    assert_eq!(found(by_kind).await, [pair("src/lib.rs", "Place"), pair("tools/run.py", "Runner")]);
    let by_part = json!({ "workspace": "project", "name_contains": "RUN", "paths": ["tools"], "role": "definition" });
    assert_eq!(found(by_part).await, [pair("tools/run.py", "Runner"), pair("tools/run.py", "run")]);
    // With cursors.
    let all = found(json!({ "workspace": "project" })).await;
    let (mut pieces, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let piece = json!({ "workspace": "project", "max_matches": 2, "cursor": cursor });
        let lines = lines(&ground.post("/v1/symbols", &piece).await);
        let name = |it: &Value| it["symbol"]["name"].as_str().unwrap().to_owned();
        pieces.extend(of(&lines, "symbol").iter().map(name));
        cursor = lines.last().unwrap()["done"]["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(pieces, all.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
}

/// A workspace whose answer is long, and a service that streams one at a time.
async fn long(stream_time: Duration) -> Ground {
    let ground = Ground::with(|options| ServiceOptions { streams: 1, stream_time, ..options });
    for number in 0..40 {
        let text = format!("fn f{number}() {{ {} }}", "call(); ".repeat(500));
        std::fs::write(ground.project().join(format!("src/f{number}.rs")), text).unwrap();
    }
    ground.add_indexed().await;
    ground
}

fn request() -> Request<Body> {
    let body = json!({ "query": ALL, "workspace": "project" }).to_string();
    let request = Request::post("/v1/query").header("content-type", "application/json");
    request.body(Body::from(body)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_when_the_client_goes() {
    let ground = long(Duration::from_secs(600)).await;
    let mut first = ground.router.clone().oneshot(request()).await.unwrap().into_body();
    assert!(first.frame().await.unwrap().is_ok());
    // It waits for the client, who has the only place.
    assert_eq!(ground.send(request()).await.problem(), "busy");
    drop(first);
    let begun = Instant::now();
    while ground.send(request()).await.status == 503 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_does_not_hold_a_place_forever() {
    let ground = long(Duration::from_millis(300)).await;
    let mut slow = ground.router.clone().oneshot(request()).await.unwrap().into_body();
    assert!(slow.frame().await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let other = ground.router.clone().oneshot(request()).await.unwrap();
    assert_eq!(other.status(), 200);
    // What was made until then, and how it ended.
    let rest = slow.collect().await.unwrap().to_bytes();
    let last = std::str::from_utf8(&rest).unwrap().lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["done"]["stopped_by"], "time");
    assert!(last["done"]["cursor"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_with_the_service() {
    let ground = long(Duration::from_secs(600)).await;
    let mut body = ground.router.clone().oneshot(request()).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    ground.service.stop();
    let rest = body.collect().await.unwrap().to_bytes();
    let last = std::str::from_utf8(&rest).unwrap().lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["done"]["stopped_by"], "stopping");
    // What takes no time is still answered.
    assert_eq!(ground.get("/v1/stats").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_is_not_waited_for() {
    let ground = Ground::with(|options| ServiceOptions {
        streams: 1,
        stream_stall: Duration::from_millis(200),
        ..options
    });
    let many = format!("fn f() {{ {} }}", "call(); ".repeat(5000));
    std::fs::write(ground.project().join("src/many.rs"), many).unwrap();
    ground.add_indexed().await;
    let body = ground.router.clone().oneshot(request()).await.unwrap().into_body();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let rest = body.collect().await.unwrap().to_bytes();
    let last = std::str::from_utf8(&rest).unwrap().lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["done"]["stopped_by"], "stalled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_says_that_it_is_alive() {
    let ground = Ground::with(|options| ServiceOptions {
        keep_alive: Duration::from_millis(20),
        query_time: Duration::from_millis(700),
        ..options
    });
    // Many roots, none of which follows another: slow, and finds nothing.
    let text = format!("[{}1]", "[1],".repeat(20_000));
    std::fs::write(ground.project().join("slow.json"), text).unwrap();
    ground.add_indexed().await;
    let query = "((array) @a (array) @b (object) @c (object) @d (string) @e)";
    let slow = json!({ "query": query, "workspace": "project", "paths": ["slow.json"] });
    let answer = ground.post("/v1/query", &slow).await;
    let last = lines(&answer).last().unwrap()["done"].clone();
    // Where the machine is so fast that it is done at once, nothing has to be said.
    assert!(answer.text().contains("\n\n") || last["cut_files"] == 0, "{last}");
}
