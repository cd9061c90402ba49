//! What goes over the wire, in and out: one type for each shape, for the code and the
//! OpenAPI document alike.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use herbarium::codec::{Node, Point, Range};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A place in a source, all counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Place {
    /// Bytes before it.
    pub(crate) byte: usize,
    /// Line feeds before it.
    pub(crate) row: usize,
    /// Bytes between the last of these and it.
    pub(crate) column: usize,
}

impl Place {
    fn new(byte: usize, point: Point) -> Self {
        Self { byte, row: point.row, column: point.column }
    }

    pub(crate) fn of(range: &Range) -> (Self, Self) {
        let start = Self::new(range.start_byte, range.start_point);
        (start, Self::new(range.end_byte, range.end_point))
    }
}

/// Row and column, counted from 0; the column in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowColumn {
    /// Row.
    pub(crate) row: u32,
    /// Column, in bytes.
    pub(crate) column: u32,
}

impl From<RowColumn> for Point {
    fn from(place: RowColumn) -> Self {
        Self::new(place.row as usize, place.column as usize)
    }
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeView<'t> {
    /// Its number in pre-order; the root has 0.
    pub(crate) id: usize,
    /// Name of its kind, `ERROR` for what the parser could not understand.
    pub(crate) kind: &'t str,
    /// Whether its kind is a named rule of the grammar, as against a literal.
    pub(crate) named: bool,
    /// The field that it has in its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<&'t str>,
    /// First byte.
    pub(crate) start: Place,
    /// The byte after the last.
    pub(crate) end: Place,
    /// Its parent; none for the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<usize>,
    /// Number of its children.
    pub(crate) children: u32,
    /// Number of nodes under it, itself included.
    pub(crate) descendants: usize,
    /// It stands for text that the parser could not understand.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub(crate) error: bool,
    /// The parser put it in to make sense of broken source.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub(crate) missing: bool,
    /// It may stand anywhere, as a comment.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub(crate) extra: bool,
    /// There is an error here or under it.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub(crate) has_error: bool,
}

impl<'t> NodeView<'t> {
    pub(crate) fn of(node: Node<'t>) -> Self {
        let (start, end) = Place::of(&node.range());
        Self {
            id: node.id(),
            kind: node.kind(),
            named: node.is_named(),
            field: node.field_name(),
            start,
            end,
            parent: node.parent().map(|parent| parent.id()),
            children: node.child_count(),
            descendants: node.descendant_count(),
            error: node.is_error(),
            missing: node.is_missing(),
            extra: node.is_extra(),
            has_error: node.has_error(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(it: &bool) -> bool {
    !it
}

/// A node with what is under it, as far as that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NestedNode)]
pub(crate) struct NestedNode {
    /// Its number in pre-order; the root has 0.
    id: usize,
    /// Name of its kind.
    kind: String,
    /// Whether its kind is a named rule of the grammar.
    named: bool,
    /// The field that it has in its parent.
    #[schema(required = false, nullable = false)]
    field: Option<String>,
    /// First byte.
    start: Place,
    /// The byte after the last.
    end: Place,
    /// It stands for text that the parser could not understand.
    #[schema(required = false)]
    error: bool,
    /// The parser put it in to make sense of broken source.
    #[schema(required = false)]
    missing: bool,
    /// Its children, unless it has none or they are left out.
    #[schema(no_recursion, required = false)]
    children: Vec<NestedNode>,
    /// How many children were left out, if any were.
    #[schema(required = false)]
    left_out: u32,
}

/// A tree.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NestedTree)]
pub(crate) struct NestedTree {
    /// Its key.
    key: String,
    /// Id of its language.
    language: String,
    /// Nodes of the whole tree.
    nodes: usize,
    /// Length of the source, in bytes.
    source_bytes: u32,
    /// Whether some nodes were left out: deeper or later than was asked for.
    truncated: bool,
    /// The root.
    root: NestedNode,
}

/// What is known of a tree.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TreeInfo)]
pub(crate) struct TreeInfo {
    /// Its key: the hash of grammar and source. Same source, same key.
    pub(crate) key: String,
    /// Id of its language.
    pub(crate) language: &'static str,
    /// Number of nodes.
    pub(crate) nodes: usize,
    /// Length of the source, in bytes.
    pub(crate) source_bytes: u32,
    /// Lines of the source: one more than there are line feeds.
    pub(crate) lines: usize,
    /// Whether the parser found errors in it.
    pub(crate) has_error: bool,
    /// Whether it was parsed for this request; if not, it was there.
    pub(crate) parsed: bool,
    /// Where the tree is.
    pub(crate) url: String,
}

/// What was posted to be parsed and kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceItem {
    /// The text.
    pub(crate) source: String,
    /// Id of its language; else its path tells.
    pub(crate) language: Option<String>,
    /// What it is called; nothing need be there.
    pub(crate) path: Option<String>,
}

/// Sources to be parsed and kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRequest {
    /// The sources.
    pub(crate) sources: Vec<SourceItem>,
}

/// What came of each, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// One for each source.
    pub(crate) results: Vec<BatchResult>,
}

/// What came of one: a tree or a problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BatchResult {
    /// Its tree.
    Tree(TreeInfo),
    /// Why it has none: a problem, as of a request for it alone.
    #[schema(value_type = Object)]
    Problem(Box<RawValue>),
}

