//! The routes. What they share is here; each file has those of one thing.

pub(crate) mod docs;
pub(crate) mod jobs;
pub(crate) mod languages;
pub(crate) mod search;
pub(crate) mod sources;
pub(crate) mod stats;
pub(crate) mod trees;
pub(crate) mod workspaces;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
pub(crate) use axum::extract::State;
use axum::response::{IntoResponse, Response};
use herbarium::store::TreeKey;
use herbarium_http::{Scope, StatusCode, require};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, LOCATION, VARY,
};
use http::request::Parts;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::opening::{Opened, hex_into};
use crate::problem::{self, Problem};
use crate::relative::Relative;
use crate::service::Shared;
use crate::workspaces::Workspace;

/// What handlers get.
pub(crate) type Ours = State<Arc<Shared>>;

pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let (router, document) = documented().split_for_parts();
    let router = router.with_state(Arc::clone(shared));
    router.merge(docs::router(&crate::openapi::finish(document)))
}

/// The document as the routes have it.
pub(crate) fn document() -> OpenApi {
    documented().into_openapi()
}

fn documented() -> OpenApiRouter<Arc<Shared>> {
    let reading = OpenApiRouter::new()
        .routes(routes!(trees::tree))
        .routes(routes!(trees::nodes))
        .routes(routes!(trees::some_nodes))
        .routes(routes!(trees::node))
        .routes(routes!(trees::children))
        .routes(routes!(trees::node_at))
        .routes(routes!(trees::query))
        .routes(routes!(sources::query))
        .routes(routes!(sources::symbols))
        .routes(routes!(sources::outline))
        .routes(routes!(workspaces::list))
        .routes(routes!(workspaces::one))
        .routes(routes!(workspaces::files))
        .routes(routes!(workspaces::tree))
        .routes(routes!(workspaces::nodes))
        .routes(routes!(workspaces::node))
        .routes(routes!(workspaces::children))
        .routes(routes!(workspaces::node_at))
        .routes(routes!(workspaces::query))
        .routes(routes!(workspaces::symbols))
        .routes(routes!(workspaces::outline))
        .routes(routes!(search::query))
        .routes(routes!(search::symbols))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::one))
        .routes(routes!(jobs::events))
        .routes(routes!(languages::list))
        .routes(routes!(languages::one))
        .routes(routes!(stats::stats));
    let writing = OpenApiRouter::new()
        .routes(routes!(sources::press))
        .routes(routes!(sources::press_many))
        .routes(routes!(workspaces::add))
        .routes(routes!(workspaces::remove))
        .routes(routes!(workspaces::index))
        .routes(routes!(stats::verify))
        .routes(routes!(jobs::cancel));
    reading.route_layer(require(Scope::Read)).merge(writing.route_layer(require(Scope::Write)))
}

/// Whose tree is asked for.
pub(crate) enum Target {
    /// That of a key.
    Key(TreeKey),
    /// That of a file as it is now.
    File(Arc<Workspace>, Relative),
}

impl Target {
    pub(crate) fn key(key: &str) -> Result<Self, Problem> {
        key.parse().map(Self::Key).map_err(|_| problem::bad_key(key))
    }

    pub(crate) fn file(shared: &Shared, workspace: &str, path: &str) -> Result<Self, Problem> {
        Ok(Self::File(shared.workspaces.get(workspace)?, Relative::parse(path)?))
    }

    /// Its tree, if that is hot and can be told without waiting.
    fn hot(&self, shared: &Shared) -> Option<Opened> {
        match self {
            Self::Key(key) => shared.hot(key),
            Self::File(workspace, path) => shared.hot_unchanged(workspace, path),
        }
    }

    /// Its tree, with its source if it is a file's. Blocks.
    fn open(&self, shared: &Shared, cancel: &herbarium::Cancel) -> Result<Opened, Problem> {
        match self {
            Self::Key(key) => shared.open_key(key),
            Self::File(workspace, path) => shared.open_file(workspace, path, cancel),
        }
    }
}

/// Trees with no more nodes are looked at where requests are served, if they are hot: that
/// takes some microseconds, less than handing the work on.
const SMALL: usize = 50_000;

/// Answers with more nodes are written elsewhere, too.
const FEW: usize = 200;

/// Opens a tree and does something with so many of its nodes: at once if the tree is small
/// and hot, else elsewhere.
pub(crate) async fn look<T: Send + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    nodes: usize,
    work: impl FnOnce(&Opened, &Shared) -> T + Send + 'static,
) -> Result<T, Problem> {
    if nodes <= FEW
        && let Some(hot) = target.hot(shared).filter(|hot| hot.tree.descendant_count() <= SMALL)
    {
        return Ok(work(&hot, shared));
    }
    look_on_worker(shared, target, work).await
}

