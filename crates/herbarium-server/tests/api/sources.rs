//! Sources that are posted, and queries on one tree.

use herbarium_server::ServiceOptions;
use serde_json::{Value, json};

use crate::ground::Ground;

const SOURCE: &str = "fn main() {\n    run(1);\n    walk(2);\n}\n";

#[tokio::test]
async fn a_source_is_parsed_once() {
    let ground = Ground::new();
    let first = ground.post_raw("/v1/trees?path=a.rs", SOURCE).await;
    let second = ground.post_raw("/v1/trees?language=rust", SOURCE).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 200));
    assert_eq!(first.header("location"), second.header("location"));
    let info = first.json();
    assert_eq!((&info["language"], &info["parsed"]), (&json!("rust"), &json!(true)));
    assert_eq!((&info["source_bytes"], &info["has_error"]), (&json!(SOURCE.len()), &json!(false)));
    assert_eq!(second.json()["parsed"], false);
    assert_eq!(ground.service.engine().parses(), 1);
}

#[tokio::test]
async fn many_sources_are_parsed_at_once_and_each_has_its_answer() {
    let ground = Ground::with(|options| ServiceOptions { max_batch: 3, ..options });
    let sources = json!({ "sources": [
        { "source": "fn a() {}", "path": "a.rs" },
        { "source": "x", "path": "a.unheard" },
        { "source": "[1", "language": "json" },
    ] });
    let answer = ground.post("/v1/trees/batch", &sources).await.json();
    assert_eq!(answer["results"][0]["tree"]["language"], "rust");
    assert_eq!(answer["results"][1]["problem"]["type"], "/v1/problems#unknown-language");
    assert_eq!(answer["results"][2]["tree"]["has_error"], true);
    let many = json!({ "sources": vec![json!({ "source": "" }); 4] });
    assert_eq!(ground.post("/v1/trees/batch", &many).await.problem(), "too-many");
}

#[tokio::test]
async fn a_source_without_a_tree_is_a_problem_of_its_kind() {
    let ground = Ground::with(|options| ServiceOptions { max_source_bytes: 1000, ..options });
    for (path, source, kind) in [
        ("/v1/trees", "x", "language-needed"),
        ("/v1/trees?language=unheard", "x", "no-such-language"),
        ("/v1/trees?path=a.unheard", "x", "unknown-language"),
        ("/v1/trees?path=a.rs", "a\0b", "not-text"),
        ("/v1/trees?language=verilog", "x", "language-not-built-in"),
        ("/v1/trees?language=rust&what=1", "x", "invalid-query"),
        ("/v1/sources/outline?path=a.unheard", "x", "unknown-language"),
        ("/v1/sources/symbols", "x", "language-needed"),
    ] {
        let answer = ground.post_raw(path, source).await;
        // Which languages are built in is for the build to say.
        if kind == "language-not-built-in" && answer.status != 422 {
            continue;
        }
        assert_eq!(answer.problem(), kind, "{path}");
    }
    let long = ground.post_raw("/v1/trees?path=a.rs", "x".repeat(1001)).await;
    assert_eq!(long.problem(), "source-too-large");
    let hurried =
        ServiceOptions { parse_time: std::time::Duration::ZERO, ..ServiceOptions::default() };
    let hurried = Ground::with(|_| hurried);
    let answer = hurried.post_raw("/v1/trees?path=a.rs", "f();".repeat(1000)).await;
    assert_eq!(answer.problem(), "parse-timeout");
}

/// Names of captures and their texts, entry by entry.
fn found(answer: &Value) -> Vec<Vec<(&str, &str)>> {
    let entries = answer["matches"].as_array().unwrap();
    entries
        .iter()
        .map(|it| it["captures"].as_array().unwrap().iter().map(named).collect())
        .collect()
}

fn named(capture: &Value) -> (&str, &str) {
    (capture["name"].as_str().unwrap(), capture["text"].as_str().unwrap_or(""))
}

const CALLS: &str = "(call_expression function: (identifier) @name arguments: (_) @arguments)";

#[tokio::test]
async fn a_query_finds_what_the_library_finds() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let path = format!("/v1/trees/{key}/query");
    let answer = ground.post(&path, &json!({ "query": CALLS, "source": SOURCE })).await.json();
    let expected = vec![
        vec![("name", "run"), ("arguments", "(1)")],
        vec![("name", "walk"), ("arguments", "(2)")],
    ];
    assert_eq!(found(&answer), expected);
    assert_eq!(answer["complete"], true);
    let captures = json!({ "query": CALLS, "source": SOURCE, "order": "captures" });
    let captures = ground.post(&path, &captures).await.json();
    let each: Vec<_> = expected.concat().into_iter().map(|it| vec![it]).collect();
    assert_eq!(found(&captures), each);
    let without = ground.post(&path, &json!({ "query": CALLS })).await.json();
    assert_eq!(found(&without)[0], [("name", ""), ("arguments", "")]);
    let posted = json!({ "query": CALLS, "source": SOURCE, "path": "x.rs" });
    let posted = ground.post("/v1/sources/query", &posted).await.json();
    assert_eq!(posted["matches"], answer["matches"]);
}

