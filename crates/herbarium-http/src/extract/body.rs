//! A body as it is.

use std::error::Error as StdError;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::incoming::BodyError;
use crate::kinds;
use crate::limits::Limits;
use crate::problem::Problem;

/// The whole body, unpacked if it was packed.
///
/// ```
/// use herbarium_http::RawBody;
///
/// async fn count(RawBody(body): RawBody) -> String {
///     format!("{} bytes\n", body.len())
/// }
/// # let _ = count;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        collect(request.into_body()).await.map(Self)
    }
}

/// The front has its own limit; this one is for routers without a front.
pub(super) async fn collect(mut body: Body) -> Result<Bytes, Problem> {
    let most = if body.size_hint().exact() == Some(0) { 0 } else { fallback_limit() };
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut all = BytesMut::with_capacity(first.len() + expected.min(FIRST_GUESS));
    all.extend_from_slice(&first);
    while let Some(more) = next(&mut body).await? {
        if all.len() as u64 + more.len() as u64 > most {
            return Err(BodyError::TooLarge { limit: most }.into());
        }
        all.extend_from_slice(&more);
    }
    Ok(all.freeze())
}

/// A length is a promise: memory comes with the bytes.
const FIRST_GUESS: usize = 256 << 10;

fn fallback_limit() -> u64 {
    Limits::default().body_bytes.max(1 << 32)
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        match frame {
            // Trailers say nothing here.
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
            Err(error) => return Err(of_error(&error)),
        }
    }
    Ok(None)
}

/// What the front found, deep down in what the framework made of it.
fn of_error(error: &(dyn StdError + 'static)) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(known) = error.downcast_ref::<BodyError>() {
            return known.clone().into();
        }
        next = error.source();
    }
    Problem::new(&kinds::MALFORMED_BODY)
        .detail("read the body")
        .expected("a body to its end")
        .found("an end before it")
        .help("send all of it")
}
