//! Queries and symbols over many trees.

mod keys;
mod symbols;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use herbarium::index::{Missed, Outlet, ScanFile, ScanReport, Snapshot, Visitor};
use herbarium::languages::known;
use herbarium::query::{Demands, Query, QueryCursor};
use herbarium::store::{TreeKey, path_bytes};
use herbarium::{NoQuery, query::QueryError};

use crate::asking::MatchWriter;
use crate::cursor::Cursor;
use crate::lines::{Ended, Line, Lines, line};
use crate::metrics::{MATCHES, QUERIES_CUT};
use crate::nested::json;
use crate::opening::hex;
use crate::problem::{self, Problem};
use crate::relative::Relative;
use crate::service::Shared;
use crate::types::{FileProblem, SearchEnd, SearchHead};
use crate::workspaces::Workspace;

pub(crate) use keys::KeySearch;
pub(crate) use symbols::Wanted;

/// Where to look, and how far.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) paths: Vec<Relative>,
    pub(crate) languages: Vec<String>,
    pub(crate) reach: Reach,
}

/// How far an answer goes, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// The hash of the request, for its cursors.
    pub(crate) request: u64,
    pub(crate) from: Option<Cursor>,
    pub(crate) most: u64,
}

/// A cursor comes after so many entries, or after so long.
const CURSOR_EVERY: u64 = 100;
const CURSOR_AFTER: Duration = Duration::from_secs(1);

/// A file of an answer.
#[derive(Debug)]
pub(crate) struct Place {
    at: Vec<u8>,
    key: TreeKey,
}

/// What comes of a file.
pub(crate) enum Item {
    /// An entry, as a line, and how many of its file there are with it.
    Entry { place: Arc<Place>, line: Vec<u8>, entries: u64 },
    /// The file is done; whether a limit ended it.
    End { place: Arc<Place>, entries: u64, is_cut: bool },
}

/// Hands entries on, with cursors between them, as far as the answer goes.
pub(crate) struct Teller<'a> {
    lines: &'a Lines,
    reach: &'a Reach,
    found: u64,
    cut_files: u64,
    missed: u64,
    at: Option<Cursor>,
    since_cursor: u64,
    told: Instant,
    stopped_by: Option<&'static str>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(lines: &'a Lines, reach: &'a Reach) -> Self {
        if let Some(from) = &reach.from {
            lines.set_pulse(&from.write(reach.request));
        }
        Self {
            lines,
            reach,
            found: 0,
            cut_files: 0,
            missed: 0,
            at: reach.from.clone(),
            since_cursor: 0,
            told: Instant::now(),
            stopped_by: None,
        }
    }

    pub(crate) fn hear(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Entry { place, line, entries } => {
                if self.found >= self.reach.most {
                    self.stopped_by = Some("max_matches");
                    return ControlFlow::Break(());
                }
                self.send(line)?;
                self.found += 1;
                self.since_cursor += 1;
                self.reached(&place, entries);
            }
            Item::End { place, entries, is_cut } => {
                self.cut_files += u64::from(is_cut);
                self.reached(&place, entries);
            }
        }
        let is_long_ago = self.told.elapsed() >= CURSOR_AFTER;
        if self.since_cursor >= CURSOR_EVERY || (self.since_cursor > 0 && is_long_ago) {
            self.since_cursor = 0;
            self.told = Instant::now();
            if let Some(cursor) = self.cursor() {
                self.send(line(&Line::Cursor(&cursor)))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn reached(&mut self, place: &Place, entries: u64) {
        let mut tree = [0; 8];
        tree.copy_from_slice(place.key.0.first_chunk::<8>().unwrap_or(&[0; 8]));
        let (at, is_same) = match self.at.take() {
            Some(cursor) if cursor.at == place.at => (cursor.at, true),
            _ => (place.at.clone(), false),
        };
        self.at = Some(Cursor { at, tree, entries });
        if !is_same && let Some(cursor) = self.cursor() {
            self.lines.set_pulse(&cursor);
        }
    }

    fn send(&mut self, line: Vec<u8>) -> ControlFlow<()> {
        match self.lines.send(line) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(why) => {
                self.stopped_by = Some(match why {
                    Ended::Time => "time",
                    Ended::Stalled => "stalled",
                    Ended::Gone | Ended::Stopping => "stopping",
                });
                ControlFlow::Break(())
            }
        }
    }

    pub(crate) fn missed(&mut self, problem: &FileProblem) -> ControlFlow<()> {
        self.missed += 1;
        self.send(line(&Line::Missed(problem)))
    }

    fn cursor(&self) -> Option<String> {
        self.at.as_ref().map(|at| at.write(self.reach.request))
    }

    /// The last line.
    pub(crate) fn end(self, stopped: bool) -> SearchEnd {
        MATCHES.as_counter(&[]).increment(self.found);
        let stopped_by = self.stopped_by.or(stopped.then_some("stopping"));
        SearchEnd {
            found: self.found,
            complete: stopped_by.is_none() && self.cut_files == 0 && self.missed == 0,
            stopped_by,
            cut_files: self.cut_files,
            missed: self.missed,
            cursor: stopped_by.and_then(|_| self.cursor()),
        }
    }
}

