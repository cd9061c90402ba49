//! `herbarium symbols`: what is defined where.

mod line;
mod tags;

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;

use herbarium_index::{Missed, Outlet, ScanFile, Visitor};
use herbarium_languages::Row;
use herbarium_symbols::{Role, Symbol, SymbolFinder, SymbolKind, SymbolQuery, Symbols};
use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use crate::app::App;
use crate::args::{SymbolFormat, SymbolsArgs};
use crate::ask::compile::{self, NoQuery, compile};
use crate::ask::place::Looks;
use crate::ask::{self, Files, for_each_language, tell_list};
use crate::exit::{Exit, Failure};
use crate::paths::printable;

use line::Lines;
use tags::{Tag, Tags};

pub(super) fn run(app: &App, args: SymbolsArgs) -> Result<Exit, Failure> {
    let wanted = Wanted::of(&args)?;
    let languages = ask::languages(&args.files.languages)?;
    let mut files = Files::find(app, None, &args.paths, args.files.no_index)?;
    if files.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let queries = queries(app, &files, languages, &args)?;
    files.snapshot.retain_languages(|id| queries.contains_key(id));
    let looks = Looks { shown: &app.shown, paint: app.paint, json: app.global.json };
    let ask = Ask { looks, wanted, format: args.format, queries, args: &args };
    let (mut tags, mut cut) = (Tags::new(args.format), Vec::new());
    let exit = files.scan(app, &ask, |found: Found| {
        tags.extend(found.tags);
        cut.extend(found.cut);
        Ok(app.out().write_all(&found.text)?)
    })?;
    match exit {
        Exit::Interrupted => app.remark("stopped before the end"),
        _ => tags.print(&mut *app.out())?,
    }
    app.flush()?;
    let cut = cut.into_iter().map(|path| (path, "it took longer than --time-limit".to_owned()));
    let cut: Vec<_> = cut.collect();
    tell_list(app, "whose symbols are not complete", cut.into_iter(), "raise --time-limit");
    Ok(exit)
}

/// The queries of the languages that were typed, or of those that occur; which
/// have none, -v says.
fn queries(
    app: &App,
    files: &Files,
    typed: Option<Vec<&'static Row>>,
    args: &SymbolsArgs,
) -> Result<HashMap<&'static str, SymbolQuery>, Failure> {
    let were_typed = typed.is_some();
    let languages = typed.unwrap_or_else(|| files.languages(app));
    let made = for_each_language(&languages, |row| {
        let text = SymbolQuery::text_for_language(row.id)?;
        Some(compile(Some(files.engine()), row, text).map(SymbolQuery::from_query))
    });
    let (mut queries, mut without) = (HashMap::new(), Vec::new());
    for (language, query) in made {
        match query {
            Some(Ok(Ok(query))) => {
                let query = if args.references { query } else { query.definitions_only() };
                queries.insert(language.id, query);
            }
            Some(Ok(Err(error))) => tell_fault(app, language, &error),
            Some(Err(NoQuery::Wrong(error))) => tell_fault(app, language, &error),
            Some(Err(NoQuery::NoTables(error))) if were_typed => {
                return Err(compile::refusal(&error));
            }
            Some(Err(NoQuery::NoTables(error))) => {
                compile::warn(app, files.count_of(language.id), &error);
            }
            None => without.push(language.id),
        }
    }
    if !without.is_empty() && (app.global.verbose > 0 || were_typed) {
        app.remark(format_args!("no symbols are known of {}", without.join(", ")));
    }
    Ok(queries)
}

/// A built-in query that is wrong.
fn tell_fault(app: &App, language: &Row, error: &dyn Error) {
    let message = format!("the symbols of {} are left out: {error}", language.name);
    app.warn(&message, "please report this, with the version of Herbarium");
}

/// Which symbols are listed.
struct Wanted {
    kinds: Vec<SymbolKind>,
    name: Option<NameTest>,
}

enum NameTest {
    Exact(String),
    Regex(Regex),
}

impl Wanted {
    fn of(args: &SymbolsArgs) -> Result<Self, Failure> {
        let kinds = args.kinds.iter().map(|word| kind(word)).collect::<Result<_, _>>()?;
        let name = args.name.as_deref().map(NameTest::of).transpose()?;
        Ok(Self { kinds, name })
    }

    /// What has to be in a file of which anything is wanted.
    fn literal(&self) -> Option<Finder<'_>> {
        match &self.name {
            Some(NameTest::Exact(name)) => Some(Finder::new(name)),
            _ => None,
        }
    }

    fn has(&self, symbol: &Symbol, symbols: &Symbols<'_>) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&symbol.kind);
        kind && match &self.name {
            None => true,
            Some(NameTest::Exact(name)) => symbols.name(symbol) == name.as_str(),
            Some(NameTest::Regex(regex)) => regex.is_match(&symbols.name(symbol)),
        }
    }
}