/// Nodes, and where the next are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodePage)]
pub(crate) struct NodePage<'t> {
    /// Key of the tree.
    pub(crate) key: String,
    /// The nodes.
    #[schema(value_type = Vec<NodeView>)]
    pub(crate) nodes: Vec<NodeView<'t>>,
    /// What `after` is to be for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<usize>,
}

/// The smallest node at a place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeAt)]
pub(crate) struct NodeAt<'t> {
    /// Key of the tree.
    pub(crate) key: String,
    /// The node.
    #[schema(value_type = NodeView)]
    pub(crate) node: NodeView<'t>,
    /// What it is in, from its parent to the root; at most 100 of them.
    #[schema(value_type = Vec<Ancestor>)]
    pub(crate) ancestors: Vec<Ancestor<'t>>,
}

/// What a node is in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ancestor<'t> {
    /// Its number.
    pub(crate) id: usize,
    /// Name of its kind.
    pub(crate) kind: &'t str,
}

/// Which nodes: of several requests, one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodesRequest {
    /// By number.
    #[serde(default)]
    pub(crate) ids: Vec<usize>,
    /// The smallest at each of these bytes.
    #[serde(default)]
    pub(crate) bytes: Vec<usize>,
    /// Whether only named nodes count, for places.
    #[serde(default)]
    pub(crate) named: bool,
}

/// The nodes that were asked for, in their order; `null` for what is not there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodesAnswer<'t> {
    /// Key of the tree.
    pub(crate) key: String,
    /// By number.
    #[schema(value_type = Vec<Option<NodeView>>)]
    pub(crate) ids: Vec<Option<NodeView<'t>>>,
    /// By place.
    #[schema(value_type = Vec<Option<NodeView>>)]
    pub(crate) bytes: Vec<Option<NodeView<'t>>>,
}

/// Which way the answer of a query goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Match by match, in the order in which they are complete.
    #[default]
    Matches,
    /// Capture by capture, in the order of the text: each entry has one.
    Captures,
}

/// A query on one tree.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    /// The query, in tree-sitter's language.
    #[schema(example = "(function_item name: (identifier) @name)")]
    pub(crate) query: String,
    /// Matches or captures.
    #[serde(default)]
    pub(crate) order: Order,
    /// Only what reaches into these bytes: first, and the one after the last.
    pub(crate) bytes: Option<[usize; 2]>,
    /// Only what reaches into these places.
    pub(crate) points: Option<[RowColumn; 2]>,
    /// How many levels below the root patterns may start.
    pub(crate) max_start_depth: Option<u32>,
    /// The most entries of the answer.
    pub(crate) max_matches: Option<u64>,
    /// Entries that are passed over: `next` of the answer before.
    #[serde(default)]
    pub(crate) after: u64,
    /// Whether captures have their text. If nothing is said, where the source is at hand.
    pub(crate) text: Option<bool>,
    /// The source of the tree: for predicates on text, and the text of captures. If it
    /// is a file of a workspace, it need not be given.
    pub(crate) source: Option<String>,
}