/// A query over the files of a workspace, ready to be run.
pub(crate) struct Search {
    field: Field,
    snapshot: Snapshot,
    queries: HashMap<&'static str, Arc<Query>>,
    head: SearchHead,
    text: bool,
}

impl Shared {
    /// Finds the files, and compiles the query for their languages. Blocks.
    pub(crate) fn prepare_search(
        &self,
        field: Field,
        query: &str,
        text: bool,
    ) -> Result<Search, Problem> {
        let mut snapshot = self.snapshot(&field)?;
        let deadline = self.compile_time();
        let compile = |id: &'static str| Some(self.herbarium.compile_until(id, query, deadline));
        let (queries, left_out) = compile_for(languages_of(&snapshot), compile)?;
        snapshot.retain_languages(|id| queries.contains_key(id));
        let head = head(snapshot.len(), &queries, left_out);
        Ok(Search { field, snapshot, queries, head, text })
    }

    /// The files of a field that the store has trees of, from its cursor on.
    fn snapshot(&self, field: &Field) -> Result<Snapshot, Problem> {
        if self.options.baseline {
            return Err(problem::not_in_baseline());
        }
        let known_ids = |id: &&String| !known().iter().any(|row| row.id == **id);
        if let Some(unknown) = field.languages.iter().find(known_ids) {
            return Err(problem::no_language(unknown));
        }
        let root = &field.workspace.root;
        let snapshot = self.engine().snapshot(std::slice::from_ref(root));
        let mut snapshot = snapshot.map_err(|error| problem::index(&error))?;
        if !snapshot.unknown_paths().is_empty() {
            return Err(problem::not_indexed(&field.workspace.name));
        }
        snapshot.retain_paths(|path| {
            let Ok(path) = path.strip_prefix(root) else { return false };
            let is_wanted = field.paths.is_empty() || field.paths.iter().any(|it| it.holds(path));
            // All of those before it were handed out.
            let is_left = |from: &Cursor| path_bytes(path) >= from.at;
            is_wanted && field.reach.from.as_ref().is_none_or(is_left)
        });
        snapshot.retain_languages(|id| {
            field.languages.is_empty() || field.languages.iter().any(|it| it == id)
        });
        Ok(snapshot)
    }

    /// Asks the files; the last line.
    pub(crate) fn run_search(&self, search: &Search, lines: &Lines) -> Result<SearchEnd, Problem> {
        // The demands borrow the query.
        let asked = search.queries.iter().map(|(id, query)| (*id, Asked::new(query)));
        let asker = Asker { of_language: asked.collect(), search, shared: self };
        self.scan(&search.field, &search.snapshot, &search.head, &asker, lines)
    }

