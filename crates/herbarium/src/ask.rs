//! What queries and symbols have in common: which files are asked, with what, and
//! what is said of the rest.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use herbarium_index::{Engine, Problem, Snapshot, TablesError, Visitor};
use herbarium_languages::known;
use herbarium_query::QueryError;

use crate::{Error, NoQuery, Scope};

/// What came of a question.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer<T> {
    /// The files with something to say, in the order of their paths.
    pub files: Vec<T>,
    /// Languages that the query is wrong for, by id, which were left out.
    pub wrong: Vec<(String, QueryError)>,
    /// Languages that could not be asked: not built in, and no tables in the store.
    pub unasked: Vec<(String, TablesError)>,
    /// Files without an answer: changed, gone, unreadable, too large. Where a tree was
    /// damaged, it is pressed again, and the file is not among them.
    pub missed: Vec<Problem>,
    /// Number of files that were asked.
    pub asked: u64,
    /// Whether it was ended before all files were asked.
    pub stopped: bool,
}

/// A question for each language.
pub(crate) struct Questions<Q> {
    of_language: HashMap<&'static str, Q>,
    snapshot: Snapshot,
    wrong: Vec<(String, QueryError)>,
    unasked: Vec<(String, TablesError)>,
    missed: Vec<Problem>,
}

/// Finds the files, and makes the question of each language among them; none for
/// languages that have none.
pub(crate) fn prepare<Q>(
    engine: &Engine,
    scope: &Scope,
    make: impl Fn(&'static str) -> Option<Result<Q, NoQuery>>,
) -> Result<Questions<Q>, Error> {
    check_languages(scope)?;
    let (mut snapshot, missed) = find(engine, scope)?;
    snapshot.retain_languages(|id| scope.languages.is_empty() || scope.languages.contains(id));
    let (mut of_language, mut wrong, mut unasked) = (HashMap::new(), Vec::new(), Vec::new());
    let occurs: BTreeSet<String> = snapshot.languages().into_keys().map(str::to_owned).collect();
    for row in known().iter().filter(|row| occurs.contains(row.id)) {
        match make(row.id) {
            Some(Ok(question)) => drop(of_language.insert(row.id, question)),
            Some(Err(NoQuery::Wrong(error))) => wrong.push((row.id.to_owned(), error)),
            Some(Err(NoQuery::NoTables(error))) => unasked.push((row.id.to_owned(), error)),
            None => {}
        }
    }
    snapshot.retain_languages(|id| of_language.contains_key(id));
    Ok(Questions { of_language, snapshot, wrong, unasked, missed })
}

fn check_languages(scope: &Scope) -> Result<(), Error> {
    let is_known = |id: &&String| known().iter().any(|row| row.id == **id);
    match scope.languages.iter().find(|id| !is_known(id)) {
        Some(id) => Err(Error::NoLanguage { id: id.clone() }),
        None => Ok(()),
    }
}

fn find(engine: &Engine, scope: &Scope) -> Result<(Snapshot, Vec<Problem>), Error> {
    if scope.as_stored {
        return Ok((engine.snapshot(scope.paths())?, Vec::new()));
    }
    let (report, snapshot) = engine.refresh(scope.paths(), &(), &scope.cancel)?;
    Ok((snapshot, report.problems))
}

impl<Q> Questions<Q> {
    /// The questions by language, to be kept beside the visitor that asks them.
    pub(crate) fn take(&mut self) -> HashMap<&'static str, Q> {
        std::mem::take(&mut self.of_language)
    }

    /// Fails where the query is wrong for all of the languages.
    pub(crate) fn check(mut self) -> Result<Self, Error> {
        if self.of_language.is_empty() && !self.wrong.is_empty() {
            let (language, error) = self.wrong.swap_remove(0);
            return Err(Error::Query { language, error: Box::new(error) });
        }
        Ok(self)
    }

    /// Asks.
    pub(crate) fn run<V: Visitor, T>(
        self,
        engine: &Engine,
        scope: &Scope,
        visitor: &V,
        hear: impl FnMut(V::Item) -> ControlFlow<()>,
    ) -> Result<Answer<T>, Error> {
        let report = engine.scan(&self.snapshot, visitor, hear, &scope.cancel)?;
        Ok(Answer {
            files: Vec::new(),
            wrong: self.wrong,
            unasked: self.unasked,
            missed: self.missed.into_iter().chain(report.missed).collect(),
            asked: report.files,
            stopped: report.stopped,
        })
    }
}