/// A query on a source that is posted with it. Nothing is kept.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceQueryRequest {
    /// The source.
    pub(crate) source: String,
    /// Id of its language; else its path tells.
    pub(crate) language: Option<String>,
    /// What it is called; nothing need be there.
    pub(crate) path: Option<String>,
    /// The query, in tree-sitter's language.
    pub(crate) query: String,
    /// Matches or captures.
    #[serde(default)]
    pub(crate) order: Order,
    /// Only what reaches into these bytes: first, and the one after the last.
    pub(crate) bytes: Option<[usize; 2]>,
    /// Only what reaches into these places.
    pub(crate) points: Option<[RowColumn; 2]>,
    /// How many levels below the root patterns may start.
    pub(crate) max_start_depth: Option<u32>,
    /// The most entries of the answer.
    pub(crate) max_matches: Option<u64>,
    /// Entries that are passed over: `next` of the answer before.
    #[serde(default)]
    pub(crate) after: u64,
    /// Whether captures have their text. True if nothing is said.
    pub(crate) text: Option<bool>,
}

/// What a query found in one tree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryAnswer {
    /// Key of the tree.
    key: String,
    /// Id of its language.
    language: String,
    /// What was found.
    matches: Vec<MatchView>,
    /// Whether this is all of it, from `after` on.
    complete: bool,
    /// What ended it before that: `matches`, `time` or `pending_matches`.
    #[schema(required = false, nullable = false)]
    stopped_by: Option<&'static str>,
    /// What `after` is to be to go on; none where there is nothing to go on with.
    #[schema(required = false, nullable = false)]
    next: Option<u64>,
}

/// A match; with `order: captures`, one capture of one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Match)]
pub(crate) struct MatchView {
    /// Number of the pattern in the query.
    pattern: usize,
    /// What was captured, in the order in which it was.
    captures: Vec<CaptureView<'static>>,
}

/// A captured node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Capture)]
pub(crate) struct CaptureView<'a> {
    /// Name of the capture, without `@`.
    pub(crate) name: &'a str,
    /// Number of the node.
    pub(crate) node: usize,
    /// Name of its kind.
    pub(crate) kind: &'a str,
    /// First byte.
    pub(crate) start: Place,
    /// The byte after the last.
    pub(crate) end: Place,
    /// Its text; what is not UTF-8 is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) text: Option<Cow<'a, str>>,
    /// Whether the text was cut short.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub(crate) text_cut: bool,
}

/// A query on many trees: those of a workspace's files, or of keys.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchRequest {
    /// The query, in tree-sitter's language; asked in each language that it is a query of.
    #[schema(example = "(function_item name: (identifier) @name)")]
    pub(crate) query: String,
    /// Name of the workspace; this or `keys`.
    pub(crate) workspace: Option<String>,
    /// Only these files and folders of it.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// Keys of trees.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// Only these languages, by id.
    #[serde(default)]
    pub(crate) languages: Vec<String>,
    /// The most matches of the answer.
    pub(crate) max_matches: Option<u64>,
    /// Where to go on: the last cursor of an answer to the same request.
    pub(crate) cursor: Option<String>,
    /// Whether captures have their text. True for workspaces if nothing is said; for
    /// keys, where the source is at hand.
    pub(crate) text: Option<bool>,
}

/// Which symbols of a workspace.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SymbolSearchRequest {
    /// Name of the workspace.
    pub(crate) workspace: String,
    /// Only these files and folders of it.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// Only these languages, by id.
    #[serde(default)]
    pub(crate) languages: Vec<String>,
    /// Only those of this name.
    pub(crate) name: Option<String>,
    /// Only those with this in their name, in whatever case.
    pub(crate) name_contains: Option<String>,
    /// Only those of these kinds: `function`, `struct`, …
    #[serde(default)]
    pub(crate) kinds: Vec<String>,
    /// Only definitions, or only references.
    pub(crate) role: Option<RoleName>,
    /// The most symbols of the answer.
    pub(crate) max_matches: Option<u64>,
    /// Where to go on: the last cursor of an answer to the same request.
    pub(crate) cursor: Option<String>,
}

/// Definition or reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleName {
    /// The name is given to something here.
    Definition,
    /// The name is used here.
    Reference,
}