fn kind(word: &str) -> Result<SymbolKind, Failure> {
    let kind = SymbolKind::of_word(&word.to_ascii_lowercase().replace('-', "_"));
    if kind != SymbolKind::Other || word == SymbolKind::Other.as_str() {
        return Ok(kind);
    }
    let all: Vec<_> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let message = format!("there is no kind of symbols `{}`", printable(word));
    Err(Failure::new(Exit::Usage, message, format!("name one of {}", all.join(", "))))
}

impl NameTest {
    fn of(typed: &str) -> Result<Self, Failure> {
        let regex = typed.strip_prefix('/').and_then(|it| it.strip_suffix('/'));
        let pattern = match regex {
            Some(regex) => regex.to_owned(),
            None if typed.contains(['*', '?']) => glob(typed),
            None => return Ok(Self::Exact(typed.to_owned())),
        };
        match RegexBuilder::new(&pattern).dot_matches_new_line(true).build() {
            Ok(regex) => Ok(Self::Regex(regex)),
            Err(error) => {
                let message = format!("`{}` is no regular expression", printable(typed));
                let help = "write it as the Rust crate `regex` has it, between slashes";
                Err(Failure::new(Exit::Usage, message, help).because(Some(&error)))
            }
        }
    }
}

/// `*` is any text, `?` any character, and all else itself.
fn glob(typed: &str) -> String {
    let mut pattern = String::from("^");
    for part in typed.split_inclusive(['*', '?']) {
        let text = part.trim_end_matches(['*', '?']);
        pattern += &regex::escape(text);
        pattern += match &part[text.len()..] {
            "*" => ".*",
            "?" => ".",
            _ => "",
        };
    }
    pattern + "$"
}

/// What comes of a file, or of a part of it.
#[derive(Default)]
struct Found {
    text: Vec<u8>,
    tags: Vec<Tag>,
    /// The path, if not all of its symbols were found.
    cut: Option<String>,
}

/// Finds the symbols of one file after the other.
struct Ask<'a> {
    looks: Looks<'a>,
    wanted: Wanted,
    format: SymbolFormat,
    queries: HashMap<&'static str, SymbolQuery>,
    args: &'a SymbolsArgs,
}

impl Visitor for Ask<'_> {
    type Tools = SymbolFinder;
    type Item = Found;

    fn tools(&self) -> SymbolFinder {
        let mut finder = SymbolFinder::new();
        finder.set_time_limit(Some(self.args.files.time_limit));
        finder
    }

    fn visit(
        &self,
        file: &mut ScanFile<'_>,
        finder: &mut SymbolFinder,
        outlet: &mut Outlet<'_, Found>,
    ) -> Result<(), Missed> {
        let Some(query) = self.queries.get(file.language().id) else { return Ok(()) };
        if let Some(literal) = self.wanted.literal().filter(|_| query.names_are_literal())
            && literal.find(file.source()?).is_none()
        {
            return Ok(());
        }
        let (path, language) = (file.path().to_owned(), file.language());
        let (tree, source) = file.open()?;
        let symbols = finder.find(query, tree, source);
        let lines = Lines::new(self.looks, &path, language);
        let mut found = Found::default();
        for symbol in symbols.iter().filter(|symbol| self.wanted.has(symbol, &symbols)) {
            match self.format {
                SymbolFormat::Lines => lines.put(&mut found.text, symbol, &symbols),
                _ if symbol.role == Role::Reference => {}
                _ => found.tags.push(Tag::of(symbol, &symbols, source)),
            }
            if found.text.len() >= CHUNK {
                outlet.send(std::mem::take(&mut found));
            }
        }
        if !found.tags.is_empty() {
            let head = (lines.path().to_owned(), language.id);
            found.tags.iter_mut().for_each(|tag| tag.set_file(&head));
        }
        found.cut = finder.did_stop().then(|| self.looks.shown.text(&path));
        if !found.text.is_empty() || !found.tags.is_empty() || found.cut.is_some() {
            outlet.send(found);
        }
        Ok(())
    }
}

/// So much is handed on at a time.
const CHUNK: usize = 48 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, name: &str, expected: bool) {
        let found = match NameTest::of(typed).unwrap() {
            NameTest::Exact(exact) => exact == name,
            NameTest::Regex(regex) => regex.is_match(name),
        };
        assert_eq!(found, expected, "{typed} and {name}");
    }

    #[test]
    fn a_name_is_exact_a_glob_or_a_regular_expression() {
        check("main", "main", true);
        check("main", "mains", false);
        check("ma*", "main", true);
        check("ma?n", "main", true);
        check("?*n", "main", true);
        check("*", "", true);
        check("a.*", "abc", false);
        check("/^ma/", "main", true);
        check("/in$/", "inner", false);
    }
}
