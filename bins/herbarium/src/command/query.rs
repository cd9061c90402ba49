//! `herbarium query`: what a tree-sitter query matches in stored trees.

mod line;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use herbarium_index::{Engine, Missed, Outlet, ScanFile, TablesError, Visitor};
use herbarium_languages::Row;
use herbarium_query::{Demands, Query, QueryCursor, QueryError, QueryMatch};
use serde_json::json;

use crate::app::App;
use crate::args::QueryArgs;
use crate::ask::compile::{self, NoQuery};
use crate::ask::place::Looks;
use crate::ask::{self, Files, for_each_language, tell_list};
use crate::exit::{Exit, Failure};

use line::Lines;

pub(super) fn run(app: &App, args: QueryArgs) -> Result<Exit, Failure> {
    let asked = Asked::read(args)?;
    let languages = ask::languages(&asked.args.files.languages)?;
    // Before anything is indexed, where that is possible.
    let no_index = asked.args.files.no_index;
    let engine = ask::engine_if_there(app, no_index)?;
    let queries = match languages {
        None => None,
        Some(languages) => {
            let compiled = compile(app, engine.as_ref(), &languages, &asked, |_, error| {
                Err(compile::refusal(error))
            });
            Some(compiled?)
        }
    };
    let mut files = Files::find(app, engine, &asked.paths, no_index)?;
    if files.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let queries = match queries {
        Some(queries) => queries,
        None => {
            let languages = files.languages(app);
            compile(app, Some(files.engine()), &languages, &asked, |row, error| {
                compile::warn(app, files.count_of(row.id), error);
                Ok(())
            })?
        }
    };
    files.snapshot.retain_languages(|id| queries.iter().any(|(language, _)| language.id == id));
    print(app, &asked, &files, &queries)
}

/// What was typed.
struct Asked {
    args: QueryArgs,
    text: String,
    paths: Vec<PathBuf>,
}

impl Asked {
    fn read(mut args: QueryArgs) -> Result<Self, Failure> {
        let mut paths = std::mem::take(&mut args.paths);
        let text = match (&args.file, args.pattern.take()) {
            (Some(file), first) => {
                paths.splice(0..0, first.map(PathBuf::from));
                read_query(file)?
            }
            (None, Some(pattern)) => pattern.into_string().map_err(|pattern| {
                let message = format!("the query {pattern:?} is not UTF-8");
                Failure::new(Exit::Usage, message, "write it to a file in UTF-8, for --file")
            })?,
            (None, None) => String::new(),
        };
        if paths.is_empty() {
            paths.push(PathBuf::from("."));
        }
        Ok(Self { args, text, paths })
    }
}

fn read_query(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        let message = format!("could not read the query in {}", file.display());
        let help = "check the path, and that the file is UTF-8";
        Failure::new(Exit::Io, message, help).because(Some(&error))
    })
}

