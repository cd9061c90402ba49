//! `herbarium config`: every setting, and where it comes from.

use std::time::Duration;

use herbarium_store::STORE_VARIABLE;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::ConfigArgs;
use crate::exit::{Exit, Failure};
use crate::limits::{Origin, Setting, Settings};
use crate::numbers::{bytes, duration};
use crate::table::Table;

pub(super) fn run(app: &App, _: ConfigArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&app.global)?;
    let rows = rows(app, &settings)?;
    if app.global.json {
        app.print_json(&rows)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(3, ["setting", "value", "from"]);
    rows.into_iter().for_each(|row| table.row([row.name.to_owned(), row.text, row.origin]));
    table.print(&mut *app.out(), app.paint)?;
    Ok(Exit::Fine)
}

/// One setting, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: Value,
    #[serde(skip)]
    text: String,
    origin: String,
}

fn rows(app: &App, settings: &Settings) -> Result<Vec<Row>, Failure> {
    let tuning = &settings.tuning;
    let processors = Setting::from(&tuning.processors);
    let memory = Setting::from(&tuning.memory);
    let never: Vec<_> = settings.never_parse.value.iter().map(String::as_str).collect();
    let never_text = if never.is_empty() { "none".to_owned() } else { never.join(", ") };
    let store = store(app)?;
    Ok(vec![
        row("store", &store, json!(store.value), store.value.clone()),
        number("workers", &settings.workers),
        size("max_file_size", &settings.max_file_bytes),
        time("max_parse_time", &settings.max_parse_time),
        size("memory", &settings.memory),
        size("cache", &settings.cache),
        row("never_parse", &settings.never_parse, json!(never), never_text),
        found(number("processors", &processors), &tuning.processors.origin),
        found(size("machine_memory", &memory), &tuning.memory.origin),
    ])
}

fn store(app: &App) -> Result<Setting<String>, Failure> {
    let variable = std::env::var_os(STORE_VARIABLE).filter(|dir| !dir.is_empty());
    let origin = match (&app.global.store, variable) {
        (Some(_), _) => Origin::Typed("--store"),
        (None, Some(_)) => Origin::Variable(STORE_VARIABLE),
        (None, None) => Origin::Rule("in the user's cache directory".to_owned()),
    };
    app.store_dir()?;
    Ok(Setting { value: app.store_text(), origin })
}

fn row<T>(name: &'static str, setting: &Setting<T>, value: Value, text: String) -> Row {
    Row { name, value, text, origin: setting.origin.to_string() }
}

fn number(name: &'static str, setting: &Setting<usize>) -> Row {
    row(name, setting, json!(setting.value), setting.value.to_string())
}

/// In bytes, where it is JSON.
fn size(name: &'static str, setting: &Setting<u64>) -> Row {
    row(name, setting, json!(setting.value), bytes(setting.value))
}

/// In seconds, where it is JSON.
fn time(name: &'static str, setting: &Setting<Duration>) -> Row {
    row(name, setting, json!(setting.value.as_secs_f64()), duration(setting.value))
}

/// What nobody set.
fn found(row: Row, origin: &herbarium_cache::tune::Origin) -> Row {
    Row { origin: origin.to_string(), ..row }
}
