//! Trees and nodes, by key.

use axum::body::Body;
use herbarium::decode;
use herbarium_server::ServiceOptions;
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ground::{Ground, send};

const SOURCE: &str = "fn main() {\n    run(1, [2, 3]);\n}\n";

#[tokio::test]
async fn a_tree_comes_in_the_form_that_is_asked_for() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let tree = herbarium::press("rust", SOURCE.as_bytes()).unwrap();

    let json = ground.get(&format!("/v1/trees/{key}")).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.json()["nodes"], tree.descendant_count());
    assert_eq!(json.json()["root"]["children"][0]["kind"], "function_item");
    assert_eq!(json.json()["truncated"], false);

    let sexp = ground.get(&format!("/v1/trees/{key}?format=sexp")).await;
    assert_eq!(sexp.text(), tree.root_node().to_sexp());

    let bytes = ground.get(&format!("/v1/trees/{key}?format=bytecode")).await;
    assert_eq!(decode(&bytes.body, tree.grammar()).unwrap(), tree);
    assert_eq!(bytes.header("herbarium-grammar").len(), 32);

    let cut = ground.get(&format!("/v1/trees/{key}?depth=0")).await.json();
    assert_eq!(
        (cut["truncated"].clone(), cut["root"]["left_out"].clone()),
        (json!(true), json!(1))
    );
}

#[tokio::test]
async fn the_form_is_negotiated() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html, text/plain;q=0.9, application/json;q=0.5", "text/plain; charset=utf-8"),
        ("application/vnd.herbarium.tree", "application/vnd.herbarium.tree"),
        ("text/plain;q=0, */*;q=0.1", "application/json"),
    ] {
        let request = Request::get(format!("/v1/trees/{key}")).header("accept", accept);
        let answer = ground.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.header("content-type"), expected, "{accept}");
        assert_eq!(answer.header("vary"), "accept");
    }
    let request = Request::get(format!("/v1/trees/{key}")).header("accept", "image/png");
    let answer = ground.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem(), "no-acceptable-form");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let places = ["/nodes/0", "/nodes?limit=2", "/nodes/0/children", "/node?byte=3"];
    for path in ["", "?format=sexp", "?depth=1"].into_iter().chain(places) {
        let path = format!("/v1/trees/{key}{path}");
        let tag = ground.get(&path).await.header("etag").to_owned();
        let again =
            |tag: String| Request::get(&path).header("if-none-match", tag).body(Body::empty());
        let known = ground.send(again(format!("\"other\", {tag}")).unwrap()).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0), "{path}");
        assert_eq!(known.header("etag"), tag);
        let other = ground.send(again("\"other\"".to_owned()).unwrap()).await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nodes_are_found_by_number_and_by_place() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let tree = herbarium::press("rust", SOURCE.as_bytes()).unwrap();
    for node in tree.nodes() {
        let answer = ground.get(&format!("/v1/trees/{key}/nodes/{}", node.id())).await.json();
        assert_eq!(answer["kind"], node.kind());
        assert_eq!(answer["start"]["byte"], node.start_byte());
        assert_eq!(answer["end"]["row"], node.end_position().row);
        assert_eq!(answer["children"], node.child_count());
        assert_eq!(answer["parent"].as_u64(), node.parent().map(|it| it.id() as u64));
        assert_eq!(answer["field"].as_str(), node.field_name());
    }
    let byte = SOURCE.find("run").unwrap();
    let at = ground.get(&format!("/v1/trees/{key}/node?byte={byte}&named=true")).await.json();
    assert_eq!(at["node"]["kind"], "identifier");
    assert_eq!(at["ancestors"][0]["kind"], "call_expression");
    assert_eq!(at["ancestors"].as_array().unwrap().last().unwrap()["id"], 0);
    let same = ground.get(&format!("/v1/trees/{key}/node?row=1&column=4&named=true")).await.json();
    assert_eq!(at, same);
    let both = format!("/v1/trees/{key}/node?row=1&column=4&end_row=1&end_column=18");
    assert_eq!(ground.get(&both).await.json()["node"]["kind"], "call_expression");
    let some = json!({ "ids": [0, 99999], "bytes": [byte, 99999], "named": true });
    let some = ground.post(&format!("/v1/trees/{key}/nodes"), &some).await.json();
    assert_eq!(some["ids"][0]["kind"], "source_file");
    assert_eq!((&some["ids"][1], &some["bytes"][1]), (&Value::Null, &Value::Null));
    assert_eq!(some["bytes"][0], at["node"]);
}

