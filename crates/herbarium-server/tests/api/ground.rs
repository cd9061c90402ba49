//! A service over a folder that is removed afterwards, and requests to it.

use std::path::PathBuf;

use axum::body::Body;
use axum::{Extension, Router};
use herbarium::Herbarium;
use herbarium_http::{Principal, Scopes};
use herbarium_server::{Service, ServiceOptions};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// A service with a folder of code in it.
pub(crate) struct Ground {
    pub(crate) dir: TempDir,
    pub(crate) service: Service,
    pub(crate) router: Router,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Small files of several languages.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "src/main.rs",
        "/// Runs.\nfn main() {\n    helper(1);\n    other();\n}\n\nfn helper(n: u32) -> u32 {\n    n + 1\n}\n",
    ),
    (
        "src/lib.rs",
        "pub struct Place {\n    pub x: f64,\n}\n\nimpl Place {\n    pub fn norm(&self) -> f64 {\n        self.x.abs()\n    }\n}\n",
    ),
    (
        "tools/run.py",
        "class Runner:\n    def run(self):\n        return helper()\n\n\ndef helper():\n    return 1\n",
    ),
    ("data.json", "{\"a\": [1, 2, {\"b\": null}]}\n"),
    ("notes.txt.unheard", "no language\n"),
];

impl Ground {
    pub(crate) fn new() -> Self {
        Self::with(|options| options)
    }

    pub(crate) fn with(change: impl FnOnce(ServiceOptions) -> ServiceOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in FILES {
            let path = dir.path().join("code/project").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let options = ServiceOptions {
            allowed_roots: vec![dir.path().join("code")],
            state_dir: Some(dir.path().join("state")),
            workers: 2,
            ..ServiceOptions::default()
        };
        Self::over(dir, change(options))
    }

    pub(crate) fn over(dir: TempDir, options: ServiceOptions) -> Self {
        let herbarium = Herbarium::open(dir.path().join("store")).unwrap();
        let service = Service::new(herbarium, options).unwrap();
        let router = service.router().layer(Extension(Principal::anonymous()));
        Self { dir, service, router }
    }

    /// The service ends, and another begins in its place.
    pub(crate) fn again(self) -> Self {
        let Self { dir, service, router } = self;
        let options = service.options().clone();
        drop((service, router));
        Self::over(dir, options)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.dir.path().join("code/project").canonicalize().unwrap()
    }

    /// Somebody who may only read.
    pub(crate) fn reader(&self) -> Router {
        self.service.router().layer(Extension(Principal::new("reader", Scopes::READ)))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    /// Posts a source; its key.
    pub(crate) async fn press(&self, path: &str, source: &str) -> String {
        let answer = self.post_raw(&format!("/v1/trees?path={path}"), source.to_owned()).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post_raw(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(path).body(body.into()).unwrap()).await
    }

    /// Adds the folder of code as `project`.
    pub(crate) async fn add(&self) {
        let path = self.project();
        let answer = self.post("/v1/workspaces", &json!({ "name": "project", "path": path })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// Adds it, and indexes it.
    pub(crate) async fn add_indexed(&self) -> Value {
        self.add().await;
        self.index().await
    }

    /// Indexes it; the job at its end.
    pub(crate) async fn index(&self) -> Value {
        let answer = self.post("/v1/workspaces/project/index", &json!({})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let events = self.get(&format!("{}/events", answer.header("location"))).await;
        let last =
            events.text().lines().rfind(|line| line.starts_with("data: ")).unwrap().to_owned();
        serde_json::from_str(&last["data: ".len()..]).unwrap()
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The slug of the problem that it is.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(problem["help"].is_string(), "{problem}");
        assert!(problem["expected"].is_string() || self.status.is_server_error(), "{problem}");
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("/v1/problems#").unwrap().to_owned()
    }
}
