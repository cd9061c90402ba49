//! The API's description.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ground::Ground;

#[test]
fn the_committed_document_is_that_of_the_routes() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert!(
        committed == herbarium_server::openapi(),
        "docs/openapi.json is out of date: \
         cargo run -p herbarium-server --example openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn the_document_and_its_pages_are_served() {
    let ground = Ground::new();
    let document = ground.get("/v1/openapi.json").await;
    assert_eq!(document.text(), herbarium_server::openapi());
    let (page, problems) = (ground.get("/v1/docs").await, ground.get("/v1/problems").await);
    for outside in ["<script", "<link", "src=", "url(", "@import"] {
        assert!(!page.text().contains(outside), "{outside}");
    }
    let document = document.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(page.text().contains(&format!("{path}</code>")), "{path}");
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.text().contains(&format!("id=\"{id}\"")), "{id}");
            assert!(operation["summary"].is_string(), "{id}");
            assert!(operation["responses"]["default"].is_object(), "{id}");
        }
    }
    for kind in herbarium_server::problem_kinds() {
        assert!(page.text().contains(&format!("<code>{}</code>", kind.slug())));
        assert!(problems.text().contains(&format!("id=\"{}\"", kind.slug())));
    }
}

#[test]
fn each_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|it| references(it, found));
            }
            Value::Array(items) => items.iter().for_each(|it| references(it, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&herbarium_server::openapi()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