    /// Runs a scan, and hands its entries on.
    fn scan<V: Visitor<Item = Item>>(
        &self,
        field: &Field,
        snapshot: &Snapshot,
        head: &SearchHead,
        visitor: &V,
        lines: &Lines,
    ) -> Result<SearchEnd, Problem> {
        let mut teller = Teller::new(lines, &field.reach);
        if teller.send(line(&Line::Head(head))).is_break() {
            return Ok(teller.end(true));
        }
        let _watch = Deadline::new(lines);
        let report = self.engine().scan(snapshot, visitor, |it| teller.hear(it), lines.cancel());
        let report = report.map_err(|error| problem::index(&error))?;
        if !report.stopped {
            tell_missed(&mut teller, &report, &field.workspace);
        } else if teller.stopped_by.is_none() && Instant::now() >= lines.deadline() {
            teller.stopped_by = Some("time");
        }
        Ok(teller.end(report.stopped))
    }
}

fn tell_missed(teller: &mut Teller<'_>, report: &ScanReport, workspace: &Workspace) {
    let faults = report.missed.iter().map(|fault| FileProblem::of(fault, workspace));
    for fault in faults {
        if teller.missed(&fault).is_break() {
            return;
        }
    }
}

/// Cancels a scan that finds nothing when its time is up, or the service ends: nobody
/// hears it then.
struct Deadline(tokio::task::AbortHandle);

impl Deadline {
    fn new(lines: &Lines) -> Self {
        let (cancel, deadline) = (lines.cancel().clone(), lines.deadline());
        let mut closing = lines.closing();
        let watch = tokio::spawn(async move {
            let ends = closing.wait_for(|is_closing| *is_closing);
            // Either is a reason.
            let _ = tokio::time::timeout_at(deadline.into(), ends).await;
            cancel.cancel();
        });
        Self(watch.abort_handle())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn languages_of(snapshot: &Snapshot) -> Vec<&'static str> {
    let occurs = snapshot.languages();
    known().iter().map(|row| row.id).filter(|id| occurs.contains_key(id)).collect()
}

type Compiled<Q> = (HashMap<&'static str, Q>, BTreeMap<String, String>);

/// What is asked in each language, and why some are left out. Fails where the query is
/// wrong in all of them.
fn compile_for<Q>(
    languages: Vec<&'static str>,
    compile: impl Fn(&'static str) -> Option<Result<Q, NoQuery>>,
) -> Result<Compiled<Q>, Problem> {
    let (mut queries, mut left_out) = (HashMap::new(), BTreeMap::new());
    let mut wrong: Vec<(String, QueryError)> = Vec::new();
    for id in languages {
        match compile(id) {
            Some(Ok(query)) => drop(queries.insert(id, query)),
            Some(Err(NoQuery::Wrong(error))) => {
                left_out.insert(id.to_owned(), error.to_string());
                wrong.push((id.to_owned(), error));
            }
            Some(Err(NoQuery::NoTables(error))) => {
                drop(left_out.insert(id.to_owned(), error.to_string()));
            }
            None => {}
        }
    }
    if queries.is_empty() && !wrong.is_empty() {
        let wrong: Vec<_> = wrong.iter().map(|(id, error)| (id.clone(), error)).collect();
        return Err(problem::bad_query_in(&wrong));
    }
    Ok((queries, left_out))
}

fn head<Q>(
    files: usize,
    queries: &HashMap<&'static str, Q>,
    left_out: BTreeMap<String, String>,
) -> SearchHead {
    let mut languages: Vec<_> = queries.keys().copied().collect();
    languages.sort_unstable();
    SearchHead { files, languages, left_out }
}

/// A query, with what a file must have for a match: worked out once.
struct Asked<'a> {
    query: &'a Query,
    demands: Demands<'a>,
}

impl<'a> Asked<'a> {
    fn new(query: &'a Query) -> Self {
        Self { query, demands: query.demands() }
    }
}

struct Asker<'a> {
    of_language: HashMap<&'static str, Asked<'a>>,
    search: &'a Search,
    shared: &'a Shared,
}

/// What is written before each entry of a file.
#[derive(serde::Serialize)]
struct FileFront<'a> {
    path: &'a str,
    key: String,
    language: &'a str,
}

