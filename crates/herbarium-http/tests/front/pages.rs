//! What answers look like: problems, packing, CORS, ids.

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use herbarium_http::{AskedAs, Client, Cors, Front, Json, Limits, Path, Query};
use serde::{Deserialize, Serialize};
use std::io::Read as _;

use crate::client::{Reply, Server, router};

#[derive(Deserialize)]
struct Asked {
    limit: Option<u32>,
    name: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Thing {
    name: String,
    #[serde(default)]
    sizes: Vec<u8>,
    #[serde(default)]
    inner: Option<Inner>,
}

#[derive(Deserialize, Serialize)]
struct Inner {
    depth: u8,
}

fn forms() -> Router {
    let strange = async || (StatusCode::CONFLICT, "there is one already").into_response();
    Router::new()
        .route(
            "/query",
            get(async |Query(it): Query<Asked>| format!("{:?} {:?}", it.limit, it.name)),
        )
        .route("/json", post(async |Json(it): Json<Thing>| Json(it)))
        .route(
            "/path/{name}/{index}",
            get(async |Path((name, index)): Path<(String, u32)>| format!("{name} {index}")),
        )
        .route("/client", get(async |it: Client| format!("{:?}", it.address)))
        .route("/id", get(async |AskedAs(id): AskedAs| id.to_string()))
        .route("/strange", get(strange))
        .route(
            "/axums",
            post(async |axum::extract::Path(it): axum::extract::Path<u8>| it.to_string()),
        )
        .route(
            "/tagged",
            get(async || ([("etag", "\"abc\""), ("content-type", "text/plain")], "x".repeat(5000))),
        )
        .route(
            "/events",
            get(async || ([("content-type", "text/event-stream")], "data: x\n\n".repeat(500))),
        )
        .route("/picture", get(async || ([("content-type", "image/png")], "x".repeat(5000))))
}

fn server() -> Server {
    Server::new(|front| front, forms())
}

#[test]
fn a_query_has_known_parameters() {
    let server = server();
    assert_eq!(server.get("/query?limit=3&name=a%20b", "").text(), "Some(3) Some(\"a b\")");
    assert_eq!(server.get("/query", "").text(), "None None");
    let problem = server.get("/query?limti=3", "").is_problem(400, "invalid-query");
    assert_eq!(problem["expected"], "`limit` or `name`");
    assert_eq!(problem["found"], "an unknown parameter `limti`");
    let problem = server.get("/query?limit=many", "").is_problem(400, "invalid-query");
    assert!(problem["detail"].as_str().is_some_and(|it| it.contains("`limit`")), "{problem}");
    server.get("/query?limit=1&limit=2", "").is_problem(400, "invalid-query");
}

#[test]
fn a_body_has_known_fields() {
    let server = server();
    let json = "content-type: application/json; charset=utf-8\r\n";
    let check = |body: &str, part: &str, says: &str| {
        let problem = server.post("/json", json, body.as_bytes()).is_problem(400, "malformed-body");
        assert!(problem[part].as_str().is_some_and(|it| it.contains(says)), "{body}: {problem}");
    };
    assert_eq!(server.post("/json", json, b"{\"name\":\"a\"}").json()["name"], "a");
    check("{\"name\":\"a\",\"size\":1}", "expected", "`name`, `sizes` or `inner`");
    check("{\"name\":\"a\",\"size\":1}", "found", "`size`");
    check("{\"name\":\"a\",\"inner\":{\"depth\":1,\"deep\":2}}", "found", "`inner.deep`");
    check("{\"name\":\"a\",\"sizes\":[1,2,300]}", "detail", "`sizes[2]`");
    check("{\"name\":", "found", "EOF");
    check("{\"name\":\"a\"} {}", "found", "trailing");
    check("", "found", "nothing");
    check(&"[".repeat(100_000), "found", "");
    let reply = server.post("/json", "content-type: text/plain\r\n", b"{}");
    reply.is_problem(415, "unsupported-media-type");
    server.post("/json", "", b"{}").is_problem(415, "unsupported-media-type");
}

#[test]
fn a_path_has_its_form() {
    let server = server();
    assert_eq!(server.get("/path/a%2Fb/3", "").text(), "a/b 3");
    let problem = server.get("/path/a/b", "").is_problem(400, "invalid-path");
    assert_eq!(
        (&problem["expected"], &problem["found"]),
        (&"a whole number, 0 or more".into(), &"`b`".into())
    );
    server.get("/path/%ff/3", "").is_problem(400, "invalid-path");
}

#[test]
fn errors_of_others_become_problems() {
    let server = server();
    let problem = server.get("/strange", "").is_problem(409, "refused");
    assert_eq!(problem["detail"], "there is one already");
    assert_eq!(server.post("/axums", "", b"").status, 500);
}

#[test]
fn every_answer_has_an_id_and_a_place_in_a_trace() {
    let server = server();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let reply = server.get("/id", &format!("x-request-id: mine-1\r\ntraceparent: {trace}\r\n"));
    assert_eq!((reply.text(), reply.header("x-request-id")), ("mine-1", Some("mine-1")));
    let ours = reply.header("traceparent").expect("one");
    assert!(ours.starts_with(&trace[..36]) && ours != trace, "{ours}");
    let made = server.get("/nowhere", "x-request-id: not \"fine\"\r\n");
    assert_eq!(made.header("x-request-id").map(str::len), Some(32));
    assert_eq!(made.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn the_client_is_known() {
    assert_eq!(server().get("/client", "").text(), "Some(127.0.0.1)");
}

fn unpacked(reply: &Reply) -> String {
    match reply.header("content-encoding") {
        None => reply.text().to_owned(),
        Some("gzip") => {
            let mut text = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&reply.body[..]);
            decoder.read_to_string(&mut text).expect("packed");
            text
        }
        Some("zstd") => {
            String::from_utf8(zstd::decode_all(&reply.body[..]).expect("packed")).expect("UTF-8")
        }
        Some(other) => panic!("{other}"),
    }
}

#[test]
fn answers_are_packed_for_those_who_ask() {
    let server = Server::with(Limits::default());
    let plain = server.get("/text", "");
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for coding in ["gzip", "zstd"] {
        let packed = server.get("/text", &format!("accept-encoding: {coding}\r\n"));
        assert_eq!(packed.header("content-encoding"), Some(coding));
        assert!(packed.body.len() < plain.body.len() / 2);
        assert_eq!(unpacked(&packed), plain.text());
    }
    for headers in ["", "accept-encoding: br\r\n", "accept-encoding: gzip;q=0\r\n"] {
        assert_eq!(server.get("/text", headers).header("content-encoding"), None);
    }
    let small = server.get("/hello", "accept-encoding: gzip\r\n");
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, None));
    let large = server.get("/large", "accept-encoding: zstd\r\n");
    assert_eq!(unpacked(&large).len(), 32 << 20);
}