/// A definition or a reference.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Symbol)]
pub(crate) struct SymbolView<'a> {
    /// Definition or reference.
    pub(crate) role: RoleName,
    /// What is defined, or how the name is used: `function`, `struct`, `call`, …
    pub(crate) kind: &'static str,
    /// The name.
    pub(crate) name: Cow<'a, str>,
    /// Where the name starts.
    pub(crate) name_start: Place,
    /// Where all of it starts.
    pub(crate) start: Place,
    /// The byte after the last of all of it.
    pub(crate) end: Place,
    /// The name of what it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) container: Option<Cow<'a, str>>,
    /// A definition without its body, on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) signature: Option<String>,
    /// The documentation of a definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) doc: Option<String>,
}

/// The symbols of one source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SymbolsAnswer<'a> {
    /// Key of its tree.
    pub(crate) key: String,
    /// Id of its language.
    pub(crate) language: &'static str,
    /// The symbols, in the order of the text.
    #[schema(value_type = Vec<SymbolView>)]
    pub(crate) symbols: Vec<SymbolView<'a>>,
    /// Whether these are all: neither the time nor the number ended it.
    pub(crate) complete: bool,
}

/// The definitions of one source, each with those in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutlineAnswer {
    /// Key of its tree.
    pub(crate) key: String,
    /// Id of its language.
    pub(crate) language: &'static str,
    /// The outermost definitions, in the order of the text.
    pub(crate) outline: Vec<OutlineEntry>,
    /// Whether these are all.
    pub(crate) complete: bool,
}

/// A definition, with those in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutlineEntry {
    /// What is defined.
    pub(crate) kind: &'static str,
    /// The name.
    pub(crate) name: String,
    /// The definition without its body, on one line.
    pub(crate) signature: String,
    /// Where it starts.
    pub(crate) start: Place,
    /// The byte after its last.
    pub(crate) end: Place,
    /// The definitions in it. Below the 60th level they are listed on that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion, required = false)]
    pub(crate) children: Vec<OutlineEntry>,
}

/// A language.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Language)]
pub(crate) struct LanguageView {
    /// Its id.
    pub(crate) id: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Extensions of its files, without the dot.
    pub(crate) extensions: &'static [&'static str],
    /// Names of its files that have none.
    pub(crate) file_names: &'static [&'static str],
    /// Whether sources in it can be parsed here. Trees that are stored can be read and
    /// asked all the same.
    pub(crate) built_in: bool,
    /// Whether its symbols are known.
    pub(crate) symbols: bool,
    /// Whether it only occurs inside others, and has no files of its own.
    pub(crate) injection_only: bool,
    /// Version of its grammar.
    pub(crate) grammar_version: &'static str,
    /// Licence of its grammar.
    pub(crate) licence: &'static str,
    /// Number of kinds of nodes.
    pub(crate) kinds: u32,
}

/// The languages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LanguagesAnswer {
    /// All that are known, by id.
    pub(crate) languages: Vec<LanguageView>,
}

/// What the tiers and the store hold and have done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatsAnswer {
    /// The tiers, from the fastest.
    pub(crate) tiers: Vec<TierView>,
    /// Bytes of memory that the tiers take.
    pub(crate) memory_bytes: u64,
    /// The most that they may take.
    pub(crate) memory_budget: u64,
    /// Requests for trees that no tier had.
    pub(crate) misses: u64,
    /// Parses since the service was started.
    pub(crate) parses: u64,
    /// The store.
    pub(crate) store: StoreView,
    /// Workspaces that have a name.
    pub(crate) workspaces: usize,
}

/// A tier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TierView {
    /// Its name.
    pub(crate) name: String,
    /// Requests that it answered.
    pub(crate) hits: u64,
    /// Trees in it, where that is known.
    pub(crate) entries: Option<u64>,
    /// Bytes that these take, where that is known.
    pub(crate) bytes: Option<u64>,
    /// Times that it failed.
    pub(crate) failures: u64,
}

/// A store.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoreView {
    /// Trees.
    pub(crate) trees: u64,
    /// Bytes that these take.
    pub(crate) tree_bytes: u64,
    /// Bytes of all of its files.
    pub(crate) file_bytes: u64,
    /// Whether it is only read.
    pub(crate) read_only: bool,
    /// Files with a tree, in all folders that were indexed.
    pub(crate) files: u64,
    /// Their lines.
    pub(crate) lines: u64,
}

