//! What queries match.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use herbarium_codec::Range;
use herbarium_index::{Missed, Outlet, ScanFile, Visitor};
use herbarium_query::{Demands, Query, QueryCursor, QueryMatch};

use crate::{Answer, Error, Herbarium, Scope, ask};

/// What a query matches in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileMatches {
    /// The file.
    pub path: PathBuf,
    /// The id of its language.
    pub language: &'static str,
    /// The matches, in tree-sitter's order.
    pub matches: Vec<Match>,
    /// Whether these are all: the query did not meet its time limit.
    pub complete: bool,
}

/// One match.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Match {
    /// Number of the pattern in the query.
    pub pattern: usize,
    /// What was captured, in the order in which it was.
    pub captures: Vec<Capture>,
}

/// A captured node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capture {
    /// Name of the capture, without `@`.
    pub name: Arc<str>,
    /// Kind of the node.
    pub kind: String,
    /// Where it stands.
    pub range: Range,
    /// Its text. What is not UTF-8 is replaced.
    pub text: String,
}

/// A query, and the names of its captures by number.
struct Question {
    query: Arc<Query>,
    names: Vec<Arc<str>>,
}

pub(crate) fn run(
    herbarium: &Herbarium,
    scope: &Scope,
    text: &str,
    hear: impl FnMut(FileMatches) -> ControlFlow<()>,
) -> Result<Answer<FileMatches>, Error> {
    let make = |id| {
        Some(herbarium.compile(id, text).map(|query| Question {
            names: query.capture_names().iter().map(|name| Arc::from(name.as_str())).collect(),
            query,
        }))
    };
    let engine = herbarium.engine();
    let mut questions = ask::prepare(engine, scope, make)?.check()?;
    let asked = questions.take();
    let with_demands = |(id, question): (&&'static str, _)| (*id, Asked::new(question));
    let asker = Asker { of_language: asked.iter().map(with_demands).collect(), scope };
    questions.run(engine, scope, &asker, hear)
}

/// A question, with what a file must have for a match: worked out once.
struct Asked<'a> {
    question: &'a Question,
    demands: Demands<'a>,
}

impl<'a> Asked<'a> {
    fn new(question: &'a Question) -> Self {
        Self { question, demands: question.query.demands() }
    }
}

struct Asker<'a> {
    of_language: HashMap<&'static str, Asked<'a>>,
    scope: &'a Scope,
}

impl Visitor for Asker<'_> {
    type Tools = QueryCursor;
    type Item = FileMatches;

    fn tools(&self) -> QueryCursor {
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(self.scope.time_limit));
        cursor
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        cursor: &mut QueryCursor,
        outlet: &mut Outlet<'_, FileMatches>,
    ) -> Result<(), Missed> {
        let Some(asked) = self.of_language.get(file.language().id) else { return Ok(()) };
        let Asked { question, demands } = asked;
        if !demands.allow_kinds(|kind| file.may_have(kind)) || !demands.allow_text(file.source()?) {
            return Ok(());
        }
        let (path, language, stop) = (file.path().to_owned(), file.language().id, file.stop_flag());
        let (tree, source) = file.open()?;
        let mut all = Vec::new();
        let mut matches =
            cursor.matches_until(&question.query, tree.root_node(), source, Some(stop));
        while let Some(one) = matches.next_match() {
            all.push(owned(&one, &question.names, source));
        }
        drop(matches);
        let complete = !cursor.did_stop() && !cursor.did_exceed_match_limit();
        if !all.is_empty() || !complete {
            outlet.send(FileMatches { path, language, matches: all, complete });
        }
        Ok(())
    }
}

fn owned(one: &QueryMatch<'_, '_>, names: &[Arc<str>], source: &[u8]) -> Match {
    let capture = |capture: herbarium_query::QueryCapture<'_>| {
        let text = source.get(capture.node.byte_range()).unwrap_or_default();
        Capture {
            name: names.get(capture.index as usize).cloned().unwrap_or_default(),
            kind: capture.node.kind().to_owned(),
            range: capture.node.range(),
            text: String::from_utf8_lossy(text).into_owned(),
        }
    };
    Match { pattern: one.pattern_index, captures: one.captures().map(capture).collect() }
}