#[tokio::test]
async fn a_query_goes_on_where_it_stopped() {
    let ground = Ground::new();
    let key = ground.press("a.rs", &format!("fn f() {{ {} }}", "g(1); ".repeat(10))).await;
    let path = format!("/v1/trees/{key}/query");
    let all = ground.post(&path, &json!({ "query": CALLS })).await.json();
    let (mut pieces, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let request = json!({ "query": CALLS, "max_matches": 3, "after": after });
        let answer = ground.post(&path, &request).await.json();
        pieces.extend(answer["matches"].as_array().unwrap().clone());
        assert_eq!(answer["complete"], answer["next"].is_null());
        after = answer["next"].clone();
    }
    assert_eq!(json!(pieces), all["matches"]);
    let within = json!({ "query": CALLS, "bytes": [9, 16] });
    assert_eq!(ground.post(&path, &within).await.json()["matches"].as_array().unwrap().len(), 2);
    let nothing = json!({ "query": CALLS, "bytes": [0, 0] });
    assert_eq!(ground.post(&path, &nothing).await.json()["matches"], json!([]));
}

#[tokio::test]
async fn predicates_on_text_need_the_source() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let path = format!("/v1/trees/{key}/query");
    let query = "((call_expression function: (identifier) @name) (#eq? @name \"walk\"))";
    assert_eq!(ground.post(&path, &json!({ "query": query })).await.problem(), "source-needed");
    let text = json!({ "query": CALLS, "text": true });
    assert_eq!(ground.post(&path, &text).await.problem(), "source-needed");
    let other = json!({ "query": query, "source": "fn other() {}" });
    assert_eq!(ground.post(&path, &other).await.problem(), "source-mismatch");
    let given = ground.post(&path, &json!({ "query": query, "source": SOURCE })).await.json();
    assert_eq!(found(&given), [[("name", "walk")]]);
    // It is that of a file of a workspace.
    std::fs::write(ground.project().join("same.rs"), SOURCE).unwrap();
    ground.add_indexed().await;
    let indexed = ground.post(&path, &json!({ "query": query, "text": true })).await.json();
    assert_eq!(found(&indexed), [[("name", "walk")]]);
    std::fs::write(ground.project().join("same.rs"), "fn changed() {}").unwrap();
    assert_eq!(ground.post(&path, &json!({ "query": query })).await.problem(), "source-needed");
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_a_problem_of_its_kind() {
    let ground = Ground::with(|options| ServiceOptions { max_query_bytes: 100, ..options });
    let key = ground.press("a.rs", SOURCE).await;
    let path = format!("/v1/trees/{key}/query");
    for (request, kind) in [
        (json!({ "query": "(no_such_kind) @a" }), "bad-query"),
        (json!({ "query": "(((" }), "bad-query"),
        (json!({ "query": " ".repeat(101) }), "query-too-long"),
        (json!({ "query": "(_) @a", "bytes": [2, 1] }), "bad-place"),
        (json!({ "query": "(_) @a", "max_matches": 0 }), "bad-number"),
        (json!({ "query": "(_) @a", "order": "random" }), "malformed-body"),
        (json!({ "query": "(_) @a", "unheard": 1 }), "malformed-body"),
        (json!({}), "malformed-body"),
    ] {
        assert_eq!(ground.post(&path, &request).await.problem(), kind, "{request}");
    }
    let wrong = ground.post(&path, &json!({ "query": "(source_file\n  (nope))" })).await.json();
    assert_eq!((&wrong["row"], &wrong["languages"][0]["language"]), (&json!(1), &json!("rust")));
    assert_eq!(ground.post_raw(&path, "{}").await.problem(), "unsupported-media-type");
}

#[tokio::test]
async fn long_texts_of_captures_are_cut() {
    let ground = Ground::with(|options| ServiceOptions { max_capture_text: 10, ..options });
    let key = ground.press("a.rs", SOURCE).await;
    let request = json!({ "query": "(source_file) @all", "source": SOURCE });
    let answer = ground.post(&format!("/v1/trees/{key}/query"), &request).await.json();
    let capture = &answer["matches"][0]["captures"][0];
    assert_eq!((&capture["text"], &capture["text_cut"]), (&json!(&SOURCE[..10]), &json!(true)));
}

#[tokio::test]
async fn symbols_and_outline_of_a_source_are_told_and_nothing_is_kept() {
    let ground = Ground::new();
    let source =
        "class A:\n    \"\"\"An A.\"\"\"\n    def b(self):\n        def c(): pass\n        d()\n";
    let symbols = ground.post_raw("/v1/sources/symbols?path=a.py", source).await.json();
    let names: Vec<_> =
        symbols["symbols"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["A", "b", "c", "d"]);
    let first = &symbols["symbols"][0];
    assert_eq!((&first["kind"], &first["doc"]), (&json!("class"), &json!("An A.")));
    let calls =
        ground.post_raw("/v1/sources/symbols?path=a.py&role=reference", source).await.json();
    assert_eq!(calls["symbols"].as_array().unwrap().len(), 1);
    let outline = ground.post_raw("/v1/sources/outline?path=a.py", source).await.json();
    assert_eq!(outline["outline"][0]["name"], "A");
    assert_eq!(outline["outline"][0]["children"][0]["children"][0]["name"], "c");
    let key = symbols["key"].as_str().unwrap();
    assert_eq!(ground.get(&format!("/v1/trees/{key}")).await.problem(), "no-such-tree");
}

#[tokio::test]
async fn an_outline_is_no_deeper_than_readers_of_json_go() {
    let ground = Ground::new();
    let deep = "fn f() { ".repeat(300) + &"}".repeat(300);
    let outline = ground.post_raw("/v1/sources/outline?path=a.rs", deep).await;
    // The parser of these tests stops at 128 levels.
    assert_eq!(outline.json()["outline"].as_array().unwrap().len(), 1);
    assert_eq!(outline.text().matches("\"name\":\"f\"").count(), 300);
}
