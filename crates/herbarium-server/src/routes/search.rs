//! Queries and symbols over many trees, streamed.

use std::sync::Arc;

use axum::response::Response;
use herbarium::Cancel;
use herbarium::store::TreeKey;
use herbarium_http::Json;

use super::{Ours, State};
use crate::asking::check_query;
use crate::cursor::{Cursor, hash_of};
use crate::lines::{Pace, stream};
use crate::problem::{self, Problem};
use crate::relative::Relative;
use crate::search::{Field, KeySearch, Reach, Wanted};
use crate::service::Shared;
use crate::types::{SearchLine, SearchRequest, SymbolSearchRequest};

/// A query on many trees
///
/// Those of a workspace's files, as they were indexed, in the order of their paths; or
/// those of some keys, in their order. The answer is streamed, line by line: `head` first,
/// then each `match`, with a `cursor` from time to time, then what was `missed`, `done` at
/// the end. An answer that was cut short goes on where its last cursor was. It ends when
/// the client goes.
#[utoipa::path(
    post, path = "/v1/query", tag = "queries", operation_id = "query",
    request_body = SearchRequest,
    responses((status = 200, description = "Lines of JSON", body = SearchLine, content_type = "application/x-ndjson")),
)]
pub(crate) async fn query(
    State(shared): Ours,
    Json(request): Json<SearchRequest>,
) -> Result<Response, Problem> {
    check_query(&request.query, &shared.options)?;
    match (&request.workspace, request.keys.is_empty()) {
        (Some(_), true) => query_files(shared, request).await,
        (None, false) => query_keys(shared, &request).await,
        (Some(_), false) => Err(problem::bad_search("both")),
        (None, true) => Err(problem::bad_search("neither")),
    }
}

async fn query_files(shared: Arc<Shared>, request: SearchRequest) -> Result<Response, Problem> {
    let SearchRequest { query, workspace, paths, languages, max_matches, cursor, text, .. } =
        request;
    let workspace = workspace.unwrap_or_default();
    let parts = ["files", &query, &workspace, &paths.join("\0"), &languages.join("\0")];
    let reach = reach(&shared, &parts, cursor.as_deref(), max_matches)?;
    let field = field(&shared, &workspace, &paths, languages, reach)?;
    let turn = shared.streams.turn().await?;
    let of_worker = Arc::clone(&shared);
    let prepare = move |_: &Cancel| of_worker.prepare_search(field, &query, text.unwrap_or(true));
    let search = shared.pool.run(prepare).await??;
    let pace = pace(&shared, "query");
    Ok(stream(turn, pace, move |lines| shared.run_search(&search, lines)))
}

async fn query_keys(shared: Arc<Shared>, request: &SearchRequest) -> Result<Response, Problem> {
    if !request.paths.is_empty() {
        return Err(problem::bad_search("`paths` without a workspace"));
    }
    if shared.options.baseline {
        return Err(problem::not_in_baseline());
    }
    let (count, most) = (request.keys.len(), shared.options.max_batch);
    if count > most {
        return Err(problem::too_many("keys", count as u64, most as u64));
    }
    let parse = |key: &String| key.parse::<TreeKey>().map_err(|_| problem::bad_key(key));
    let keys = request.keys.iter().map(parse).collect::<Result<_, _>>()?;
    let (query, languages) = (request.query.clone(), request.languages.clone());
    let parts = ["keys", &query, &request.keys.join("\0"), &languages.join("\0")];
    let reach = reach(&shared, &parts, request.cursor.as_deref(), request.max_matches)?;
    let search = KeySearch { keys, languages, query, text: request.text, reach };
    let turn = shared.streams.turn().await?;
    let of_worker = Arc::clone(&shared);
    let ready = shared.pool.run(move |_: &Cancel| of_worker.prepare_keys(search)).await??;
    let pace = pace(&shared, "query");
    Ok(stream(turn, pace, move |lines| shared.run_keys(ready, lines)))
}

/// Symbols of a workspace
///
/// Of its files as they were indexed, in the order of their paths. Streamed as a query is,
/// with `symbol` in place of `match`.
#[utoipa::path(
    post, path = "/v1/symbols", tag = "symbols", operation_id = "findSymbols",
    request_body = SymbolSearchRequest,
    responses((status = 200, description = "Lines of JSON", body = SearchLine, content_type = "application/x-ndjson")),
)]
pub(crate) async fn symbols(
    State(shared): Ours,
    Json(request): Json<SymbolSearchRequest>,
) -> Result<Response, Problem> {
    let role = request.role.map_or("", |role| match role {
        crate::types::RoleName::Definition => "definition",
        crate::types::RoleName::Reference => "reference",
    });
    let SymbolSearchRequest { workspace, paths, languages, name, name_contains, kinds, .. } =
        &request;
    let texts = [paths.join("\0"), languages.join("\0"), kinds.join("\0")];
    let names = [name, name_contains].map(|it| format!("{it:?}"));
    let mut parts = vec!["symbols", workspace, role];
    parts.extend(texts.iter().chain(&names).map(String::as_str));
    let reach = reach(&shared, &parts, request.cursor.as_deref(), request.max_matches)?;
    let wanted = Wanted::new(name.clone(), name_contains.clone(), kinds, request.role)?;
    let field = field(&shared, workspace, paths, languages.clone(), reach)?;
    let turn = shared.streams.turn().await?;
    let of_worker = Arc::clone(&shared);
    let prepare = move |_: &Cancel| of_worker.prepare_symbols(field, wanted);
    let search = shared.pool.run(prepare).await??;
    let pace = pace(&shared, "symbols");
    Ok(stream(turn, pace, move |lines| shared.run_symbols(&search, lines)))
}

fn field(
    shared: &Shared,
    workspace: &str,
    paths: &[String],
    languages: Vec<String>,
    reach: Reach,
) -> Result<Field, Problem> {
    let most = shared.options.max_batch;
    if paths.len() > most {
        return Err(problem::too_many("paths", paths.len() as u64, most as u64));
    }
    let workspace = shared.workspaces.get(workspace)?;
    let paths = paths.iter().map(|path| Relative::parse(path)).collect::<Result<_, _>>()?;
    Ok(Field { workspace, paths, languages, reach })
}

fn reach(
    shared: &Shared,
    parts: &[&str],
    cursor: Option<&str>,
    max_matches: Option<u64>,
) -> Result<Reach, Problem> {
    let request = hash_of(parts);
    let from = cursor.map(|it| Cursor::read(it, request)).transpose()?;
    let limit = shared.options.max_matches;
    match max_matches.unwrap_or(limit) {
        most if most == 0 || most > limit => Err(problem::bad_number("max_matches", most, limit)),
        most => Ok(Reach { request, from, most }),
    }
}

fn pace(shared: &Shared, kind: &'static str) -> Pace {
    let options = &shared.options;
    Pace {
        kind,
        most: options.stream_time,
        stall: options.stream_stall,
        keep_alive: options.keep_alive,
        closing: shared.closing.subscribe(),
    }
}
