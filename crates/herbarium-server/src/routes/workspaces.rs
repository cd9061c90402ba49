//! Workspaces, and the trees of their files.

use std::borrow::Cow;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herbarium::Cancel;
use herbarium::index::{IndexReport, Problem as FileFault};
use herbarium::store::{ManifestRow, path_bytes};
use herbarium_http::{Json, Path, Query, StatusCode};
use http::header::HeaderMap;

use super::trees::{Form, Stretch, pages};
use super::{
    Known, Ours, State, Target, by_accept, for_now, json_bytes, located, look, look_on_worker,
    not_modified, on_worker, page_size, tag,
};
use crate::asking::Ask;
use crate::jobs::Teller;
use crate::metrics::WORKSPACES;
use crate::opening::Opened;
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::sheet::key_of;
use crate::types::{
    FilePage, FileProblem, FileView, FilesParams, ForgetParams, IndexSummary, JobKind, JobReport,
    JobView, NestedTree, NodeAt, NodePage, NodeView, OutlineAnswer, PathAtParams, PathPageParams,
    PathParams, PathRoleParams, PathTreeParams, QueryAnswer, QueryRequest, SymbolsAnswer,
    TreeParams, WorkspaceRequest, WorkspaceView, WorkspacesAnswer,
};
use crate::workspaces::{Added, Workspace};

/// The workspaces
#[utoipa::path(
    get, path = "/v1/workspaces", tag = "workspaces", operation_id = "listWorkspaces",
    responses((status = 200, description = "All workspaces", body = WorkspacesAnswer)),
)]
pub(crate) async fn list(State(shared): Ours) -> Result<Response, Problem> {
    let of_worker = Arc::clone(&shared);
    let list = move |_: &Cancel| {
        let all = of_worker.workspaces.all();
        let views = all.iter().map(|it| of_worker.view(it)).collect::<Result<_, _>>()?;
        Ok::<_, Problem>(WorkspacesAnswer { workspaces: views })
    };
    Ok(Json(shared.pool.run(list).await??).into_response())
}

impl Shared {
    fn view(&self, workspace: &Workspace) -> Result<WorkspaceView, Problem> {
        let sheet = workspace.sheets.get(self.engine());
        let sheet = sheet.map_err(|error| problem::index(&error))?;
        let (files, trees) = sheet.as_ref().map_or((0, 0), |sheet| sheet.counts());
        Ok(WorkspaceView {
            name: workspace.name.to_string(),
            root: workspace.root.to_string_lossy().into_owned(),
            added: workspace.added,
            indexed: sheet.map(|sheet| sheet.taken_ns() / 1_000_000_000),
            files,
            trees,
        })
    }
}

/// Adds a workspace
///
/// A folder gets a name. To have its files' trees, index it.
#[utoipa::path(
    post, path = "/v1/workspaces", tag = "workspaces", operation_id = "addWorkspace",
    request_body = WorkspaceRequest,
    responses(
        (status = 201, description = "It was added", body = WorkspaceView, headers(("Location" = String, description = "The workspace"))),
        (status = 200, description = "It was there", body = WorkspaceView),
    ),
)]
pub(crate) async fn add(
    State(shared): Ours,
    Json(request): Json<WorkspaceRequest>,
) -> Result<Response, Problem> {
    let of_worker = Arc::clone(&shared);
    let add = move |_: &Cancel| {
        let (status, workspace) = match of_worker.workspaces.add(&request.name, &request.path)? {
            Added::New(workspace) => (StatusCode::CREATED, workspace),
            Added::Known(workspace) => (StatusCode::OK, workspace),
        };
        WORKSPACES.as_gauge(&[]).set(of_worker.workspaces.all().len() as f64);
        Ok::<_, Problem>((status, of_worker.view(&workspace)?))
    };
    let (status, view) = shared.pool.run(add).await??;
    tracing::info!(workspace = view.name, status = status.as_u16(), "a workspace was added");
    let location = format!("/v1/workspaces/{}", view.name);
    Ok(located((status, Json(view)).into_response(), &location))
}

/// A workspace
#[utoipa::path(
    get, path = "/v1/workspaces/{name}", tag = "workspaces", operation_id = "getWorkspace",
    params(("name" = String, Path, description = "Name of the workspace")),
    responses((status = 200, description = "The workspace", body = WorkspaceView)),
)]
pub(crate) async fn one(
    State(shared): Ours,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let workspace = shared.workspaces.get(&name)?;
    let of_worker = Arc::clone(&shared);
    let view = shared.pool.run(move |_| of_worker.view(&workspace)).await??;
    Ok(Json(view).into_response())
}