/// A file that is being asked: its name in answers, and entries that were handed out
/// before.
pub(crate) struct Visit {
    place: Arc<Place>,
    /// The start of each line.
    front: Vec<u8>,
    skip: u64,
}

impl Visit {
    fn new(field: &Field, file: &ScanFile<'_>, what: &str) -> Option<Self> {
        let path = relative(&field.workspace.root, file.path())?;
        let key = file.key()?;
        let at = path_bytes(&path);
        let from = field.reach.from.as_ref();
        let from = from.filter(|it| it.at == at && it.is_in(&key));
        let skip = from.map_or(0, |it| it.entries);
        let shown = String::from_utf8_lossy(&at).into_owned();
        let language = file.language().id;
        let mut front = format!("{{\"{what}\":").into_bytes();
        let open = FileFront { path: &shown, key: hex(&key), language };
        crate::nested::open_object(&mut front, &open);
        front.push(b',');
        Some(Self { place: Arc::new(Place { at, key }), front, skip })
    }

    /// An entry, unless it was handed out before.
    fn entry(&self, entries: u64, write: impl FnOnce(&mut Vec<u8>)) -> Option<Item> {
        if entries <= self.skip {
            return None;
        }
        let mut line = self.front.clone();
        write(&mut line);
        line.extend_from_slice(b"}}\n");
        Some(Item::Entry { place: Arc::clone(&self.place), line, entries })
    }

    fn end(&self, entries: u64, is_cut: bool) -> Item {
        Item::End { place: Arc::clone(&self.place), entries, is_cut }
    }
}

fn relative(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_owned)
}

impl Visitor for Asker<'_> {
    type Tools = QueryCursor;
    type Item = Item;

    fn tools(&self) -> QueryCursor {
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(self.shared.options.query_time));
        cursor.set_match_limit(self.shared.options.max_pending_matches);
        cursor
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        cursor: &mut QueryCursor,
        outlet: &mut Outlet<'_, Item>,
    ) -> Result<(), Missed> {
        let Some(Asked { query, demands }) = self.of_language.get(file.language().id) else {
            return Ok(());
        };
        if !demands.allow_kinds(|kind| file.may_have(kind)) || !demands.allow_text(file.source()?) {
            return Ok(());
        }
        let Some(visit) = Visit::new(&self.search.field, file, "match") else { return Ok(()) };
        let stop = file.stop_flag();
        let (tree, source) = file.open()?;
        let text = self.search.text.then_some(source);
        let writer = MatchWriter::new(query, text, self.shared.options.max_capture_text);
        let mut entries = 0;
        let mut matches = cursor.matches_until(query, tree.root_node(), source, Some(stop));
        while let Some(one) = matches.next_match() {
            entries += 1;
            let write = |out: &mut Vec<u8>| writer.write(out, one.pattern_index, one.captures());
            if let Some(item) = visit.entry(entries, write) {
                outlet.send(item);
            }
        }
        drop(matches);
        let is_cut = is_cut(cursor.did_stop(), cursor.did_exceed_match_limit());
        if entries > 0 || is_cut {
            outlet.send(visit.end(entries, is_cut));
        }
        Ok(())
    }
}

/// Whether a limit ended a query, which is counted.
fn is_cut(by_time: bool, by_pending: bool) -> bool {
    let limits = [(by_time, "time"), (by_pending, "pending_matches")];
    let met = limits.iter().find(|(is_met, _)| *is_met);
    if let Some((_, limit)) = met {
        QUERIES_CUT.as_counter(&[limit]).increment(1);
    }
    met.is_some()
}

/// Writes a member of an entry.
fn member(out: &mut Vec<u8>, name: &str, value: &impl serde::Serialize) {
    json(out, &name);
    out.push(b':');
    json(out, value);
}
