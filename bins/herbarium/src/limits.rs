//! The engine's limits: where they come from, and by what option one is raised.

use std::collections::BTreeSet;
use std::ffi::OsString;

use herbarium_index::{EngineOptions, Limit, Problem};
use herbarium_languages::known;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::numbers::{parse_size, parse_time};

const FILE_SIZE: &str = "HERBARIUM_MAX_FILE_SIZE";
const PARSE_TIME: &str = "HERBARIUM_MAX_PARSE_TIME";
const MEMORY: &str = "HERBARIUM_MEMORY";
/// No option: what it helps against crashes at every command.
const NEVER_PARSE: &str = "HERBARIUM_NEVER_PARSE";

/// The engine's options: as typed, else as in the environment, else its own.
pub(crate) fn engine_options(global: &Global) -> Result<EngineOptions, Failure> {
    let own = EngineOptions::default();
    Ok(EngineOptions {
        workers: global.workers.map_or(own.workers, Into::into),
        max_file_bytes: choose(global.max_file_size, FILE_SIZE, parse_size, own.max_file_bytes)?,
        max_parse_time: choose(global.max_parse_time, PARSE_TIME, parse_time, own.max_parse_time)?,
        memory_budget: choose(global.memory, MEMORY, parse_size, own.memory_budget)?,
        never_parse: never_parse()?,
        ..own
    })
}

/// Languages that are treated as if they were not built in: ids, with commas
/// between.
pub(crate) fn never_parse() -> Result<BTreeSet<String>, Failure> {
    let value = std::env::var_os(NEVER_PARSE).unwrap_or_default();
    let value = value.to_string_lossy();
    let ids = value.split(',').map(str::trim).filter(|id| !id.is_empty());
    let check = |id: &str| match known().iter().any(|row| row.id == id) {
        true => Ok(id.to_owned()),
        false => {
            let message = format!("the variable {NEVER_PARSE} makes no sense: found {id:?}");
            let help =
                "name ids of languages, with commas between: `herbarium languages` lists them";
            Err(Failure::new(Exit::Usage, message, help))
        }
    };
    ids.map(check).collect()
}

/// An empty variable is as good as none.
fn choose<T>(
    typed: Option<T>,
    variable: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
    own: T,
) -> Result<T, Failure> {
    if let Some(typed) = typed {
        return Ok(typed);
    }
    match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(value) => parse_variable(variable, &value, parse),
        None => Ok(own),
    }
}

fn parse_variable<T>(
    variable: &str,
    value: &OsString,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let value = value.to_string_lossy();
    parse(&value).map_err(|expected| {
        let message =
            format!("the variable {variable} makes no sense: {expected}, found {value:?}");
        Failure::new(Exit::Usage, message, format!("unset {variable}, or set it right"))
    })
}

/// The option that sets a limit.
pub(crate) fn option(limit: Limit) -> &'static str {
    match limit {
        Limit::ParseTime => "--max-parse-time",
        Limit::Memory => "--memory",
        _ => "--max-file-size",
    }
}

/// What is said of a problem, with the option that its advice speaks of.
pub(crate) fn message(problem: &Problem) -> String {
    match problem.limit {
        Some(limit) => format!("{} ({} sets the limit)", problem.message, option(limit)),
        None => problem.message.clone(),
    }
}