/// A workspace to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceRequest {
    /// Its name: lower-case letters, digits, `.`, `_` and `-`; 64 at most.
    #[schema(example = "linux")]
    pub(crate) name: String,
    /// The folder, absolute, within those that are allowed.
    #[schema(example = "/srv/code/linux")]
    pub(crate) path: String,
}

/// A workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(crate) struct WorkspaceView {
    /// Its name.
    pub(crate) name: String,
    /// The folder.
    pub(crate) root: String,
    /// When it was added, in seconds since 1970.
    pub(crate) added: u64,
    /// When it was last indexed, in seconds since 1970; none if it never was.
    #[schema(required = false)]
    pub(crate) indexed: Option<i64>,
    /// Its files, as of then.
    pub(crate) files: u64,
    /// Those of them that have a tree.
    pub(crate) trees: u64,
}

/// The workspaces.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspacesAnswer {
    /// All, by name.
    pub(crate) workspaces: Vec<WorkspaceView>,
}

/// Files of a workspace, as of its last index, and where the next are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilePage<'a> {
    /// The files, by path.
    #[schema(value_type = Vec<FileView>)]
    pub(crate) files: Vec<FileView<'a>>,
    /// What `after` is to be for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next: Option<String>,
}

/// A file of a workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView<'a> {
    /// Its path in the workspace; what is not UTF-8 is replaced.
    pub(crate) path: Cow<'a, str>,
    /// Id of its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) language: Option<&'a str>,
    /// Key of its tree; none if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) key: Option<String>,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Lines.
    pub(crate) lines: u32,
    /// Nodes of its tree.
    pub(crate) nodes: u32,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobKind {
    /// Brings the trees of a workspace up to date.
    Index,
    /// Checks what is stored.
    Verify,
}

impl JobKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Verify => "verify",
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// It waits for others.
    Queued,
    /// It runs.
    Running,
    /// It did what it should.
    Done,
    /// It could not: see `problem`.
    Failed,
    /// It was cancelled. What was done until then stays.
    Cancelled,
}

impl JobState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a running job has done.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub(crate) struct JobProgress {
    /// What it is doing: `walk`, `press`, `train`, `write` or `verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) phase: Option<&'static str>,
    /// Files found so far.
    pub(crate) files_found: u64,
    /// Files done so far.
    pub(crate) files_done: u64,
    /// Bytes of the files found.
    pub(crate) bytes_found: u64,
    /// Bytes of the files done.
    pub(crate) bytes_done: u64,
}

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its id.
    pub(crate) id: String,
    /// What it does.
    pub(crate) kind: JobKind,
    /// The workspace that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) workspace: Option<String>,
    /// How far it is.
    pub(crate) state: JobState,
    /// When it was asked for, in seconds since 1970.
    pub(crate) created: u64,
    /// How long it has been running, or ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) seconds: Option<f64>,
    /// What it has done.
    pub(crate) progress: JobProgress,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) report: Option<JobReport>,
    /// Why it failed: a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(crate) problem: Option<Arc<RawValue>>,
}

impl JobView {
    pub(crate) fn is_going_on(&self) -> bool {
        matches!(self.state, JobState::Queued | JobState::Running)
    }
}

/// The jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobsAnswer {
    /// All that can be asked about, the newest first.
    #[schema(value_type = Vec<JobView>)]
    pub(crate) jobs: Vec<Arc<JobView>>,
}

/// What came of a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobReport {
    /// Of an index.
    Index(IndexSummary),
    /// Of a check.
    Verify(VerifySummary),
}

/// What an index found and did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IndexSummary {
    /// Regular files that were found.
    pub(crate) found: u64,
    /// Files that have a tree.
    pub(crate) files: u64,
    /// Their lines.
    pub(crate) lines: u64,
    /// Nodes of their trees.
    pub(crate) nodes: u64,
    /// Trees that were parsed and stored.
    pub(crate) trees_new: u64,
    /// Files whose tree was there.
    pub(crate) trees_reused: u64,
    /// Files of no known language.
    pub(crate) unknown: u64,
    /// Files of languages that are not built in, by id.
    pub(crate) not_built: BTreeMap<String, u64>,
    /// Binary files.
    pub(crate) binary: u64,
    /// Files and folders that could not be indexed as they should.
    pub(crate) problems: u64,
    /// The first 100 of them.
    pub(crate) first_problems: Vec<FileProblem>,
    /// Files with a tree, by language.
    pub(crate) languages: BTreeMap<String, u64>,
}

