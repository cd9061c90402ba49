//! Trees and nodes, by key.

use axum::response::Response;
use herbarium::codec::{Node, Point, encode};
use herbarium_http::{Json, Path, Query};
use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};

use super::{
    Known, Ours, State, Target, by_accept, forever, json_bytes, look, look_on_worker, not_modified,
    on_worker, page_size, tag, typed,
};
use crate::ServiceOptions;
use crate::asking::Ask;
use crate::nested::{self, Reach};
use crate::opening::{Opened, hex};
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{
    Ancestor, AtParams, Format, NestedTree, NodeAt, NodePage, NodeView, NodesAnswer, NodesRequest,
    PageParams, QueryAnswer, QueryRequest, TreeParams,
};

/// The tree of a key
///
/// As nested JSON, as an S-expression, or as the bytecode itself: by `format`, else by
/// `Accept`. JSON is cut off at a depth and at a number of nodes, and says so; to walk a
/// large tree, page through its nodes. What a key stands for never changes.
#[utoipa::path(
    get, path = "/v1/trees/{key}", tag = "trees", operation_id = "getTree",
    params(("key" = String, Path, description = "Key of the tree"), TreeParams),
    responses(
        (status = 200, description = "The tree", headers(("ETag" = String, description = "Changes with the form alone")), content(
            (NestedTree = "application/json"),
            (String = "text/plain"),
            (Vec<u8> = "application/vnd.herbarium.tree"),
        )),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn tree(
    State(shared): Ours,
    Path(key): Path<String>,
    Query(params): Query<TreeParams>,
    headers: HeaderMap,
    known: Known,
) -> Result<Response, Problem> {
    let form = Form::of(&params, &headers, &shared.options)?;
    let target = Target::key(&key)?;
    let Target::Key(parsed) = &target else { return Err(problem::bad_key(&key)) };
    let tag = tag(parsed, &form.name());
    if known.has(&tag) {
        return Ok(not_modified(tag));
    }
    let mut response =
        look_on_worker(&shared, target, move |opened, _| form.write(opened)).await??;
    forever(&mut response, tag);
    by_accept(&mut response);
    Ok(response)
}

/// A form of a tree, with its limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    format: Format,
    reach: Reach,
    most_nodes: usize,
}

/// Each level takes two of JSON, and many readers take no more than 128 of these.
const DEPTH: usize = 48;
const MAX_DEPTH: usize = 1000;
const FORMS: &str = "application/json, text/plain or application/vnd.herbarium.tree";

impl Form {
    pub(crate) fn of(
        params: &TreeParams,
        headers: &HeaderMap,
        options: &ServiceOptions,
    ) -> Result<Self, Problem> {
        let depth = params.depth.unwrap_or(DEPTH);
        if depth > MAX_DEPTH {
            return Err(problem::bad_bound("depth", depth as u64, MAX_DEPTH as u64));
        }
        let most_nodes = options.max_tree_nodes;
        let nodes = params.nodes.unwrap_or(options.tree_nodes.min(most_nodes));
        if nodes == 0 || nodes > most_nodes {
            return Err(problem::bad_number("nodes", nodes as u64, most_nodes as u64));
        }
        let format = match params.format {
            Some(format) => format,
            None => accepted(headers)?,
        };
        Ok(Self { format, reach: Reach { depth, nodes }, most_nodes })
    }

    /// What tells it from other forms, for entity tags.
    pub(crate) fn name(&self) -> String {
        match self.format {
            Format::Json => format!("-j{}-{}", self.reach.depth, self.reach.nodes),
            Format::Sexp => "-s".to_owned(),
            Format::Bytecode => "-b".to_owned(),
        }
    }

    pub(crate) fn write(&self, opened: &Opened) -> Result<Response, Problem> {
        let tree = &opened.tree;
        let mut response = match self.format {
            Format::Json => {
                let key = hex(&opened.key);
                json_bytes(nested::write(tree, &key, opened.language, self.reach))
            }
            Format::Sexp if tree.descendant_count() > self.most_nodes => {
                return Err(problem::tree_too_large(tree.descendant_count(), self.most_nodes));
            }
            Format::Sexp => typed("text/plain; charset=utf-8", tree.root_node().to_sexp().into()),
            Format::Bytecode => typed("application/vnd.herbarium.tree", encode(tree)),
        };
        let grammar = tree.grammar().fingerprint().0;
        let hex: String = grammar.iter().map(|byte| format!("{byte:02x}")).collect();
        if let Ok(hex) = HeaderValue::from_str(&hex) {
            response.headers_mut().insert(HeaderName::from_static("herbarium-grammar"), hex);
        }
        Ok(response)
    }
}

