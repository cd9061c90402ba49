//! What can go wrong, and what is said of it: the one place where failures of the
//! engine become answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium::index::{IndexError, OpenError, TablesError};
use herbarium::languages::ParseError;
use herbarium::query::{QueryError, QueryErrorKind};
use herbarium::store::StoreError;
use herbarium::{Error, NoQuery};
use serde_json::json;
use serde_json::value::RawValue;

use crate::beneath::NoFile;
use crate::kinds;

pub(crate) use herbarium_http::Problem;

/// So much of what a client sent is said back to it.
const MOST_ECHOED: usize = 100;

fn echo(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_ECHOED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug())
}

pub(crate) fn to_raw(problem: &Problem) -> Arc<RawValue> {
    raw(problem).into()
}

pub(crate) fn raw(problem: &Problem) -> Box<RawValue> {
    let text = serde_json::to_string(problem).unwrap_or_else(|_| "null".to_owned());
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

pub(crate) fn bad_key(found: &str) -> Problem {
    Problem::new(&kinds::BAD_KEY)
        .detail("read the key of a tree")
        .expected("64 hexadecimal digits")
        .found(echo(found))
}

pub(crate) fn no_node(id: usize, nodes: usize) -> Problem {
    Problem::new(&kinds::NO_NODE)
        .detail(format!("look up node {id}"))
        .expected(format!("a number below {nodes}"))
        .found(id.to_string())
}

pub(crate) fn nothing_there(source_bytes: u32) -> Problem {
    Problem::new(&kinds::NO_NODE)
        .detail("look for the node at a place")
        .expected(format!("a place in the {source_bytes} bytes of the source"))
}

pub(crate) fn bad_place(found: &'static str) -> Problem {
    Problem::new(&kinds::BAD_PLACE)
        .detail("read a place")
        .expected("`byte`, or `row` and `column`; an end of the same form, not before the start")
        .found(found)
}

pub(crate) fn bad_number(name: &'static str, found: u64, most: u64) -> Problem {
    Problem::new(&kinds::BAD_NUMBER)
        .detail(format!("read `{name}`"))
        .expected(format!("a number from 1 to {most}"))
        .found(found.to_string())
        .with("parameter", name)
}

pub(crate) fn bad_bound(name: &'static str, found: u64, most: u64) -> Problem {
    Problem::new(&kinds::BAD_NUMBER)
        .detail(format!("read `{name}`"))
        .expected(format!("a number up to {most}"))
        .found(found.to_string())
        .with("parameter", name)
}

pub(crate) fn too_many(what: &'static str, found: u64, most: u64) -> Problem {
    Problem::new(&kinds::TOO_MANY)
        .detail(format!("count the {what}"))
        .expected(format!("{most} at most"))
        .found(found.to_string())
}

pub(crate) fn language_needed() -> Problem {
    Problem::new(&kinds::LANGUAGE_NEEDED)
        .detail("find out the language of the source")
        .expected("`language`, or a `path` that tells it")
        .found("neither")
}

pub(crate) fn no_language(id: &str) -> Problem {
    Problem::new(&kinds::NO_LANGUAGE)
        .detail("look up a language")
        .expected("an id that GET /v1/languages lists")
        .found(echo(id))
}

pub(crate) fn source_too_large(len: u64, most: u64) -> Problem {
    Problem::new(&kinds::SOURCE_TOO_LARGE)
        .detail("measure the source")
        .expected(format!("{most} bytes at most"))
        .found(format!("{len} bytes"))
}

/// A tree that cannot be opened.
pub(crate) fn open(error: &OpenError) -> Problem {
    let kind = match error {
        OpenError::NoTree { .. } => &kinds::NO_TREE,
        OpenError::NoLanguage { id } => return no_language(id),
        OpenError::TooLarge { len, limit, .. } => return source_too_large(*len, *limit),
        OpenError::TooDense { needed, limit, .. } => return too_dense(*needed, *limit),
        OpenError::Parse { source, .. } => return parse(source),
        OpenError::Hangs { id, .. } => return hangs(id),
        OpenError::UnknownLanguage { path } => return unknown_language(path),
        OpenError::NotBuilt { id, .. } => return not_built(id),
        OpenError::Encoding { found, .. } => {
            return Problem::new(&kinds::NO_TEXT)
                .detail("read the source")
                .expected("text in UTF-8, or in another encoding that extends ASCII")
                .found(*found);
        }
        OpenError::InjectionOnly { .. } => &kinds::INJECTION_ONLY,
        OpenError::Filtered { .. } => &kinds::FILTERED,
        OpenError::Changing { .. } => &kinds::CHANGING,
        OpenError::NotAFile { .. } => &kinds::NOT_A_FILE,
        OpenError::Read { .. } => &kinds::UNREADABLE,
        OpenError::Capture { .. } => &kinds::PARSE_FAILED,
        _ => &kinds::STORE,
    };
    tell_ours(kind, error);
    let of = |kind| Problem::new(kind).detail("open the tree");
    match error {
        OpenError::NoTree { key } => Problem::new(kind)
            .detail("look up a tree")
            .expected("a key that a tree is stored under")
            .found(format!("`{key}`")),
        OpenError::InjectionOnly { .. } => of(kind).expected("a language that stands by itself"),
        OpenError::Filtered { .. } => of(kind).expected("a language that this service has"),
        OpenError::Changing { .. } => {
            of(kind).expected("a file that stays as it is while it is read")
        }
        OpenError::NotAFile { .. } => of(kind).expected("a regular file"),
        OpenError::Read { .. } => of(kind).expected("a file that may be read"),
        _ => of(kind),
    }
}

/// What is our own fault is told to whoever runs the service; the client gets no paths.
fn tell_ours(kind: &herbarium_http::ProblemKind, error: &dyn std::error::Error) {
    if kind.status().is_server_error() {
        let why = error.source().map(ToString::to_string);
        tracing::error!(%error, why, "a request failed");
    }
}

fn unknown_language(path: &Path) -> Problem {
    let name = path.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
    Problem::new(&kinds::UNKNOWN_LANGUAGE)
        .detail("find out the language of the source")
        .expected("a name that a language claims, or `language`")
        .found(echo(&name))
}

fn not_built(id: &str) -> Problem {
    Problem::new(&kinds::NOT_BUILT)
        .detail("find a parser for the source")
        .expected("a language that is built in")
        .found(format!("`{id}`"))
        .with("language", id)
}

fn too_dense(needed: u64, limit: u64) -> Problem {
    Problem::new(&kinds::TOO_DENSE)
        .detail("estimate the memory that parsing takes")
        .expected(format!("{} MiB at most", limit >> 20))
        .found(format!("{} MiB", needed.div_ceil(1 << 20)))
}

fn hangs(id: &str) -> Problem {
    Problem::new(&kinds::LANGUAGE_HANGS)
        .detail("parse the source")
        .expected("a parser that comes to its end")
        .found(format!("one of `{id}` that does not"))
        .with("language", id)
}

fn parse(error: &ParseError) -> Problem {
    match error {
        ParseError::TooLarge { len, limit } => source_too_large(*len as u64, *limit as u64),
        ParseError::TimedOut { .. } => {
            let problem = Problem::new(&kinds::PARSE_TIMEOUT).detail("parse the source");
            problem.expected("a source that is parsed in time").found(error.to_string())
        }
        ParseError::Cancelled => stopping(),
        _ => {
            tell_ours(&kinds::PARSE_FAILED, error);
            Problem::new(&kinds::PARSE_FAILED).detail("parse the source")
        }
    }
}

/// A parse of the baseline.
pub(crate) fn press(error: &Error) -> Problem {
    match error {
        Error::NoLanguage { id } => {
            match herbarium::languages::known().iter().any(|it| it.id == *id) {
                true => not_built(id),
                false => no_language(id),
            }
        }
        Error::Parse(error) => parse(error),
        _ => {
            tell_ours(&kinds::PARSE_FAILED, error);
            Problem::new(&kinds::PARSE_FAILED).detail("parse the source")
        }
    }
}

/// The problem is one of this file.
pub(crate) fn in_file(problem: Problem, path: &str) -> Problem {
    problem.with("path", path)
}

pub(crate) fn bad_path(path: &str, why: &'static str) -> Problem {
    Problem::new(&kinds::BAD_PATH)
        .detail(format!("read the path {}", echo(path)))
        .expected("the path of a file within the workspace, such as `src/main.rs`")
        .found(why)
}

pub(crate) fn no_file(workspace: &str, path: &str, why: NoFile, most: u64) -> Problem {
    let of = |kind| {
        Problem::new(kind)
            .detail(format!("open {} in `{workspace}`", echo(path)))
            .with("path", path)
    };
    match why {
        NoFile::Missing => of(&kinds::NO_FILE).expected("a file").found("nothing"),
        NoFile::Outside => {
            of(&kinds::OUTSIDE).expected("a file below the workspace's folder").found("a way out")
        }
        NoFile::NotAFile(found) => of(&kinds::NOT_A_FILE).expected("a regular file").found(found),
        NoFile::TooLong(len) => source_too_large(len, most).with("path", path),
        NoFile::Unreadable(error) => of(&kinds::UNREADABLE)
            .expected("a file that may be read")
            .found(error.kind().to_string()),
    }
}

pub(crate) fn bad_query(language: &str, error: &QueryError) -> Problem {
    bad_query_in(&[(language.to_owned(), error)])
}

/// A query that is wrong in each of these languages.
pub(crate) fn bad_query_in(wrong: &[(String, &QueryError)]) -> Problem {
    let of = |kind| Problem::new(kind).detail("compile the query");
    let Some((language, first)) = wrong.first() else { return of(&kinds::BAD_QUERY) };
    let kind = match first.kind {
        QueryErrorKind::TooSlow => &kinds::QUERY_TOO_SLOW,
        _ => &kinds::BAD_QUERY,
    };
    let all = wrong.iter().map(|(language, error)| {
        json!({ "language": language, "row": error.row, "column": error.column,
            "message": error.to_string() })
    });
    of(kind)
        .expected(format!("a query of {language}"))
        .found(first.to_string())
        .with("row", first.row)
        .with("column", first.column)
        .with("offset", first.offset)
        .with("languages", all.collect::<Vec<_>>())
}

pub(crate) fn query_too_long(len: usize, most: usize) -> Problem {
    Problem::new(&kinds::QUERY_TOO_LONG)
        .detail("measure the query")
        .expected(format!("{most} bytes at most"))
        .found(format!("{len} bytes"))
}

pub(crate) fn no_query(language: &str, error: &NoQuery) -> Problem {
    match error {
        NoQuery::Wrong(error) => bad_query(language, error),
        NoQuery::NoTables(error) => no_tables(language, error),
    }
}

pub(crate) fn no_tables(language: &str, error: &TablesError) -> Problem {
    let kind = match error {
        TablesError::Unknown { id } => return no_language(id),
        TablesError::Store(_) => &kinds::STORE,
        _ => &kinds::NO_TABLES,
    };
    tell_ours(kind, error);
    Problem::new(kind)
        .detail(format!("compile a query for `{language}`"))
        .expected("a language that is built in, or whose tables are stored")
}

pub(crate) fn no_symbols(language: &str) -> Problem {
    Problem::new(&kinds::NO_TABLES)
        .detail("find the symbols of a source")
        .expected("a language whose symbols are known")
        .found(format!("`{language}`"))
        .help("GET /v1/languages says of each whether they are")
}

pub(crate) fn source_needed(why: &'static str) -> Problem {
    Problem::new(&kinds::SOURCE_NEEDED)
        .detail("find the source of the tree")
        .expected("`source` in the request, or a workspace's file with that tree")
        .found(format!("neither, and {why}"))
}

pub(crate) fn source_mismatch() -> Problem {
    Problem::new(&kinds::SOURCE_MISMATCH)
        .detail("compare `source` with the tree")
        .expected("the source of the tree, byte for byte")
        .found("another text")
}

pub(crate) fn bad_cursor(found: &'static str) -> Problem {
    Problem::new(&kinds::BAD_CURSOR)
        .detail("read `cursor`")
        .expected("a cursor from an answer to the same request")
        .found(found)
}

pub(crate) fn bad_search(found: &'static str) -> Problem {
    Problem::new(&kinds::BAD_SEARCH)
        .detail("find out what is to be asked")
        .expected("`workspace`, or `keys`")
        .found(found)
}

pub(crate) fn bad_word(name: &'static str, found: &str, expected: &'static str) -> Problem {
    Problem::new(&herbarium_http::kinds::MALFORMED_BODY)
        .detail(format!("read `{name}`"))
        .expected(expected)
        .found(echo(found))
        .with("parameter", name)
}

pub(crate) fn internal(what: &'static str) -> Problem {
    Problem::new(&herbarium_http::kinds::INTERNAL).detail(what)
}

pub(crate) fn no_workspace(name: &str) -> Problem {
    Problem::new(&kinds::NO_WORKSPACE)
        .detail("look up a workspace")
        .expected("a name that GET /v1/workspaces lists")
        .found(echo(name))
}

pub(crate) fn workspace_exists(name: &str) -> Problem {
    Problem::new(&kinds::WORKSPACE_EXISTS)
        .detail(format!("add workspace {}", echo(name)))
        .expected("a name that is free, or the folder that has it")
        .found("another folder")
}

pub(crate) fn bad_name(name: &str) -> Problem {
    Problem::new(&kinds::BAD_NAME)
        .detail("read the name of a workspace")
        .expected("lower-case letters, digits, `.`, `_` and `-`, 64 at most")
        .found(echo(name))
}

pub(crate) fn bad_root(path: &str, why: &'static str) -> Problem {
    Problem::new(&kinds::BAD_ROOT)
        .detail(format!("open the folder {}", echo(path)))
        .expected("a folder, by its absolute path")
        .found(why)
}

pub(crate) fn root_not_allowed(path: &str) -> Problem {
    Problem::new(&kinds::ROOT_NOT_ALLOWED)
        .detail(format!("add a workspace at {}", echo(path)))
        .expected("a folder within those that are allowed")
        .found("another")
}

pub(crate) fn not_indexed(name: &str) -> Problem {
    Problem::new(&kinds::NOT_INDEXED)
        .detail(format!("look up the files of `{name}`"))
        .expected("a workspace that was indexed")
        .found("one that was not")
        .help(format!("POST /v1/workspaces/{name}/index"))
}

pub(crate) fn index(error: &IndexError) -> Problem {
    tell_ours(&kinds::STORE, error);
    match error {
        IndexError::Root { .. } | IndexError::NotIndexable { .. } => Problem::new(&kinds::BAD_ROOT)
            .detail("open the folder of the workspace")
            .expected("the folder that was added")
            .found("nothing, or something else in its place"),
        _ => Problem::new(&kinds::STORE).detail("read or write the store"),
    }
}

pub(crate) fn state(error: &std::io::Error) -> Problem {
    tell_ours(&kinds::STATE, error);
    Problem::new(&kinds::STATE)
        .detail("write the list of workspaces")
        .found(error.kind().to_string())
}

pub(crate) fn store(error: &dyn std::error::Error) -> Problem {
    tell_ours(&kinds::STORE, error);
    Problem::new(&kinds::STORE).detail("read or write the store")
}

/// A tree that was to be kept.
pub(crate) fn not_stored(error: &StoreError) -> Problem {
    tell_ours(&kinds::NOT_STORED, error);
    let found = match error {
        StoreError::Io { source, .. } => source.kind().to_string(),
        StoreError::ReadOnly { .. } => "a store for reading only".to_owned(),
        _ => "another fault of the store".to_owned(),
    };
    Problem::new(&kinds::NOT_STORED)
        .detail("store the tree")
        .expected("a store with room, that may be written to")
        .found(found)
}

pub(crate) fn no_job(id: &str) -> Problem {
    Problem::new(&kinds::NO_JOB)
        .detail("look up a job")
        .expected("an id that GET /v1/jobs lists")
        .found(echo(id))
}

pub(crate) fn busy() -> Problem {
    Problem::new(&kinds::BUSY)
        .detail("wait for a worker")
        .expected("a place among those that wait")
        .found("none")
        .retry_after(Duration::from_secs(1))
}

pub(crate) fn too_many_jobs(found: usize) -> Problem {
    Problem::new(&kinds::TOO_MANY_JOBS)
        .detail("queue a job")
        .found(format!("{found} that wait or run"))
        .retry_after(Duration::from_secs(10))
}

pub(crate) fn stopping() -> Problem {
    Problem::new(&kinds::STOPPING).detail("begin with the work").retry_after(Duration::from_secs(1))
}

pub(crate) fn job_panicked() -> Problem {
    Problem::new(&kinds::JOB_FAILED).detail("run the job").found("a fault of the service")
}

pub(crate) fn tree_too_large(nodes: usize, most: usize) -> Problem {
    Problem::new(&kinds::TREE_TOO_LARGE)
        .detail("write the tree as an S-expression")
        .expected(format!("{most} nodes at most"))
        .found(format!("{nodes} nodes"))
}

pub(crate) fn not_acceptable(forms: &'static str, found: &str) -> Problem {
    Problem::new(&kinds::NOT_ACCEPTABLE).detail("read `Accept`").expected(forms).found(echo(found))
}

pub(crate) fn not_in_baseline() -> Problem {
    Problem::new(&kinds::NOT_IN_BASELINE)
        .detail("answer as the baseline")
        .expected("a request for one file of a workspace, or with a source")
}
