//! A query over trees by their keys.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use herbarium::query::{Query, QueryCursor};
use herbarium::store::TreeKey;

use super::{Item, Place, Reach, Teller, compile_for, head, is_cut};
use crate::asking::{MatchWriter, looks_at_text};
use crate::lines::{Line, Lines, line};
use crate::nested::open_object;
use crate::opening::{Opened, hex};
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{FileProblem, SearchEnd, SearchHead};

/// A query over keys, ready to be run.
pub(crate) struct KeySearch {
    pub(crate) keys: Vec<TreeKey>,
    pub(crate) languages: Vec<String>,
    pub(crate) query: String,
    pub(crate) text: Option<bool>,
    pub(crate) reach: Reach,
}

/// One whose trees were opened.
pub(crate) struct Ready {
    search: KeySearch,
    queries: HashMap<&'static str, Arc<Query>>,
    absent: Vec<FileProblem>,
    head: SearchHead,
}

#[derive(serde::Serialize)]
struct KeyFront<'a> {
    key: String,
    language: &'a str,
}

impl Shared {
    /// Opens the trees, to say at once which are missing, and compiles the query for their
    /// languages. Blocks.
    pub(crate) fn prepare_keys(&self, search: KeySearch) -> Result<Ready, Problem> {
        let (mut languages, mut absent) = (BTreeSet::new(), Vec::new());
        for key in &search.keys {
            match self.open_key(key) {
                Ok(opened) => drop(languages.insert(opened.language)),
                Err(problem) => absent.push(FileProblem::of_key(key, &problem)),
            }
        }
        languages
            .retain(|id| search.languages.is_empty() || search.languages.iter().any(|it| it == id));
        let deadline = self.compile_time();
        let compile =
            |id: &'static str| Some(self.herbarium.compile_until(id, &search.query, deadline));
        let (queries, left_out) = compile_for(languages.into_iter().collect(), compile)?;
        let head = head(search.keys.len(), &queries, left_out);
        Ok(Ready { search, queries, absent, head })
    }

    /// Asks one tree after the other; the last line.
    pub(crate) fn run_keys(&self, ready: Ready, lines: &Lines) -> Result<SearchEnd, Problem> {
        let Ready { search, queries, absent, head } = ready;
        let mut teller = Teller::new(lines, &search.reach);
        let mut tell = || {
            teller.send(line(&Line::Head(&head)))?;
            absent.iter().try_for_each(|fault| teller.missed(fault))?;
            self.ask_keys(&search, &queries, lines, &mut teller)
        };
        let stopped = tell().is_break();
        Ok(teller.end(stopped))
    }

    fn ask_keys(
        &self,
        search: &KeySearch,
        queries: &HashMap<&'static str, Arc<Query>>,
        lines: &Lines,
        teller: &mut Teller<'_>,
    ) -> ControlFlow<()> {
        let from = search.reach.from.as_ref();
        let first = from.and_then(|it| std::str::from_utf8(&it.at).ok()?.parse::<usize>().ok());
        for (number, key) in search.keys.iter().enumerate().skip(first.unwrap_or(0)) {
            let skip = from.filter(|_| Some(number) == first).map_or(0, |it| it.entries);
            let Ok(opened) = self.open_key(key) else { continue };
            let Some(query) = queries.get(opened.language) else { continue };
            let source = match self.source_for(search, &opened) {
                Ok(source) => source,
                Err(problem) => {
                    teller.missed(&FileProblem::of_key(key, &problem))?;
                    continue;
                }
            };
            let place = Arc::new(Place { at: number.to_string().into_bytes(), key: *key });
            let one = OneKey { opened: &opened, query, place, skip };
            one.ask(self, source.as_deref(), search.text, lines, teller)?;
        }
        ControlFlow::Continue(())
    }

    fn source_for(
        &self,
        search: &KeySearch,
        opened: &Opened,
    ) -> Result<Option<Arc<[u8]>>, Problem> {
        let must = looks_at_text(&search.query);
        if !must && search.text != Some(true) {
            return Ok(None);
        }
        let found = self.find_source(opened);
        found.map(Some).ok_or_else(|| problem::source_needed("the query has to do with text"))
    }
}

/// A tree that is being asked.
struct OneKey<'a> {
    opened: &'a Opened,
    query: &'a Query,
    place: Arc<Place>,
    skip: u64,
}

impl OneKey<'_> {
    fn ask(
        &self,
        shared: &Shared,
        source: Option<&[u8]>,
        text: Option<bool>,
        lines: &Lines,
        teller: &mut Teller<'_>,
    ) -> ControlFlow<()> {
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(shared.options.query_time));
        cursor.set_match_limit(shared.options.max_pending_matches);
        let texts = source.filter(|_| text != Some(false));
        let writer = MatchWriter::new(self.query, texts, shared.options.max_capture_text);
        let mut front = b"{\"match\":".to_vec();
        let (key, language) = (hex(&self.opened.key), self.opened.language);
        open_object(&mut front, &KeyFront { key, language });
        front.push(b',');
        let (root, stop) = (self.opened.tree.root_node(), lines.cancel().as_atomic());
        let source = source.unwrap_or_default();
        let mut matches = cursor.matches_until(self.query, root, source, Some(stop));
        let mut entries = 0;
        while let Some(one) = matches.next_match() {
            entries += 1;
            if entries <= self.skip {
                continue;
            }
            let mut line = front.clone();
            writer.write(&mut line, one.pattern_index, one.captures());
            line.extend_from_slice(b"}}\n");
            let place = Arc::clone(&self.place);
            teller.hear(Item::Entry { place, line, entries })?;
        }
        drop(matches);
        let is_cut = is_cut(cursor.did_stop(), cursor.did_exceed_match_limit());
        teller.hear(Item::End { place: Arc::clone(&self.place), entries, is_cut })
    }
}

impl FileProblem {
    fn of_key(key: &TreeKey, problem: &Problem) -> Self {
        let (kind, message) = (problem.kind().slug(), problem.to_string());
        Self { path: key.to_string(), kind, message }
    }
}