/// Opens a tree, and does something with it that needs no source, elsewhere. A file that
/// did not change is not read for it.
pub(crate) async fn look_on_worker<T: Send + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    work: impl FnOnce(&Opened, &Shared) -> T + Send + 'static,
) -> Result<T, Problem> {
    let of_worker = Arc::clone(shared);
    let run = move |cancel: &herbarium::Cancel| {
        let unchanged = match &target {
            Target::Key(_) => None,
            Target::File(workspace, path) => of_worker.open_unchanged(workspace, path),
        };
        let opened = unchanged.map_or_else(|| target.open(&of_worker, cancel), Ok)?;
        Ok(work(&opened, &of_worker))
    };
    shared.pool.run(run).await?
}

/// Opens a tree, with its source if it is a file's, and does something with them that may
/// take long.
pub(crate) async fn on_worker<T: Send + 'static>(
    shared: &Arc<Shared>,
    target: Target,
    work: impl FnOnce(&Opened, &Shared, &herbarium::Cancel) -> T + Send + 'static,
) -> Result<T, Problem> {
    let of_worker = Arc::clone(shared);
    let run = move |cancel: &herbarium::Cancel| {
        let opened = target.open(&of_worker, cancel)?;
        Ok(work(&opened, &of_worker, cancel))
    };
    shared.pool.run(run).await?
}

/// JSON that is written already.
pub(crate) fn json_bytes(body: Vec<u8>) -> Response {
    typed("application/json", body)
}

pub(crate) fn typed(content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    // Room for what is said of most answers, here and by the front.
    *response.headers_mut() = HeaderMap::with_capacity(12);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Says where what was made is to be found.
pub(crate) fn located(mut response: Response, at: &str) -> Response {
    if let Ok(at) = HeaderValue::from_str(at) {
        response.headers_mut().insert(LOCATION, at);
    }
    response
}

/// An entity tag: that of a tree, in a form. Weak, because it does not tell how the
/// answer is compressed. The number is that of the forms, all of which change with it.
pub(crate) fn tag(key: &TreeKey, form: &str) -> HeaderValue {
    let mut tag = String::with_capacity(96);
    tag.push_str("W/\"1-");
    hex_into(&mut tag, key);
    tag.push_str(form);
    tag.push('"');
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"\""))
}

/// The entity tags that a client has: `If-None-Match`.
#[derive(Debug)]
pub(crate) struct Known(Vec<HeaderValue>);

impl Known {
    /// Whether one of them is this.
    pub(crate) fn has(&self, tag: &HeaderValue) -> bool {
        let core = |text: &str| text.trim().trim_start_matches("W/").to_owned();
        if self.0.is_empty() {
            return false;
        }
        let Ok(tag) = tag.to_str().map(core) else { return false };
        let given = self.0.iter().filter_map(|it| it.to_str().ok());
        given.flat_map(|it| it.split(',')).any(|it| core(it) == tag)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get_all(IF_NONE_MATCH).iter().cloned().collect()))
    }
}

pub(crate) fn not_modified(tag: HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(ETAG, tag);
    response
}

/// What is found under a key never changes.
pub(crate) fn forever(response: &mut Response, tag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    let lasting = HeaderValue::from_static("private, max-age=86400, immutable");
    headers.insert(CACHE_CONTROL, lasting);
}

/// What is found at a path does. `at` is where the same is found for ever.
pub(crate) fn for_now(response: &mut Response, tag: HeaderValue, shared: &Shared, at: &str) {
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if !shared.options.baseline
        && let Ok(location) = HeaderValue::from_str(at)
    {
        headers.insert(CONTENT_LOCATION, location);
    }
}

pub(crate) fn by_accept(response: &mut Response) {
    response.headers_mut().insert(VARY, HeaderValue::from(ACCEPT));
}

/// A number of entries that is within the limits.
pub(crate) fn page_size(limit: Option<usize>, shared: &Shared) -> Result<usize, Problem> {
    let most = shared.options.max_page_size;
    match limit.unwrap_or(shared.options.page_size.min(most)) {
        0 => Err(problem::bad_number("limit", 0, most as u64)),
        asked if asked > most => Err(problem::bad_number("limit", asked as u64, most as u64)),
        fine => Ok(fine),
    }
}