/// The query, compiled for each of the languages that it is a query of. Those
/// that it is wrong for are named, each error once.
fn compile(
    app: &App,
    engine: Option<&Engine>,
    languages: &[&'static Row],
    asked: &Asked,
    no_tables: impl Fn(&Row, &TablesError) -> Result<(), Failure>,
) -> Result<Vec<(&'static Row, Query)>, Failure> {
    let compiled = for_each_language(languages, |row| compile::compile(engine, row, &asked.text));
    let (mut queries, mut wrong) = (Vec::new(), Vec::new());
    for (language, result) in compiled {
        match result {
            Ok(query) => queries.push((language, query)),
            Err(NoQuery::Wrong(error)) => note_error(&mut wrong, language, error),
            Err(NoQuery::NoTables(error)) => no_tables(language, &error)?,
        }
    }
    if let Some((last, others)) = wrong.split_last().filter(|_| queries.is_empty()) {
        for one in others {
            app.tell_failure(one.refusal());
        }
        return Err(last.refusal());
    }
    for Wrong { error, ids } in &wrong {
        let message = format!("not asked in {}: {error}", ids.join(", "));
        app.warn(&message, "name the languages that are meant with --language");
    }
    check_capture(&queries, asked)?;
    Ok(queries)
}

/// What is wrong with a query, and for which languages.
struct Wrong {
    error: QueryError,
    ids: Vec<&'static str>,
}

/// The same error in several languages is one, though in each another name may
/// have been meant.
fn note_error(wrong: &mut Vec<Wrong>, language: &'static Row, error: QueryError) {
    let bare = |error: &QueryError| {
        let mut error = error.clone();
        error.suggestion = None;
        error
    };
    match wrong.iter_mut().find(|known| bare(&known.error) == bare(&error)) {
        Some(known) => {
            if known.error != error {
                known.error.suggestion = None;
            }
            known.ids.push(language.id);
        }
        None => wrong.push(Wrong { error, ids: vec![language.id] }),
    }
}

impl Wrong {
    fn refusal(&self) -> Failure {
        let message = format!("the query is wrong for {}: {}", self.ids.join(", "), self.error);
        let help = "`herbarium tree FILE` shows which nodes and fields there are";
        Failure::new(Exit::Usage, message, help)
    }
}

fn check_capture(queries: &[(&Row, Query)], asked: &Asked) -> Result<(), Failure> {
    let (Some(name), Some((_, query))) = (&asked.args.capture, queries.first()) else {
        return Ok(());
    };
    let name = name.trim_start_matches('@');
    if query.capture_index_for_name(name).is_some() {
        return Ok(());
    }
    let names: Vec<String> = query.capture_names().iter().map(|name| format!("@{name}")).collect();
    let message = format!("the query has no capture @{name}");
    let help = match names.is_empty() {
        true => "write @name behind a node to capture it".to_owned(),
        false => format!("name one of {}", names.join(", ")),
    };
    Err(Failure::new(Exit::Usage, message, help))
}

fn print(
    app: &App,
    asked: &Asked,
    files: &Files,
    queries: &[(&'static Row, Query)],
) -> Result<Exit, Failure> {
    let capture = asked.args.capture.as_deref().map(|name| name.trim_start_matches('@'));
    let mut of_language = HashMap::new();
    for (language, query) in queries {
        let capture = capture.map(|name| query.capture_index_for_name(name));
        let demands = query.demands();
        of_language.insert(language.id, OfLanguage { query, demands, capture });
    }
    let looks = Looks { shown: &app.shown, paint: app.paint, json: app.global.json };
    let what = What::of(&asked.args);
    let ask = Ask { looks, what, asked, of_language };
    let mut sum = Sum::default();
    let mut exit = files.scan(app, &ask, |found: Found| {
        sum.matches += found.matches;
        sum.files += u64::from(found.matches > 0 && !found.goes_on);
        sum.cut.extend(found.cut);
        Ok(app.out().write_all(&found.text)?)
    })?;
    if exit == Exit::Interrupted {
        app.remark("stopped before the end");
    } else if asked.args.count {
        sum.print(app)?;
    }
    app.flush()?;
    sum.tell_cut(app);
    if queries.iter().all(|(_, query)| query.capture_names().is_empty()) && !asked.args.count {
        app.remark("the query captures nothing: write @name behind a node to see where it is");
    }
    if files.is_cancelled() {
        exit = Exit::Interrupted;
    }
    Ok(exit)
}

/// What is summed up over all files.
#[derive(Default)]
struct Sum {
    matches: u64,
    files: u64,
    cut: Vec<(String, &'static str)>,
}

impl Sum {
    fn print(&self, app: &App) -> Result<(), Failure> {
        match app.global.json {
            true => app.print_json(&json!({
                "matches": self.matches,
                "files": self.files,
                "incomplete": self.cut.len(),
            })),
            false => Ok(writeln!(app.out(), "{}", self.matches)?),
        }
    }

    fn tell_cut(&self, app: &App) {
        let cut = self.cut.iter().map(|(path, why)| (path.clone(), (*why).to_owned()));
        let help = "raise --time-limit or --match-limit, or ask something simpler";
        tell_list(app, "whose answer is not complete", cut, help);
    }
}

/// What comes of a file, or of a part of it.
#[derive(Default)]
struct Found {
    text: Vec<u8>,
    matches: u64,
    /// Whether it goes on with the file of the one before.
    goes_on: bool,
    cut: Option<(String, &'static str)>,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Count,
    Files,
    Captures,
}

impl What {
    fn of(args: &QueryArgs) -> Self {
        match (args.count, args.files_with_matches) {
            (true, _) => Self::Count,
            (_, true) => Self::Files,
            _ => Self::Captures,
        }
    }
}

/// Runs the query over one file after the other.
struct Ask<'a> {
    looks: Looks<'a>,
    what: What,
    asked: &'a Asked,
    of_language: HashMap<&'static str, OfLanguage<'a>>,
}

struct OfLanguage<'a> {
    query: &'a Query,
    demands: Demands<'a>,
    /// The capture that was asked for; none inside if the query has not got it.
    capture: Option<Option<u32>>,
}

/// So much is handed on at a time.
const CHUNK: usize = 48 << 10;

impl Visitor for Ask<'_> {
    type Tools = QueryCursor;
    type Item = Found;

    fn tools(&self) -> QueryCursor {
        let mut cursor = QueryCursor::new();
        let args = &self.asked.args;
        cursor.set_time_limit(Some(args.files.time_limit));
        cursor.set_match_limit(args.match_limit.map_or(u32::MAX, Into::into));
        cursor
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        cursor: &mut QueryCursor,
        outlet: &mut Outlet<'_, Found>,
    ) -> Result<(), Missed> {
        let Some(of_language) = self.of_language.get(file.language().id) else { return Ok(()) };
        let demands = &of_language.demands;
        if !demands.allow_kinds(|kind| file.may_have(kind)) || !demands.allow_text(file.source()?) {
            return Ok(());
        }
        let (path, language, stop) = (file.path().to_owned(), file.language(), file.stop_flag());
        let (tree, source) = file.open()?;
        let mut lines = Lines::new(self.looks, of_language.query, path, language);
        let mut found = Found::default();
        let root = tree.root_node();
        let mut matches = cursor.matches_until(of_language.query, root, source, Some(stop));
        while let Some(one) = matches.next_match() {
            if !of_language.is_wanted(&one) {
                continue;
            }
            found.matches += 1;
            match self.what {
                What::Count => {}
                What::Files => {
                    lines.file(&mut found.text);
                    break;
                }
                What::Captures => {
                    lines.one_match(&one, of_language.capture.flatten(), source, &mut found.text);
                }
            }
            if found.text.len() >= CHUNK {
                let rest = Found { goes_on: true, ..Found::default() };
                outlet.send(std::mem::replace(&mut found, rest));
            }
        }
        drop(matches);
        found.cut = cut(cursor).map(|why| (lines.path_text(), why));
        if found.matches > 0 || found.cut.is_some() {
            outlet.send(found);
        }
        Ok(())
    }
}

impl OfLanguage<'_> {
    fn is_wanted(&self, one: &QueryMatch<'_, '_>) -> bool {
        match self.capture {
            None => true,
            Some(capture) => one.captures().any(|it| Some(it.index) == capture),
        }
    }
}

/// Why the answer for a file is not complete.
fn cut(cursor: &QueryCursor) -> Option<&'static str> {
    match (cursor.did_stop(), cursor.did_exceed_match_limit()) {
        (true, _) => Some("it took longer than --time-limit"),
        (_, true) => Some("there were more matches in the making than --match-limit"),
        _ => None,
    }
}