/// The first form that `Accept` names, by its weights.
fn accepted(headers: &HeaderMap) -> Result<Format, Problem> {
    let given: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok()).collect();
    let given = given.join(",");
    if given.trim().is_empty() {
        return Ok(Format::Json);
    }
    let weigh = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight =
            parts.find_map(|it| it.strip_prefix("q=")).map_or(Some(1.0), |it| it.parse().ok());
        let format = match name.as_str() {
            "application/json" | "application/*" | "*/*" => Format::Json,
            "text/plain" | "text/*" => Format::Sexp,
            "application/vnd.herbarium.tree" | "application/octet-stream" => Format::Bytecode,
            _ => return None,
        };
        weight.filter(|weight: &f32| *weight > 0.0).map(|weight| (format, weight))
    };
    let ranges = given.split(',').filter_map(weigh);
    // The first of those that weigh most.
    let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(format, _)| format).ok_or_else(|| problem::not_acceptable(FORMS, &given))
}

/// Nodes of a tree, page by page
///
/// In pre-order: every node once, from `after` to `next` to `next`.
#[utoipa::path(
    get, path = "/v1/trees/{key}/nodes", tag = "trees", operation_id = "listNodes",
    params(("key" = String, Path, description = "Key of the tree"), PageParams),
    responses(
        (status = 200, description = "A page", body = NodePage),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn nodes(
    State(shared): Ours,
    Path(key): Path<String>,
    Query(page): Query<PageParams>,
    known: Known,
) -> Result<Response, Problem> {
    let limit = page_size(page.limit, &shared)?;
    let work = move |opened: &Opened, _: &Shared| Ok(pages::nodes(opened, page.after, limit));
    lasting(&key, "-l", &known, |target| look(&shared, target, limit, work)).await
}

/// Some nodes of a tree, by number and by place
#[utoipa::path(
    post, path = "/v1/trees/{key}/nodes", tag = "trees", operation_id = "getNodes",
    params(("key" = String, Path, description = "Key of the tree")),
    request_body = NodesRequest,
    responses((status = 200, description = "The nodes", body = NodesAnswer)),
)]
pub(crate) async fn some_nodes(
    State(shared): Ours,
    Path(key): Path<String>,
    Json(wanted): Json<NodesRequest>,
) -> Result<Response, Problem> {
    let (count, most) = (wanted.ids.len() + wanted.bytes.len(), shared.options.max_page_size);
    if count > most {
        return Err(problem::too_many("nodes", count as u64, most as u64));
    }
    look_on_worker(&shared, Target::key(&key)?, move |opened, _| pages::some(opened, &wanted)).await
}

