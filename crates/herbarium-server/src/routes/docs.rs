//! The API's own description.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use herbarium_http::{PROBLEMS, kinds, page};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::{manual, problem_kinds};

/// Where the description of the API is served. It tells nothing of what is stored: a front
/// may answer at these [paths](herbarium_http::Front::open_paths) whoever asks.
pub const DESCRIPTION_PATHS: [&str; 3] = [OPENAPI, MANUAL, PROBLEMS];

const OPENAPI: &str = "/v1/openapi.json";
const MANUAL: &str = "/v1/docs";

/// What of the description never changes while the service runs.
pub(crate) fn router(document: &str) -> Router {
    let manual = Bytes::from(manual::page(document));
    let document = Bytes::copy_from_slice(document.as_bytes());
    let problems = Bytes::from(page(&[problem_kinds(), kinds::ALL]));
    let serve = |content_type, body: Bytes| get(async move || told(content_type, body));
    Router::new()
        .route(OPENAPI, serve("application/json", document))
        .route(MANUAL, serve("text/html; charset=utf-8", manual))
        .route(PROBLEMS, serve("text/html; charset=utf-8", problems))
}

fn told(content_type: &'static str, body: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "public, max-age=300"),
        // Nothing is loaded from anywhere, and nothing runs.
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    (headers, body).into_response()
}
