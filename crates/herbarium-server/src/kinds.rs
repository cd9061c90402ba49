//! The kinds of problems that the service has, beside those of the front.

use herbarium_http::{ProblemKind, StatusCode};

macro_rules! kinds {
    ($($name:ident = $slug:literal $status:ident $title:literal $about:literal;)+) => {
        $(pub(crate) static $name: ProblemKind =
            ProblemKind::new($slug, StatusCode::$status, $title, $about);)+

        static ALL: &[&ProblemKind] = &[$(&$name),+];
    };
}

/// The kinds of problems that a [`Service`](crate::Service) has, beside those of the front
/// before it ([`herbarium_http::kinds::ALL`]).
///
/// ```
/// let slugs: Vec<_> = herbarium_server::problem_kinds().iter().map(|it| it.slug()).collect();
/// assert!(slugs.contains(&"no-such-tree"));
/// ```
pub fn problem_kinds() -> &'static [&'static ProblemKind] {
    ALL
}

kinds! {
    BAD_KEY = "bad-key" BAD_REQUEST
        "This is no key of a tree"
        "A key has 64 hexadecimal digits, as the answers of this service give them.";
    NO_TREE = "no-such-tree" NOT_FOUND
        "No tree has this key"
        "Post the source to /v1/trees, or take a key from a workspace's files.";
    QUERY_TOO_SLOW = "query-too-slow" UNPROCESSABLE_ENTITY
        "What the query can match was not worked out in time"
        "Ask for fewer children of one node, or for several patterns in several requests; or raise \
         `work.query_time`.";
    NOT_STORED = "not-stored" INSUFFICIENT_STORAGE
        "The tree was made, and could not be stored"
        "Nothing is kept of it. Whoever runs the service has to make room, or let it write.";
    NO_NODE = "no-such-node" NOT_FOUND
        "The tree has no such node"
        "Nodes are numbered in pre-order from 0; no node spans places outside of the source.";
    BAD_PLACE = "bad-place" BAD_REQUEST
        "This is no place in a source"
        "Give `byte`, or `row` and `column`; an end of the same form, not before the start.";
    BAD_NUMBER = "bad-number" BAD_REQUEST
        "A number is out of its range"
        "`expected` names the range. Ask for several pages instead of a larger one.";
    TOO_MANY = "too-many" BAD_REQUEST
        "There are too many of something in one request"
        "Spread them over several requests.";
    LANGUAGE_NEEDED = "language-needed" BAD_REQUEST
        "Neither a language nor a path was given"
        "Name the language, or a path that tells it.";
    NO_LANGUAGE = "no-such-language" NOT_FOUND
        "There is no such language"
        "GET /v1/languages lists them.";
    UNKNOWN_LANGUAGE = "unknown-language" UNPROCESSABLE_ENTITY
        "No language claims the source"
        "Name its language.";
    NOT_BUILT = "language-not-built-in" UNPROCESSABLE_ENTITY
        "The language is known, but was not built in"
        "Use a build with more languages. Trees that are stored can be read all the same.";
    INJECTION_ONLY = "language-only-within-others" UNPROCESSABLE_ENTITY
        "The language only occurs inside others"
        "Post the source around it.";
    FILTERED = "language-left-out" UNPROCESSABLE_ENTITY
        "The language is not one of those that this service was set up for"
        "Ask whoever runs it.";
    NO_TEXT = "not-text" UNPROCESSABLE_ENTITY
        "The source is not text in an encoding that has trees"
        "Convert it to UTF-8.";
    SOURCE_TOO_LARGE = "source-too-large" PAYLOAD_TOO_LARGE
        "The source is too long"
        "Whoever runs the service can raise the limit.";
    TOO_DENSE = "source-too-dense" UNPROCESSABLE_ENTITY
        "Parsing the source would take too much memory"
        "Whoever runs the service can raise the memory budget.";
    PARSE_TIMEOUT = "parse-timeout" UNPROCESSABLE_ENTITY
        "Parsing took too long"
        "Whoever runs the service can raise the limit.";
    LANGUAGE_HANGS = "language-hangs" SERVICE_UNAVAILABLE
        "A parser of the language does not come to its end"
        "A source sent before hangs in it. Sources of the language are parsed again after a \
         restart; trees that are stored can be read all the same.";
    PARSE_FAILED = "parse-failed" INTERNAL_SERVER_ERROR
        "The parser gave no tree"
        "It is not your fault: broken source has a tree, too. Report it, with the source.";
    CHANGING = "file-changing" CONFLICT
        "The file changed while it was read"
        "Try again when it rests.";
    BAD_QUERY = "bad-query" UNPROCESSABLE_ENTITY
        "The query is wrong"
        "`row` and `column` say where; `languages` what is wrong with it in which language.";
    QUERY_TOO_LONG = "query-too-long" PAYLOAD_TOO_LARGE
        "The query is too long"
        "Ask its patterns one after the other.";
    NO_TABLES = "no-query-tables" UNPROCESSABLE_ENTITY
        "Queries cannot be compiled for the language here"
        "Index once with a program that has the language built in.";
    SOURCE_NEEDED = "source-needed" UNPROCESSABLE_ENTITY
        "The tree's source is needed, and not at hand"
        "Trees are kept without their source. Send it as `source`, or add the workspace that \
         has the file, and index it.";
    SOURCE_MISMATCH = "source-mismatch" CONFLICT
        "The source is not the one that the tree was made from"
        "Send the source that the key was given for, byte for byte.";
    BAD_CURSOR = "bad-cursor" BAD_REQUEST
        "The cursor is not one of this request"
        "Send a cursor that an answer to the same request gave, and nothing else changed.";
    BAD_SEARCH = "bad-search" BAD_REQUEST
        "It is not clear what is to be asked"
        "Name a workspace, or keys, and not both.";
    NO_WORKSPACE = "no-such-workspace" NOT_FOUND
        "There is no workspace of this name"
        "GET /v1/workspaces lists them.";
    WORKSPACE_EXISTS = "workspace-exists" CONFLICT
        "Another folder has this name"
        "Take another name, or remove the workspace first.";
    BAD_NAME = "bad-name" BAD_REQUEST
        "This is no name of a workspace"
        "Use lower-case letters, digits, `.`, `_` and `-`, a letter or a digit first; 64 at most.";
    BAD_ROOT = "bad-root" BAD_REQUEST
        "This folder cannot be a workspace"
        "Name a folder that is there, by its absolute path.";
    ROOT_NOT_ALLOWED = "root-not-allowed" FORBIDDEN
        "Workspaces are not allowed there"
        "Whoever runs the service says within which folders they are.";
    BAD_PATH = "bad-path" BAD_REQUEST
        "This is no path of a file in a workspace"
        "Give it relative to the workspace, with `/` between its parts, encoded once.";
    OUTSIDE = "outside-workspace" FORBIDDEN
        "The path leads out of the workspace"
        "A link on it points elsewhere. Name the file itself.";
    NO_FILE = "no-such-file" NOT_FOUND
        "The workspace has no such file"
        "GET /v1/workspaces/{name}/files lists those of the last index.";
    NOT_A_FILE = "not-a-file" UNPROCESSABLE_ENTITY
        "There is no regular file at this path"
        "Name a file.";
    UNREADABLE = "unreadable-file" UNPROCESSABLE_ENTITY
        "The file cannot be read"
        "Check who may read it.";
    NOT_INDEXED = "not-indexed" CONFLICT
        "The workspace was never indexed"
        "POST /v1/workspaces/{name}/index, and wait for the job.";
    NO_JOB = "no-such-job" NOT_FOUND
        "There is no job of this id"
        "GET /v1/jobs lists them. Old ones are forgotten, and all at a restart.";
    BUSY = "busy" SERVICE_UNAVAILABLE
        "Too much work is waiting"
        "Wait as long as `Retry-After` says, and try again.";
    TOO_MANY_JOBS = "too-many-jobs" SERVICE_UNAVAILABLE
        "Too many jobs are waiting"
        "Wait for some of them, or cancel them.";
    STOPPING = "stopping" SERVICE_UNAVAILABLE
        "The service is ending"
        "Another instance will answer; try again.";
    TREE_TOO_LARGE = "tree-too-large" UNPROCESSABLE_ENTITY
        "The tree is too large to be handed out in this form"
        "Ask for it as bytecode, or page through /nodes.";
    NOT_ACCEPTABLE = "no-acceptable-form" NOT_ACCEPTABLE
        "A tree has no form that is acceptable"
        "`expected` names those that there are; or say `format`.";
    STORE = "store-failed" INTERNAL_SERVER_ERROR
        "The store cannot be read or written"
        "What was stored before is safe. Tell whoever runs the service.";
    STATE = "state-failed" INTERNAL_SERVER_ERROR
        "The list of workspaces cannot be written"
        "Nothing was changed. Tell whoever runs the service.";
    JOB_FAILED = "job-failed" INTERNAL_SERVER_ERROR
        "The job ended before it was done"
        "What was done until then is kept. Tell whoever runs the service.";
    NOT_IN_BASELINE = "not-in-baseline" NOT_IMPLEMENTED
        "The baseline does not do this"
        "It is there to be compared with: it keeps nothing. Start the service without it.";
}
