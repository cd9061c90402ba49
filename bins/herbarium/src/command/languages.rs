//! `herbarium languages`: what was built in.

use std::io::Write;

use herbarium_languages::{Language, Row, all, build_set, by_id, known};
use serde::Serialize;

use crate::app::App;
use crate::args::LanguagesArgs;
use crate::exit::{Exit, Failure};
use crate::numbers::counted;
use crate::table::Table;

/// One language, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct LanguageJson {
    id: &'static str,
    name: &'static str,
    extensions: &'static [&'static str],
    file_names: &'static [&'static str],
    shebangs: &'static [&'static str],
    abi: u32,
    licence: &'static str,
    grammar_crate: &'static str,
    grammar_version: &'static str,
    fingerprint: String,
    injection_only: bool,
    set: String,
    built_in: bool,
}

impl LanguageJson {
    /// What a grammar says of itself where it is there, else what was measured
    /// when its version was pinned.
    fn new(row: &'static Row) -> Self {
        let language = by_id(row.id);
        let fingerprint = language.map_or(row.pin.fingerprint, Language::fingerprint);
        Self {
            id: row.id,
            name: row.name,
            extensions: row.extensions,
            file_names: row.file_names,
            shebangs: row.shebangs,
            abi: language.map_or(row.pin.abi, Language::abi),
            licence: row.licence,
            grammar_crate: row.crate_name,
            grammar_version: row.version,
            fingerprint: fingerprint.to_string(),
            injection_only: row.injection_only,
            set: row.tier.to_string(),
            built_in: language.is_some(),
        }
    }
}

pub(super) fn run(app: &App, args: LanguagesArgs) -> Result<Exit, Failure> {
    let wanted = known().iter().filter(|row| args.known || by_id(row.id).is_some());
    let languages: Vec<_> = wanted.map(LanguageJson::new).collect();
    if app.global.json {
        app.print_json(&languages)?;
        return Ok(Exit::Fine);
    }
    table(&languages).print(&mut *app.out(), app.paint)?;
    footer(app, args.known)?;
    Ok(Exit::Fine)
}

fn table(languages: &[LanguageJson]) -> Table {
    let mut table = Table::new(7, ["id", "name", "set", "abi", "licence", "grammar", "files"]);
    for language in languages {
        let set =
            if language.built_in { language.set.clone() } else { format!("({})", language.set) };
        table.row([
            language.id.to_owned(),
            language.name.to_owned(),
            set,
            language.abi.to_string(),
            language.licence.to_owned(),
            format!("{} {}", language.grammar_crate, language.grammar_version),
            files(language),
        ]);
    }
    table
}

fn files(language: &LanguageJson) -> String {
    if language.injection_only {
        return "inside other languages".to_owned();
    }
    let extensions = language.extensions.iter().map(|extension| format!("*.{extension}"));
    let names = language.file_names.iter().map(|&name| name.to_owned());
    extensions.chain(names).collect::<Vec<_>>().join(" ")
}

fn footer(app: &App, all_known: bool) -> Result<(), Failure> {
    let built_in = all().len();
    let missing = known().len() - built_in;
    let mut out = app.out();
    let count = counted(built_in as u64, "language", "languages");
    write!(out, "\n{count} built in (set: {})", build_set())?;
    if missing > 0 {
        write!(out, "; {missing} more are known, ")?;
        match all_known {
            true => write!(out, "their sets are in brackets: ")?,
            false => write!(out, "see `herbarium languages --known`: ")?,
        }
        write!(
            out,
            "build with `--features extended-langs` or `--features all-langs` to add them"
        )?;
    }
    Ok(writeln!(out)?)
}
