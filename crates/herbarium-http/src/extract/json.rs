//! Bodies that are JSON.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::collect;
use super::said::take_apart;
use super::strict;
use crate::kinds;
use crate::problem::Problem;

/// A body that is JSON, of a request or of an answer. In a request, fields
/// that the type does not have are refused.
///
/// ```
/// use herbarium_http::Json;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Name { name: String }
/// #[derive(Serialize)]
/// struct Greeting { hello: String }
///
/// async fn greet(Json(it): Json<Name>) -> Json<Greeting> {
///     Json(Greeting { hello: it.name })
/// }
/// # let _ = greet;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let bytes = collect(request.into_body()).await?;
        read(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => {
                let json_type = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, json_type)], json).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Problem::new(&kinds::INTERNAL).into_response()
            }
        }
    }
}

/// `application/json`, or a type whose suffix is `json`; parameters are passed
/// over.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = given.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE)
        .detail("read `Content-Type`")
        .expected("application/json")
        .found(given.map_or("none".to_owned(), |it| format!("`{it}`"))))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        let problem = Problem::new(&kinds::MALFORMED_BODY).detail("read the body as JSON");
        return Err(problem.expected("a JSON value").found("nothing"));
    }
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| {
        // An `Option` on the way is no part of the path.
        unknown.get_or_insert_with(|| path.to_string().replace(".?", ""));
    });
    let value = match read {
        Ok(value) => value,
        Err(error) => return Err(malformed(&error, &track.path().to_string())),
    };
    json.end().map_err(|error| malformed(&error, "."))?;
    match unknown {
        Some(field) => Err(unknown_field::<T>(&field)),
        None => Ok(value),
    }
}

fn malformed(error: &serde_json::Error, path: &str) -> Problem {
    let place = match path {
        "." | "" | "?" => "read the body as JSON".to_owned(),
        field => format!("read field `{field}` of the body"),
    };
    let said = take_apart(&error.to_string(), "JSON, as in RFC 8259");
    Problem::new(&kinds::MALFORMED_BODY)
        .detail(place)
        .expected(said.expected)
        .found(said.found)
        .with("line", error.line())
        .with("column", error.column())
}

fn unknown_field<T: DeserializeOwned>(field: &str) -> Problem {
    let problem = Problem::new(&kinds::MALFORMED_BODY)
        .detail("read the body as JSON")
        .found(format!("an unknown field `{field}`"));
    match strict::fields::<T>() {
        Some(fields) if !field.contains('.') => problem.expected(strict::list(fields)),
        _ => problem.expected("only fields that the API's description lists"),
    }
}