/// A node of a tree
#[utoipa::path(
    get, path = "/v1/trees/{key}/nodes/{id}", tag = "trees", operation_id = "getNode",
    params(
        ("key" = String, Path, description = "Key of the tree"),
        ("id" = usize, Path, description = "Number of the node in pre-order; the root has 0"),
    ),
    responses(
        (status = 200, description = "The node", body = NodeView),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn node(
    State(shared): Ours,
    Path((key, id)): Path<(String, usize)>,
    known: Known,
) -> Result<Response, Problem> {
    let work = move |opened: &Opened, _: &Shared| pages::node(opened, id);
    lasting(&key, "-n", &known, |target| look(&shared, target, 1, work)).await
}

/// An answer that a client may keep for ever, and need not be given again.
async fn lasting<F>(
    key: &str,
    form: &str,
    known: &Known,
    look: impl FnOnce(Target) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<Result<Response, Problem>, Problem>>,
{
    let target = Target::key(key)?;
    let Target::Key(parsed) = &target else { return Err(problem::bad_key(key)) };
    let tag = tag(parsed, form);
    if known.has(&tag) {
        return Ok(not_modified(tag));
    }
    let mut response = look(target).await??;
    forever(&mut response, tag);
    Ok(response)
}

/// The children of a node, page by page
#[utoipa::path(
    get, path = "/v1/trees/{key}/nodes/{id}/children", tag = "trees", operation_id = "listChildren",
    params(
        ("key" = String, Path, description = "Key of the tree"),
        ("id" = usize, Path, description = "Number of the node in pre-order; the root has 0"),
        PageParams,
    ),
    responses(
        (status = 200, description = "A page", body = NodePage),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn children(
    State(shared): Ours,
    Path((key, id)): Path<(String, usize)>,
    Query(page): Query<PageParams>,
    known: Known,
) -> Result<Response, Problem> {
    let limit = page_size(page.limit, &shared)?;
    let work = move |opened: &Opened, _: &Shared| pages::children(opened, id, page.after, limit);
    lasting(&key, "-c", &known, |target| look(&shared, target, limit, work)).await
}

/// The smallest node at a place
///
/// At a byte, or at a row and column; or the smallest that spans a stretch.
#[utoipa::path(
    get, path = "/v1/trees/{key}/node", tag = "trees", operation_id = "getNodeAt",
    params(("key" = String, Path, description = "Key of the tree"), AtParams),
    responses(
        (status = 200, description = "The node, and what it is in", body = NodeAt),
        (status = 304, description = "The client has it"),
    ),
)]
pub(crate) async fn node_at(
    State(shared): Ours,
    Path(key): Path<String>,
    Query(at): Query<AtParams>,
    known: Known,
) -> Result<Response, Problem> {
    let stretch = Stretch::of(&at)?;
    let work = move |opened: &Opened, _: &Shared| pages::at(opened, stretch);
    lasting(&key, "-a", &known, |target| look(&shared, target, 1, work)).await
}

/// A query on one tree
///
/// Predicates on text, and the text of captures, need the source: it is taken from a
/// workspace's file that has this tree, or from the request.
#[utoipa::path(
    post, path = "/v1/trees/{key}/query", tag = "queries", operation_id = "queryTree",
    params(("key" = String, Path, description = "Key of the tree")),
    request_body = QueryRequest,
    responses((status = 200, description = "What was found", body = QueryAnswer)),
)]
pub(crate) async fn query(
    State(shared): Ours,
    Path(key): Path<String>,
    Json(request): Json<QueryRequest>,
) -> Result<Response, Problem> {
    let target = Target::key(&key)?;
    let (ask, source) = Ask::of(request);
    ask.check(&shared.options)?;
    let work = move |opened: &Opened, shared: &Shared, cancel: &herbarium::Cancel| {
        let mut opened = opened.clone();
        if let Some(source) = source {
            if !opened.is_of(source.as_bytes()) {
                return Err(problem::source_mismatch());
            }
            opened.source = Some(source.into_bytes().into());
        }
        shared.ask(&opened, &ask, cancel)
    };
    on_worker(&shared, target, work).await?.map(json_bytes)
}

/// A place, or a stretch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    ends: Ends,
    named: bool,
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Bytes(usize, usize),
    Points(Point, Point),
}

impl Stretch {
    pub(crate) fn of(at: &AtParams) -> Result<Self, Problem> {
        let point = |row: u32, column: u32| Point::new(row as usize, column as usize);
        let ends = match *at {
            AtParams {
                byte: Some(start),
                end_byte,
                row: None,
                column: None,
                end_row: None,
                end_column: None,
                ..
            } => Ends::Bytes(start, end_byte.unwrap_or(start)),
            AtParams {
                byte: None,
                end_byte: None,
                row: Some(row),
                column: Some(column),
                end_row,
                end_column,
                ..
            } => {
                let start = point(row, column);
                match (end_row, end_column) {
                    (None, None) => Ends::Points(start, start),
                    (Some(row), Some(column)) => Ends::Points(start, point(row, column)),
                    _ => return Err(problem::bad_place("half of an end")),
                }
            }
            AtParams { byte: None, row: None, column: None, .. } => {
                return Err(problem::bad_place("no start"));
            }
            _ => return Err(problem::bad_place("something else")),
        };
        let is_backward = match ends {
            Ends::Bytes(start, end) => start > end,
            Ends::Points(start, end) => start > end,
        };
        match is_backward {
            true => Err(problem::bad_place("an end before the start")),
            false => Ok(Self { ends, named: at.named }),
        }
    }

