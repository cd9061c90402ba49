//! Parameters of the query.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::said::take_apart;
use super::strict;
use crate::kinds;
use crate::problem::Problem;

/// The parameters of the query. Those that the type does not have are refused.
///
/// ```
/// use herbarium_http::Query;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Page { limit: Option<u32>, cursor: Option<String> }
///
/// async fn list(Query(page): Query<Page>) -> String {
///     format!("{:?} from {:?} on\n", page.limit, page.cursor)
/// }
/// # let _ = list;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    check_text(query)?;
    if let Some(fields) = strict::fields::<T>() {
        check_names(query, fields)?;
    }
    let pairs = serde_urlencoded::Deserializer::new(form(query));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        let detail = match path.as_str() {
            "." | "" | "?" => "read the query".to_owned(),
            name => format!("read `{name}` of the query"),
        };
        let said = take_apart(&error.inner().to_string(), "what the API's description has");
        let problem = Problem::new(&kinds::INVALID_QUERY).detail(detail);
        problem.expected(said.expected).found(said.found)
    })
}

/// What is no text would be read as one with other characters in it.
fn check_text(query: &str) -> Result<(), Problem> {
    match percent_encoding::percent_decode_str(query).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new(&kinds::INVALID_QUERY)
            .detail("read the query")
            .expected("UTF-8, percent-encoded")
            .found("other bytes")),
    }
}

fn form(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

fn check_names(query: &str, fields: &[&str]) -> Result<(), Problem> {
    let unknown = form(query).find(|(name, _)| !fields.contains(&name.as_ref()));
    match unknown {
        None => Ok(()),
        Some((name, _)) => Err(Problem::new(&kinds::INVALID_QUERY)
            .detail("read the query")
            .expected(strict::list(fields))
            .found(format!("an unknown parameter `{name}`"))
            .with("parameter", name.into_owned())),
    }
}
