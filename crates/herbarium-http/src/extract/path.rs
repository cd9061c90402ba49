//! Parameters of the path.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::said::{in_words, take_apart};
use crate::kinds;
use crate::problem::Problem;

/// The parameters of the path, decoded: one value, a tuple, or a struct.
///
/// ```
/// use herbarium_http::Path;
///
/// async fn node(Path((key, index)): Path<(String, u32)>) -> String {
///     format!("node {index} of {key}\n")
/// }
/// # let _ = node;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(Problem::from)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
            return Self::new(&kinds::INTERNAL).detail("a route lacks the parameters it reads");
        };
        let problem = Self::new(&kinds::INVALID_PATH);
        match failed.into_kind() {
            ErrorKind::ParseErrorAtKey { key, value, expected_type } => problem
                .detail(format!("read `{key}` of the path"))
                .expected(in_words(expected_type))
                .found(format!("`{value}`")),
            ErrorKind::ParseErrorAtIndex { index, value, expected_type } => problem
                .detail(format!("read parameter {} of the path", index + 1))
                .expected(in_words(expected_type))
                .found(format!("`{value}`")),
            ErrorKind::ParseError { value, expected_type } => problem
                .detail("read the path's parameter")
                .expected(in_words(expected_type))
                .found(format!("`{value}`")),
            ErrorKind::InvalidUtf8InPathParam { key } => problem
                .detail(format!("read `{key}` of the path"))
                .expected("UTF-8, percent-encoded")
                .found("other bytes"),
            ErrorKind::DeserializeError { key, value, message } => problem
                .detail(format!("read `{key}` of the path"))
                .expected(take_apart(&message, "what the API's description has").expected)
                .found(format!("`{value}`")),
            ErrorKind::Message(message) => {
                let said = take_apart(&message, "what the API's description has");
                problem.detail("read the path").expected(said.expected).found(said.found)
            }
            other => Self::new(&kinds::INTERNAL).detail(other.to_string()),
        }
    }
}