    fn find<'t>(&self, root: Node<'t>) -> Option<Node<'t>> {
        let found = match (self.ends, self.named) {
            (Ends::Bytes(start, end), false) => root.descendant_for_byte_range(start, end),
            (Ends::Bytes(start, end), true) => root.named_descendant_for_byte_range(start, end),
            (Ends::Points(start, end), false) => root.descendant_for_point_range(start, end),
            (Ends::Points(start, end), true) => root.named_descendant_for_point_range(start, end),
        };
        // What no child spans is the root's, even where that ends before it.
        found.filter(|_| match self.ends {
            Ends::Bytes(_, end) => end <= root.tree().source_len() as usize,
            Ends::Points(_, end) => end.row < root.tree().line_count(),
        })
    }
}

/// Answers about nodes, for trees by key and by path alike.
pub(crate) mod pages {
    use super::{
        Ancestor, Node, NodeAt, NodePage, NodeView, NodesAnswer, NodesRequest, Opened, Problem,
        Response, Stretch, hex, json_bytes, nested, problem,
    };

    fn answer(value: &impl serde::Serialize) -> Response {
        let mut out = Vec::with_capacity(512);
        nested::json(&mut out, value);
        json_bytes(out)
    }

    pub(crate) fn node(opened: &Opened, id: usize) -> Result<Response, Problem> {
        find(opened, id).map(|node| answer(&NodeView::of(node)))
    }

    fn find(opened: &Opened, id: usize) -> Result<Node<'_>, Problem> {
        let nodes = opened.tree.descendant_count();
        opened.tree.node(id).ok_or_else(|| problem::no_node(id, nodes))
    }

    pub(crate) fn nodes(opened: &Opened, after: Option<usize>, limit: usize) -> Response {
        let count = opened.tree.descendant_count();
        let first = after.map_or(0, |it| it.saturating_add(1)).min(count);
        let end = first.saturating_add(limit).min(count);
        let nodes = (first..end).filter_map(|id| opened.tree.node(id)).map(NodeView::of);
        let next = (end < count).then(|| end - 1);
        answer(&NodePage { key: hex(&opened.key), nodes: nodes.collect(), next })
    }

    pub(crate) fn some(opened: &Opened, wanted: &NodesRequest) -> Response {
        let (tree, root) = (&opened.tree, opened.tree.root_node());
        let at = |byte: &usize| {
            let within = *byte <= tree.source_len() as usize;
            let found = match wanted.named {
                true => root.named_descendant_for_byte_range(*byte, *byte),
                false => root.descendant_for_byte_range(*byte, *byte),
            };
            found.filter(|_| within).map(NodeView::of)
        };
        let by_id = wanted.ids.iter().map(|id| tree.node(*id).map(NodeView::of));
        answer(&NodesAnswer {
            key: hex(&opened.key),
            ids: by_id.collect(),
            bytes: wanted.bytes.iter().map(at).collect(),
        })
    }

    pub(crate) fn children(
        opened: &Opened,
        id: usize,
        after: Option<usize>,
        limit: usize,
    ) -> Result<Response, Problem> {
        let parent = find(opened, id)?;
        let first = match after {
            None => (parent.descendant_count() > 1).then(|| opened.tree.node(id + 1)).flatten(),
            Some(after) => {
                let child = find(opened, after)?;
                if child.parent() != Some(parent) {
                    return Err(problem::no_node(after, opened.tree.descendant_count()));
                }
                child.next_sibling()
            }
        };
        let mut children = std::iter::successors(first, Node::next_sibling);
        let nodes: Vec<_> = children.by_ref().take(limit).map(NodeView::of).collect();
        let next = children.next().and(nodes.last()).map(|last| last.id);
        Ok(answer(&NodePage { key: hex(&opened.key), nodes, next }))
    }

    /// The most that a node is said to be in.
    const ANCESTORS: usize = 100;

    pub(crate) fn at(opened: &Opened, stretch: Stretch) -> Result<Response, Problem> {
        let found = stretch.find(opened.tree.root_node());
        let node = found.ok_or_else(|| problem::nothing_there(opened.tree.source_len()))?;
        let above = std::iter::successors(node.parent(), Node::parent).take(ANCESTORS);
        let ancestors = above.map(|it| Ancestor { id: it.id(), kind: it.kind() });
        Ok(answer(&NodeAt {
            key: hex(&opened.key),
            node: NodeView::of(node),
            ancestors: ancestors.collect(),
        }))
    }
}