/// A file that something is wrong with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FileProblem {
    /// The file, in its workspace.
    pub(crate) path: String,
    /// What kind of problem: `too_large`, `changed`, …
    pub(crate) kind: &'static str,
    /// What happened, and what to do.
    pub(crate) message: String,
}

/// What a check found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct VerifySummary {
    /// Whether nothing is wrong.
    pub(crate) sound: bool,
    /// Trees that were read.
    pub(crate) trees: u64,
    /// Of these, trees that were compared with a fresh parse.
    pub(crate) compared: u64,
    /// Trees that differ from it.
    pub(crate) differing: u64,
    /// Trees that cannot be read. The next index makes them again.
    pub(crate) damaged: u64,
    /// Files whose tree should be there and is not.
    pub(crate) missing_trees: u64,
    /// Damaged places that cost nothing any more.
    pub(crate) healed: u64,
}

/// What is to be checked.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// Whether trees are compared with a fresh parse of their files.
    #[serde(default)]
    pub(crate) deep: bool,
}

/// How a source is called, and its language.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceParams {
    /// Id of the language; else the path tells.
    pub(crate) language: Option<String>,
    /// What the source is called; nothing need be there.
    pub(crate) path: Option<String>,
}

/// A file of a workspace.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathParams {
    /// The file, within the workspace, with `/` between its parts.
    pub(crate) path: String,
}

/// How a tree is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Nested JSON.
    Json,
    /// As tree-sitter prints it.
    Sexp,
    /// The bytecode, as `herbarium-codec` reads it with the grammar table.
    Bytecode,
}

/// Which of a tree.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeParams {
    /// How; if nothing is said, what `Accept` asks for, else JSON.
    #[param(inline)]
    pub(crate) format: Option<Format>,
    /// Levels of JSON below the root; 48 if nothing is said, with which the answer is not
    /// nested deeper than what any reader of JSON takes.
    #[param(maximum = 1000)]
    pub(crate) depth: Option<usize>,
    /// The most nodes of JSON, counted in pre-order.
    pub(crate) nodes: Option<usize>,
}

/// Which of a workspace file's tree.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathTreeParams {
    /// The file, within the workspace, with `/` between its parts.
    pub(crate) path: String,
    /// How; if nothing is said, what `Accept` asks for, else JSON.
    #[param(inline)]
    pub(crate) format: Option<Format>,
    /// Levels of JSON below the root; 48 if nothing is said.
    #[param(maximum = 1000)]
    pub(crate) depth: Option<usize>,
    /// The most nodes of JSON, counted in pre-order.
    pub(crate) nodes: Option<usize>,
}

/// Which page.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParams {
    /// The last node of the page before.
    pub(crate) after: Option<usize>,
    /// The most nodes of the page.
    #[param(minimum = 1)]
    pub(crate) limit: Option<usize>,
}

/// Which page of a workspace file's nodes.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathPageParams {
    /// The file, within the workspace, with `/` between its parts.
    pub(crate) path: String,
    /// The last node of the page before.
    pub(crate) after: Option<usize>,
    /// The most nodes of the page.
    #[param(minimum = 1)]
    pub(crate) limit: Option<usize>,
}

/// Which place: `byte`, or `row` and `column`; with an end, a stretch.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtParams {
    /// A byte.
    pub(crate) byte: Option<usize>,
    /// The byte after the last.
    pub(crate) end_byte: Option<usize>,
    /// A row, counted from 0.
    pub(crate) row: Option<u32>,
    /// A column, in bytes, counted from 0.
    pub(crate) column: Option<u32>,
    /// Row of the end.
    pub(crate) end_row: Option<u32>,
    /// Column of the end.
    pub(crate) end_column: Option<u32>,
    /// Whether only named nodes count.
    #[serde(default)]
    pub(crate) named: bool,
}

/// Which place of a workspace's file.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathAtParams {
    /// The file, within the workspace, with `/` between its parts.
    pub(crate) path: String,
    /// A byte.
    pub(crate) byte: Option<usize>,
    /// The byte after the last.
    pub(crate) end_byte: Option<usize>,
    /// A row, counted from 0.
    pub(crate) row: Option<u32>,
    /// A column, in bytes, counted from 0.
    pub(crate) column: Option<u32>,
    /// Row of the end.
    pub(crate) end_row: Option<u32>,
    /// Column of the end.
    pub(crate) end_column: Option<u32>,
    /// Whether only named nodes count.
    #[serde(default)]
    pub(crate) named: bool,
}