/// Removes a workspace
///
/// Its name is forgotten, and its jobs are cancelled; its folder is not touched.
#[utoipa::path(
    delete, path = "/v1/workspaces/{name}", tag = "workspaces", operation_id = "removeWorkspace",
    params(("name" = String, Path, description = "Name of the workspace"), ForgetParams),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn remove(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<ForgetParams>,
) -> Result<Response, Problem> {
    let of_worker = Arc::clone(&shared);
    let remove = move |_: &Cancel| {
        let removed = of_worker.workspaces.remove(&name)?;
        of_worker.jobs.cancel_of(&name);
        WORKSPACES.as_gauge(&[]).set(of_worker.workspaces.all().len() as f64);
        if params.forget {
            let forgotten = of_worker.engine().store().remove_manifest(&removed.root);
            forgotten.map_err(|error| problem::store(&error))?;
        }
        tracing::info!(workspace = name, "a workspace was removed");
        Ok::<_, Problem>(())
    };
    shared.pool.run(remove).await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Brings the trees of a workspace up to date
///
/// As a job, which can be followed. If one is waiting or running for the workspace, it is
/// that one.
#[utoipa::path(
    post, path = "/v1/workspaces/{name}/index", tag = "workspaces", operation_id = "indexWorkspace",
    params(("name" = String, Path, description = "Name of the workspace")),
    responses((status = 202, description = "The job", body = JobView, headers(("Location" = String, description = "The job")))),
)]
pub(crate) async fn index(
    State(shared): Ours,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    if shared.options.baseline {
        return Err(problem::not_in_baseline());
    }
    let workspace = shared.workspaces.get(&name)?;
    let of_job = Arc::clone(&shared);
    let work = move |teller: &Teller| {
        let roots = [workspace.still_there()?.to_owned()];
        let report = of_job.engine().index(&roots, teller, teller.cancel());
        workspace.sheets.forget();
        let report = report.map_err(|error| problem::index(&error))?;
        tracing::info!(
            workspace = &*workspace.name,
            files = report.files,
            new = report.trees_new,
            problems = report.problems.len(),
            "a workspace was indexed"
        );
        Ok(JobReport::Index(IndexSummary::of(&report, &workspace)))
    };
    let job = shared.jobs.start(JobKind::Index, Some(&name), Box::new(work))?;
    Ok(super::jobs::accepted(&job.view()))
}

/// Problems of files that are named.
const NAMED: usize = 100;

impl IndexSummary {
    fn of(report: &IndexReport, workspace: &Workspace) -> Self {
        let named = report.problems.iter().take(NAMED);
        let owned = |id: &&'static str| (*id).to_owned();
        Self {
            found: report.found,
            files: report.files,
            lines: report.lines,
            nodes: report.nodes,
            trees_new: report.trees_new,
            trees_reused: report.trees_reused,
            unknown: report.unknown,
            not_built: report.not_built.iter().map(|(id, count)| (owned(id), *count)).collect(),
            binary: report.skipped_binary,
            problems: report.problems.len() as u64,
            first_problems: named.map(|it| FileProblem::of(it, workspace)).collect(),
            languages: report.languages.iter().map(|(id, it)| (owned(id), it.files)).collect(),
        }
    }
}

impl FileProblem {
    pub(crate) fn of(fault: &FileFault, workspace: &Workspace) -> Self {
        let path = fault.path.strip_prefix(&workspace.root).unwrap_or(&fault.path);
        Self {
            path: String::from_utf8_lossy(&path_bytes(path)).into_owned(),
            kind: fault.kind.name(),
            message: fault.message.clone(),
        }
    }
}

/// The files of a workspace, page by page
///
/// By path, as they were when it was last indexed.
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/files", tag = "workspaces", operation_id = "listFiles",
    params(("name" = String, Path, description = "Name of the workspace"), FilesParams),
    responses((status = 200, description = "A page", body = FilePage)),
)]
pub(crate) async fn files(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(page): Query<FilesParams>,
) -> Result<Response, Problem> {
    let limit = page_size(page.limit, &shared)?;
    let workspace = shared.workspaces.get(&name)?;
    let decode = |after: &String| {
        URL_SAFE_NO_PAD.decode(after).map_err(|_| problem::bad_cursor("another text"))
    };
    let after = page.after.as_ref().map(decode).transpose()?;
    let of_worker = Arc::clone(&shared);
    let list = move |_: &Cancel| {
        let sheet = workspace.sheets.get(of_worker.engine());
        let sheet = sheet.map_err(|error| problem::index(&error))?;
        let sheet = sheet.ok_or_else(|| problem::not_indexed(&workspace.name))?;
        let mut rows = sheet.files_after(after.as_deref());
        let listed: Vec<_> = rows.by_ref().take(limit).collect();
        let next = rows.next().and(listed.last()).map(|row| URL_SAFE_NO_PAD.encode(&row.path));
        let files = listed.into_iter().map(FileView::of).collect();
        let mut out = Vec::with_capacity(4096);
        crate::nested::json(&mut out, &FilePage { files, next });
        Ok::<_, Problem>(out)
    };
    shared.pool.run(list).await?.map(json_bytes)
}

