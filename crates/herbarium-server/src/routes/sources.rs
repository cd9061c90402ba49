//! Sources that are posted.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use herbarium::Cancel;
use herbarium_http::{Json, Query, RawBody, StatusCode};
use utoipa::IntoParams;

use super::{Ours, State, json_bytes, located};
use crate::asking::Ask;
use crate::opening::{Name, Opened, hex};
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{
    BatchAnswer, BatchRequest, BatchResult, OutlineAnswer, QueryAnswer, RoleName, SourceItem,
    SourceParams, SourceQueryRequest, SymbolsAnswer, TreeInfo,
};

/// Parses a source, and keeps its tree
///
/// The body is the source as it is, in UTF-8 or another encoding that extends ASCII.
/// Broken source is no error: its tree has error nodes.
#[utoipa::path(
    post, path = "/v1/trees", tag = "trees", operation_id = "putTree",
    params(SourceParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The source"),
    responses(
        (status = 201, description = "It was parsed", body = TreeInfo, headers(("Location" = String, description = "The tree"))),
        (status = 200, description = "Its tree was there", body = TreeInfo),
    ),
)]
pub(crate) async fn press(
    State(shared): Ours,
    Query(params): Query<SourceParams>,
    RawBody(source): RawBody,
) -> Result<Response, Problem> {
    let of_worker = shared.clone();
    let open = move |cancel: &Cancel| {
        let opened = of_worker.open_posted(&source, name(&params), true, cancel)?;
        Ok::<_, Problem>(TreeInfo::of(&opened))
    };
    let info = shared.pool.run(open).await??;
    tracing::debug!(key = info.key, language = info.language, parsed = info.parsed, "a source");
    let status = if info.parsed { StatusCode::CREATED } else { StatusCode::OK };
    let location = info.url.clone();
    Ok(located((status, Json(info)).into_response(), &location))
}

fn name(params: &SourceParams) -> Name<'_> {
    Name { language: params.language.as_deref(), path: params.path.as_deref() }
}

impl TreeInfo {
    fn of(opened: &Opened) -> Self {
        let tree = &opened.tree;
        let key = hex(&opened.key);
        Self {
            url: format!("/v1/trees/{key}"),
            key,
            language: opened.language,
            nodes: tree.descendant_count(),
            source_bytes: tree.source_len(),
            lines: tree.line_count(),
            has_error: tree.root_node().has_error(),
            parsed: opened.parsed,
        }
    }
}

/// Parses sources, and keeps their trees
///
/// One that has no tree does not keep the others from having theirs.
#[utoipa::path(
    post, path = "/v1/trees/batch", tag = "trees", operation_id = "putTrees",
    request_body = BatchRequest,
    responses((status = 200, description = "What came of each", body = BatchAnswer)),
)]
pub(crate) async fn press_many(
    State(shared): Ours,
    Json(batch): Json<BatchRequest>,
) -> Result<Response, Problem> {
    let (count, most) = (batch.sources.len(), shared.options.max_batch);
    if count > most {
        return Err(problem::too_many("sources", count as u64, most as u64));
    }
    let of_worker = shared.clone();
    let open = move |cancel: &Cancel| {
        let one = |item: &SourceItem| {
            let name = Name { language: item.language.as_deref(), path: item.path.as_deref() };
            match of_worker.open_posted(item.source.as_bytes(), name, true, cancel) {
                Ok(opened) => BatchResult::Tree(TreeInfo::of(&opened)),
                Err(problem) => BatchResult::Problem(problem::raw(&problem)),
            }
        };
        BatchAnswer { results: batch.sources.iter().map(one).collect() }
    };
    Ok(Json(shared.pool.run(open).await?).into_response())
}

/// A query on a source that comes with it
///
/// Nothing is kept. Where the same source is asked more than once, post it to `/v1/trees`.
#[utoipa::path(
    post, path = "/v1/sources/query", tag = "queries", operation_id = "querySource",
    request_body = SourceQueryRequest,
    responses((status = 200, description = "What was found", body = QueryAnswer)),
)]
pub(crate) async fn query(
    State(shared): Ours,
    Json(request): Json<SourceQueryRequest>,
) -> Result<Response, Problem> {
    let (language, path) = (request.language.clone(), request.path.clone());
    let (ask, source) = Ask::of_source(request);
    ask.check(&shared.options)?;
    let params = SourceParams { language, path };
    let ask_it = move |shared: &Shared, opened: &Opened, _: &[u8], cancel: &Cancel| {
        shared.ask(opened, &ask, cancel)
    };
    on_source(&shared, params, source.into_bytes(), ask_it).await
}

/// Which symbols of a source.
#[derive(Debug, Clone, serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceRoleParams {
    /// Id of the language; else the path tells.
    language: Option<String>,
    /// What the source is called; nothing need be there.
    path: Option<String>,
    /// Only definitions, or only references.
    #[param(inline)]
    role: Option<RoleName>,
}

/// The symbols of a source
///
/// The body is the source as it is. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/sources/symbols", tag = "symbols", operation_id = "listSourceSymbols",
    params(SourceRoleParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The source"),
    responses((status = 200, description = "The symbols", body = SymbolsAnswer)),
)]
pub(crate) async fn symbols(
    State(shared): Ours,
    Query(params): Query<SourceRoleParams>,
    RawBody(source): RawBody,
) -> Result<Response, Problem> {
    let SourceRoleParams { language, path, role } = params;
    let list = move |shared: &Shared, opened: &Opened, text: &[u8], _: &Cancel| {
        shared.symbols(opened, text, role)
    };
    on_source(&shared, SourceParams { language, path }, source.into(), list).await
}

/// The outline of a source
///
/// The body is the source as it is. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/sources/outline", tag = "symbols", operation_id = "outlineSource",
    params(SourceParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The source"),
    responses((status = 200, description = "The definitions, each with those in it", body = OutlineAnswer)),
)]
pub(crate) async fn outline(
    State(shared): Ours,
    Query(params): Query<SourceParams>,
    RawBody(source): RawBody,
) -> Result<Response, Problem> {
    let list =
        |shared: &Shared, opened: &Opened, text: &[u8], _: &Cancel| shared.outline(opened, text);
    on_source(&shared, params, source.into(), list).await
}

/// Does something with a source that is not kept.
async fn on_source(
    shared: &Arc<Shared>,
    params: SourceParams,
    source: Vec<u8>,
    work: impl FnOnce(&Shared, &Opened, &[u8], &Cancel) -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let of_worker = Arc::clone(shared);
    let open = move |cancel: &Cancel| {
        let mut opened = of_worker.open_posted(&source, name(&params), false, cancel)?;
        let source: Arc<[u8]> = source.into();
        opened.source = Some(Arc::clone(&source));
        work(&of_worker, &opened, &source, cancel)
    };
    shared.pool.run(open).await?.map(json_bytes)
}