#[test]
fn what_gains_nothing_is_not_packed() {
    let server = server();
    for path in ["/events", "/picture"] {
        let reply = server.get(path, "accept-encoding: gzip\r\n");
        assert_eq!(reply.header("content-encoding"), None, "{path}");
    }
    let reply = server.get("/tagged", "accept-encoding: gzip\r\n");
    assert_eq!(reply.header("etag"), Some("W/\"abc\""));
}

fn with_pages(front: Front) -> Front {
    front.cors(Cors { origins: vec!["https://app.example".into()], credentials: false })
}

const PREFLIGHT: &str =
    "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n";

#[test]
fn pages_of_other_origins_are_kept_out() {
    let server = Server::with(Limits::default());
    let origin = "origin: https://evil.example\r\n";
    let reply = server.get("/hello", origin);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let reply = server
        .ask(&format!("OPTIONS /count HTTP/1.1\r\nhost: localhost\r\n{origin}{PREFLIGHT}\r\n"));
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, None));
    server.post("/count", origin, b"x").is_problem(403, "forbidden-origin");
    assert_eq!(server.post("/count", "origin: http://localhost\r\n", b"x").status, 200);
}

#[test]
fn pages_on_the_list_are_let_in() {
    let server = Server::new(with_pages, router());
    let origin = "origin: https://app.example\r\n";
    let reply = server.post("/count", origin, b"x");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(reply.header("vary"), Some("origin"));
    let reply = server
        .ask(&format!("OPTIONS /count HTTP/1.1\r\nhost: localhost\r\n{origin}{PREFLIGHT}\r\n"));
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(reply.header("access-control-allow-methods").is_some_and(|it| it.contains("POST")));
    let other = server.get("/hello", "origin: https://app.example.evil\r\n");
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[test]
fn names_that_a_page_could_make_up_are_refused() {
    let server = Server::with(Limits::default());
    let host = |server: &Server, name: &str| {
        server.ask(&format!("GET /hello HTTP/1.1\r\nhost: {name}\r\n\r\n"))
    };
    for fine in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:80", "10.1.2.3"] {
        assert_eq!(host(&server, fine).status, 200, "{fine}");
    }
    for wrong in ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io"] {
        host(&server, wrong).is_problem(421, "misdirected");
    }
    let server = Server::new(|front| front.hosts(["trees.example"]), router());
    assert_eq!(host(&server, "trees.example:443").status, 200);
    host(&server, "evil.example").is_problem(421, "misdirected");
}