/// All nodes of a listing, page by page.
async fn all_pages(ground: &Ground, path: &str, limit: usize) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let after_it = after.map_or(String::new(), |it: u64| format!("&after={it}"));
        let page = ground.get(&format!("{path}?limit={limit}{after_it}")).await.json();
        let nodes = page["nodes"].as_array().unwrap();
        assert!(nodes.len() <= limit);
        found.extend(nodes.iter().map(|node| node["id"].as_u64().unwrap()));
        after = page["next"].as_u64();
        if after.is_none() {
            return found;
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_have_each_node_once(source in "[\\[\\],1{}\" ]{0,60}", limit in 1usize..9) {
        runtime().block_on(async {
            let ground = Ground::new();
            let key = ground.press("a.json", &source).await;
            let tree = herbarium::press("json", source.as_bytes()).unwrap();
            let all = all_pages(&ground, &format!("/v1/trees/{key}/nodes"), limit).await;
            assert_eq!(all, (0..tree.descendant_count() as u64).collect::<Vec<_>>());
            for node in tree.nodes() {
                let path = format!("/v1/trees/{key}/nodes/{}/children", node.id());
                let expected = (0..node.child_count()).map(|i| node.child(i).unwrap().id() as u64);
                assert_eq!(all_pages(&ground, &path, limit).await, expected.collect::<Vec<_>>());
            }
        });
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem_of_its_kind() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let other = "00".repeat(32);
    for (path, kind) in [
        ("/v1/trees/xyz".to_owned(), "bad-key"),
        (format!("/v1/trees/{other}"), "no-such-tree"),
        (format!("/v1/trees/{other}/nodes/0"), "no-such-tree"),
        (format!("/v1/trees/{key}/nodes/99999"), "no-such-node"),
        (format!("/v1/trees/{key}/nodes/99999/children"), "no-such-node"),
        (format!("/v1/trees/{key}/nodes/0/children?after=5"), "no-such-node"),
        (format!("/v1/trees/{key}/nodes/-1"), "invalid-path"),
        (format!("/v1/trees/{key}/nodes?limit=0"), "bad-number"),
        (format!("/v1/trees/{key}/nodes?limit=99999"), "bad-number"),
        (format!("/v1/trees/{key}/nodes?limit=x"), "invalid-query"),
        (format!("/v1/trees/{key}?depth=1001"), "bad-number"),
        (format!("/v1/trees/{key}?nodes=0"), "bad-number"),
        (format!("/v1/trees/{key}?format=xml"), "invalid-query"),
        (format!("/v1/trees/{key}?unheard=1"), "invalid-query"),
        (format!("/v1/trees/{key}/node"), "bad-place"),
        (format!("/v1/trees/{key}/node?byte=2&end_byte=1"), "bad-place"),
        (format!("/v1/trees/{key}/node?byte=2&row=1&column=1"), "bad-place"),
        (format!("/v1/trees/{key}/node?row=1"), "bad-place"),
        (format!("/v1/trees/{key}/node?byte=99999"), "no-such-node"),
        (format!("/v1/trees/{key}/node?row=99&column=0"), "no-such-node"),
    ] {
        assert_eq!(ground.get(&path).await.problem(), kind, "{path}");
    }
    let small =
        Ground::with(|options| herbarium_server::ServiceOptions { max_tree_nodes: 5, ..options });
    let key = small.press("a.rs", SOURCE).await;
    let answer = small.get(&format!("/v1/trees/{key}?format=sexp")).await;
    assert_eq!(answer.problem(), "tree-too-large");
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let ground = Ground::new();
    let key = ground.press("a.rs", SOURCE).await;
    let reader = ground.reader();
    let read = Request::get(format!("/v1/trees/{key}")).body(Body::empty()).unwrap();
    assert_eq!(send(&reader, read).await.status, 200);
    let write = Request::post("/v1/trees?path=a.rs").body(Body::from("x")).unwrap();
    assert_eq!(send(&reader, write).await.problem(), "forbidden");
    let nobody = ground.service.router();
    let read = Request::get(format!("/v1/trees/{key}")).body(Body::empty()).unwrap();
    assert_eq!(send(&nobody, read).await.problem(), "unauthorized");
    let docs = Request::get("/v1/docs").body(Body::empty()).unwrap();
    assert_eq!(send(&nobody, docs).await.status, 200);
}

#[tokio::test]
async fn a_query_that_is_not_compiled_in_time_is_a_problem_of_its_kind() {
    let query_time = std::time::Duration::ZERO;
    let ground = Ground::with(|options| ServiceOptions { query_time, ..options });
    let key = ground.press("a.rs", SOURCE).await;
    let query = json!({ "query": "(block (_) (_)? (_)? (call_expression)* (_))" });
    let answer = ground.post(&format!("/v1/trees/{key}/query"), &query).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "query-too-slow"));
}
