//! The OpenAPI document.

use std::collections::BTreeSet;

use herbarium_http::{PROBLEM_JSON, ProblemKind, kinds as front};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::{problem_kinds, routes};

/// The OpenAPI document of the API, as the service hands it out: made from the routes, and
/// the same for all services of one version.
///
/// `docs/openapi.json` of the repository is this. After a change of the routes,
/// `cargo run -p herbarium-server --example openapi > docs/openapi.json` writes it anew.
///
/// ```
/// let document = herbarium_server::openapi();
/// assert!(document.contains("\"/v1/trees/{key}\""));
/// ```
pub fn openapi() -> String {
    finish(routes::document())
}

/// The document with what all routes have in common.
pub(crate) fn finish(document: OpenApi) -> String {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["info"] = json!({
        "title": "Herbarium",
        "version": "1",
        "summary": "Syntax trees that are parsed once",
        "description": INFO,
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["tags"] = tags();
    document["security"] = json!([{ "token": [] }, {}]);
    let components = &mut document["components"];
    components["securitySchemes"] = json!({ "token": {
        "type": "http", "scheme": "bearer",
        "description": "A token of the service: with the scope `read`, and `write` for what changes something. Services without tokens take no heed of it."
    } });
    components["schemas"]["Problem"] = problem_schema();
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    components["responses"] = json!({ "Problem": {
        "description": "A problem, as RFC 9457 has it",
        "content": { (PROBLEM_JSON): { "schema": problem } },
    } });
    for_each_operation(&mut document, |operation| {
        operation["responses"]["default"] = json!({ "$ref": "#/components/responses/Problem" });
        // The first paragraph of a comment ends in no dot, the rest is a description.
        if operation["description"].as_str().is_some_and(str::is_empty)
            && let Some(operation) = operation.as_object_mut()
        {
            operation.remove("description");
        }
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

const INFO: &str = "Trees, queries and symbols of source code. A source is parsed once; its tree is \
    kept under a key, the hash of the grammar and the source, and opened, walked and asked from \
    then on without a parse. Places are counted from 0, columns in bytes. Every error is a \
    problem (RFC 9457) whose `type` never changes. Streamed answers are lines of JSON, each an \
    object with one member that says what it is; the last is `done`, or `error`.";

fn tags() -> Value {
    let tag = |name: &str, about: &str| json!({ "name": name, "description": about });
    json!([
        tag("trees", "Trees and nodes, by key"),
        tag("workspaces", "Folders with a name, and the trees of their files"),
        tag("queries", "Tree-sitter's query language, on one tree or many"),
        tag("symbols", "Definitions and references"),
        tag("jobs", "What takes longer than a request may"),
        tag("languages", "What can be parsed"),
        tag("service", "The service itself"),
    ])
}

fn problem_schema() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let kinds: Vec<_> = all_kinds().map(ProblemKind::uri).collect();
    let kinds: BTreeSet<_> = kinds.into_iter().collect();
    json!({
        "type": "object",
        "description": "What went wrong. Kinds of problems have more members of their own.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "description": "The kind; what each means is at that place.", "enum": kinds },
            "title": text("What kind of problem, in a few words"),
            "status": { "type": "integer", "description": "The status of the answer", "minimum": 400, "maximum": 599 },
            "detail": text("What was being done, with what"),
            "expected": text("What should have been there"),
            "found": text("What was there instead"),
            "help": text("What to do"),
            "instance": text("What it happened to"),
            "request_id": text("The request, for whoever runs the service"),
        },
    })
}

/// Kinds of the service and of the front before it.
pub(crate) fn all_kinds() -> impl Iterator<Item = &'static ProblemKind> {
    problem_kinds().iter().chain(front::ALL).copied()
}

fn for_each_operation(document: &mut Value, mut change: impl FnMut(&mut Value)) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for (method, operation) in path {
            if ["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                change(operation);
            }
        }
    }
}
