//! The settings of the engine: what they are, where each comes from, and by what
//! option it is set.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use herbarium_cache::tune::{Figure, Resources, Tuning};
use herbarium_index::{CacheOptions, EngineOptions, Limit, Problem};
use herbarium_languages::known;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::numbers::{parse_size, parse_time};

const FILE_SIZE: Names = ("--max-file-size", "HERBARIUM_MAX_FILE_SIZE");
const PARSE_TIME: Names = ("--max-parse-time", "HERBARIUM_MAX_PARSE_TIME");
const MEMORY: Names = ("--memory", "HERBARIUM_MEMORY");
const CACHE: Names = ("--cache", "HERBARIUM_CACHE");
/// No option: what it helps against crashes at every command.
const NEVER_PARSE: &str = "HERBARIUM_NEVER_PARSE";

/// The option and the variable that set something.
type Names = (&'static str, &'static str);

/// What the engine is told, each with where it comes from: as typed, else as in
/// the environment, else as suits the machine.
pub(crate) struct Settings {
    pub(crate) tuning: Tuning,
    pub(crate) workers: Setting<usize>,
    pub(crate) max_file_bytes: Setting<u64>,
    pub(crate) max_parse_time: Setting<Duration>,
    pub(crate) memory: Setting<u64>,
    pub(crate) cache: Setting<u64>,
    pub(crate) never_parse: Setting<BTreeSet<String>>,
}

/// A value, and where it comes from.
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// Where a setting comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Typed(&'static str),
    Variable(&'static str),
    Rule(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed(option) => write!(f, "option {option}"),
            Self::Variable(variable) => write!(f, "variable {variable}"),
            Self::Rule(rule) => write!(f, "default: {rule}"),
        }
    }
}

impl<T> Setting<T> {
    fn fixed(value: T) -> Self {
        Self { value, origin: Origin::Rule("the same on every machine".to_owned()) }
    }
}

impl<T: Copy> From<&Figure<T>> for Setting<T> {
    fn from(figure: &Figure<T>) -> Self {
        Self { value: figure.value, origin: Origin::Rule(figure.origin.to_string()) }
    }
}

impl Settings {
    /// Reads them. Cost: some small files, a tenth of a millisecond.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let own = EngineOptions::default();
        let tuning = Tuning::of(&Resources::detect());
        let workers = match global.workers {
            Some(typed) => Setting { value: typed.get(), origin: Origin::Typed("--workers") },
            None => Setting::from(&tuning.workers),
        };
        let (file, time) = (own.max_file_bytes, own.max_parse_time);
        Ok(Self {
            workers,
            max_file_bytes: choose(
                global.max_file_size,
                FILE_SIZE,
                parse_size,
                Setting::fixed(file),
            )?,
            max_parse_time: choose(
                global.max_parse_time,
                PARSE_TIME,
                parse_time,
                Setting::fixed(time),
            )?,
            memory: choose(global.memory, MEMORY, parse_size, Setting::fixed(own.memory_budget))?,
            cache: choose(global.cache, CACHE, parse_size, Setting::from(&tuning.budget))?,
            never_parse: never_parse()?,
            tuning,
        })
    }

    fn into_options(self) -> EngineOptions {
        EngineOptions {
            workers: self.workers.value,
            max_file_bytes: self.max_file_bytes.value,
            max_parse_time: self.max_parse_time.value,
            memory_budget: self.memory.value,
            cache: CacheOptions { budget: self.cache.value, ..CacheOptions::default() },
            never_parse: self.never_parse.value,
            ..EngineOptions::default()
        }
    }
}

/// The engine's options.
pub(crate) fn engine_options(global: &Global) -> Result<EngineOptions, Failure> {
    Settings::read(global).map(Settings::into_options)
}

/// Languages that are treated as if they were not built in: ids, with commas
/// between.
pub(crate) fn never_parse() -> Result<Setting<BTreeSet<String>>, Failure> {
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
    let ids: BTreeSet<_> = ids.map(check).collect::<Result<_, _>>()?;
    Ok(match ids.is_empty() {
        true => Setting::fixed(ids),
        false => Setting { value: ids, origin: Origin::Variable(NEVER_PARSE) },
    })
}

/// An empty variable is as good as none.
fn choose<T>(
    typed: Option<T>,
    (option, variable): Names,
    parse: impl FnOnce(&str) -> Result<T, String>,
    own: Setting<T>,
) -> Result<Setting<T>, Failure> {
    if let Some(value) = typed {
        return Ok(Setting { value, origin: Origin::Typed(option) });
    }
    match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(value) => {
            let value = parse_variable(variable, &value, parse)?;
            Ok(Setting { value, origin: Origin::Variable(variable) })
        }
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
        Limit::ParseTime => PARSE_TIME.0,
        Limit::Memory => MEMORY.0,
        _ => FILE_SIZE.0,
    }
}

/// What is said of a problem, with the option that its advice speaks of.
pub(crate) fn message(problem: &Problem) -> String {
    match problem.limit {
        Some(limit) => format!("{} ({} sets the limit)", problem.message, option(limit)),
        None => problem.message.clone(),
    }
}