impl<'a> FileView<'a> {
    fn of(row: &'a ManifestRow) -> Self {
        let path = match std::path::MAIN_SEPARATOR {
            '/' => String::from_utf8_lossy(&row.path),
            _ => Cow::Owned(String::from_utf8_lossy(&row.path).replace('\\', "/")),
        };
        Self {
            path,
            language: row.language.as_deref(),
            key: key_of(row).map(|key| key.to_string()),
            bytes: row.size,
            lines: row.lines,
            nodes: row.nodes,
        }
    }
}

/// The tree of a workspace's file
///
/// Of its content as it is now; parsed if no tree of that is stored.
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/tree", tag = "workspaces", operation_id = "getFileTree",
    params(("name" = String, Path, description = "Name of the workspace"), PathTreeParams),
    responses(
        (status = 200, description = "The tree", headers(
            ("ETag" = String, description = "Changes with content and form"),
            ("Content-Location" = String, description = "The tree by its key"),
        ), content(
            (NestedTree = "application/json"),
            (String = "text/plain"),
            (Vec<u8> = "application/vnd.herbarium.tree"),
        )),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn tree(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<PathTreeParams>,
    headers: HeaderMap,
    known: Known,
) -> Result<Response, Problem> {
    let PathTreeParams { path, format, depth, nodes } = params;
    let form = Form::of(&TreeParams { format, depth, nodes }, &headers, &shared.options)?;
    let target = Target::file(&shared, &name, &path)?;
    let write = move |opened: &Opened, shared: &Shared| {
        let tag = tag(&opened.key, &form.name());
        if known.has(&tag) {
            return Ok(not_modified(tag));
        }
        let mut response = form.write(opened)?;
        let at = format!("/v1/trees/{}", opened.key);
        for_now(&mut response, tag, shared, &at);
        by_accept(&mut response);
        Ok(response)
    };
    look_on_worker(&shared, target, write).await?
}

/// Nodes of a workspace's file, page by page
///
/// Pages of one tree belong together only while the file rests: `key` tells.
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/nodes", tag = "workspaces", operation_id = "listFileNodes",
    params(("name" = String, Path, description = "Name of the workspace"), PathPageParams),
    responses(
        (status = 200, description = "A page", body = NodePage),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn nodes(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(page): Query<PathPageParams>,
    known: Known,
) -> Result<Response, Problem> {
    let limit = page_size(page.limit, &shared)?;
    let look = move |opened: &Opened| Ok(pages::nodes(opened, page.after, limit));
    let at = format!("/nodes?{}", stretch_of(page.after, limit));
    let here = Here { name: &name, path: &page.path, at, nodes: limit };
    on_file(&shared, here, known, look).await
}

/// A node of a workspace's file
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/nodes/{id}", tag = "workspaces", operation_id = "getFileNode",
    params(
        ("name" = String, Path, description = "Name of the workspace"),
        ("id" = usize, Path, description = "Number of the node in pre-order; the root has 0"),
        PathParams,
    ),
    responses(
        (status = 200, description = "The node", body = NodeView),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn node(
    State(shared): Ours,
    Path((name, id)): Path<(String, usize)>,
    Query(params): Query<PathParams>,
    known: Known,
) -> Result<Response, Problem> {
    let at = format!("/nodes/{id}");
    let look = move |opened: &Opened| pages::node(opened, id);
    let here = Here { name: &name, path: &params.path, at, nodes: 1 };
    on_file(&shared, here, known, look).await
}

/// The children of a node of a workspace's file, page by page
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/nodes/{id}/children", tag = "workspaces", operation_id = "listFileChildren",
    params(
        ("name" = String, Path, description = "Name of the workspace"),
        ("id" = usize, Path, description = "Number of the node in pre-order; the root has 0"),
        PathPageParams,
    ),
    responses(
        (status = 200, description = "A page", body = NodePage),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn children(
    State(shared): Ours,
    Path((name, id)): Path<(String, usize)>,
    Query(page): Query<PathPageParams>,
    known: Known,
) -> Result<Response, Problem> {
    let limit = page_size(page.limit, &shared)?;
    let at = format!("/nodes/{id}/children?{}", stretch_of(page.after, limit));
    let look = move |opened: &Opened| pages::children(opened, id, page.after, limit);
    let here = Here { name: &name, path: &page.path, at, nodes: limit };
    on_file(&shared, here, known, look).await
}

/// The smallest node at a place in a workspace's file
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/node", tag = "workspaces", operation_id = "getFileNodeAt",
    params(("name" = String, Path, description = "Name of the workspace"), PathAtParams),
    responses(
        (status = 200, description = "The node, and what it is in", body = NodeAt),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn node_at(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<PathAtParams>,
    known: Known,
) -> Result<Response, Problem> {
    let (path, at) = params.split();
    let stretch = Stretch::of(&at)?;
    let look = move |opened: &Opened| pages::at(opened, stretch);
    let at = format!("/node?{}", at.as_query());
    let here = Here { name: &name, path: &path, at, nodes: 1 };
    on_file(&shared, here, known, look).await
}

/// A query on a workspace's file
#[utoipa::path(
    post, path = "/v1/workspaces/{name}/query", tag = "queries", operation_id = "queryFile",
    params(("name" = String, Path, description = "Name of the workspace"), PathParams),
    request_body = QueryRequest,
    responses((status = 200, description = "What was found", body = QueryAnswer)),
)]
pub(crate) async fn query(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<PathParams>,
    Json(request): Json<QueryRequest>,
) -> Result<Response, Problem> {
    let (ask, source) = Ask::of(request);
    ask.check(&shared.options)?;
    let target = Target::file(&shared, &name, &params.path)?;
    let work = move |opened: &Opened, shared: &Shared, cancel: &Cancel| {
        if source.is_some_and(|source| !opened.is_of(source.as_bytes())) {
            return Err(problem::source_mismatch());
        }
        shared.ask(opened, &ask, cancel)
    };
    on_worker(&shared, target, work).await?.map(json_bytes)
}

/// The symbols of a workspace's file
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/symbols", tag = "symbols", operation_id = "listFileSymbols",
    params(("name" = String, Path, description = "Name of the workspace"), PathRoleParams),
    responses((status = 200, description = "The symbols", body = SymbolsAnswer)),
)]
pub(crate) async fn symbols(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<PathRoleParams>,
) -> Result<Response, Problem> {
    let target = Target::file(&shared, &name, &params.path)?;
    let work = move |opened: &Opened, shared: &Shared, _: &Cancel| {
        let text = opened.source.clone().unwrap_or_default();
        shared.symbols(opened, &text, params.role)
    };
    on_worker(&shared, target, work).await?.map(json_bytes)
}

/// The outline of a workspace's file
#[utoipa::path(
    get, path = "/v1/workspaces/{name}/outline", tag = "symbols", operation_id = "outlineFile",
    params(("name" = String, Path, description = "Name of the workspace"), PathParams),
    responses((status = 200, description = "The definitions, each with those in it", body = OutlineAnswer)),
)]
pub(crate) async fn outline(
    State(shared): Ours,
    Path(name): Path<String>,
    Query(params): Query<PathParams>,
) -> Result<Response, Problem> {
    let target = Target::file(&shared, &name, &params.path)?;
    let work = |opened: &Opened, shared: &Shared, _: &Cancel| {
        let text = opened.source.clone().unwrap_or_default();
        shared.outline(opened, &text)
    };
    on_worker(&shared, target, work).await?.map(json_bytes)
}

/// A page, as a query says it.
fn stretch_of(after: Option<usize>, limit: usize) -> String {
    match after {
        Some(after) => format!("limit={limit}&after={after}"),
        None => format!("limit={limit}"),
    }
}

/// What is looked at: a file of a workspace, where in its tree, as the rest of a URL, and
/// how many nodes.
struct Here<'a> {
    name: &'a str,
    path: &'a str,
    at: String,
    nodes: usize,
}

/// Looks at the tree of a file. The answer says where the same is found by the tree's key.
async fn on_file(
    shared: &Arc<Shared>,
    here: Here<'_>,
    known: Known,
    write: impl FnOnce(&Opened) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let Here { name, path, at, nodes } = here;
    let target = Target::file(shared, name, path)?;
    let work = move |opened: &Opened, shared: &Shared| {
        let tag = tag(&opened.key, "-p");
        if known.has(&tag) {
            return Ok(not_modified(tag));
        }
        let mut response = write(opened)?;
        for_now(&mut response, tag, shared, &format!("/v1/trees/{}{at}", opened.key));
        Ok(response)
    };
    look(shared, target, nodes, work).await?
}