impl AtParams {
    /// As a query says it.
    pub(crate) fn as_query(&self) -> String {
        let small = |it: Option<u32>| it.map(u64::from);
        let large = |it: Option<usize>| it.map(|it| it as u64);
        let numbers = [
            ("byte", large(self.byte)),
            ("end_byte", large(self.end_byte)),
            ("row", small(self.row)),
            ("column", small(self.column)),
            ("end_row", small(self.end_row)),
            ("end_column", small(self.end_column)),
        ];
        let given = numbers.iter().filter_map(|(name, it)| it.map(|it| format!("{name}={it}")));
        let named = self.named.then(|| "named=true".to_owned());
        given.chain(named).collect::<Vec<_>>().join("&")
    }
}

impl PathAtParams {
    /// The place, and the file.
    pub(crate) fn split(self) -> (String, AtParams) {
        let Self { path, byte, end_byte, row, column, end_row, end_column, named } = self;
        (path, AtParams { byte, end_byte, row, column, end_row, end_column, named })
    }
}

/// Which page of files.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// The most files of the page.
    #[param(minimum = 1)]
    pub(crate) limit: Option<usize>,
}

/// Which symbols of one source.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathRoleParams {
    /// The file, within the workspace, with `/` between its parts.
    pub(crate) path: String,
    /// Only definitions, or only references.
    #[param(inline)]
    pub(crate) role: Option<RoleName>,
}

/// How much is forgotten with a workspace.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetParams {
    /// Also what the store knows of its files; the next index reads all of them. Trees
    /// stay until garbage is collected.
    #[serde(default)]
    pub(crate) forget: bool,
}

/// A line of a streamed answer: an object with one member, which says what it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchLine {
    /// First: what is asked.
    #[schema(nullable = false)]
    head: Option<SearchHead>,
    /// A match.
    #[schema(nullable = false)]
    r#match: Option<SearchMatch>,
    /// A symbol.
    #[schema(nullable = false)]
    symbol: Option<SearchSymbol>,
    /// From time to time: where to go on, should the answer end here.
    #[schema(nullable = false)]
    cursor: Option<String>,
    /// A file or key that could not be asked.
    #[schema(nullable = false)]
    missed: Option<FileProblem>,
    /// Last: how it ended.
    #[schema(nullable = false)]
    done: Option<SearchEnd>,
    /// Last: a problem that came when the answer had begun.
    #[schema(value_type = Option<Object>, nullable = false)]
    error: Option<Box<RawValue>>,
}

/// What is asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchHead {
    /// Files or keys that are asked; after a cursor, those that are left.
    pub(crate) files: usize,
    /// Ids of the languages that are asked.
    pub(crate) languages: Vec<&'static str>,
    /// Languages that are left out, and why: the query is wrong for them, or they have no
    /// tables here.
    pub(crate) left_out: BTreeMap<String, String>,
}

/// A match of a file or a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchMatch {
    /// The file; none where keys are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    path: Option<String>,
    /// Key of the tree.
    key: String,
    /// Id of the language.
    language: String,
    /// Number of the pattern in the query.
    pattern: usize,
    /// What was captured, in the order in which it was.
    captures: Vec<CaptureView<'static>>,
}

/// A symbol of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchSymbol {
    /// The file.
    path: String,
    /// Key of the tree.
    key: String,
    /// Id of the language.
    language: String,
    /// The symbol.
    symbol: SymbolView<'static>,
}

/// How a streamed answer ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchEnd {
    /// Matches or symbols of this answer.
    pub(crate) found: u64,
    /// Whether all that was asked for was asked.
    pub(crate) complete: bool,
    /// What ended it before that: `max_matches`, `time`, `stalled` or
    /// `stopping`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) stopped_by: Option<&'static str>,
    /// Files on which a limit ended the search: there may be more in them.
    pub(crate) cut_files: u64,
    /// Files or keys that could not be asked.
    pub(crate) missed: u64,
    /// Where to go on; none where there is nothing left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) cursor: Option<String>,
}
