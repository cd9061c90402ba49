//! Opening the store.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_index::{Engine, EngineOptions, IndexError};
use herbarium_store::{Store, StoreError, StoreOptions};

use crate::app::App;
use crate::exit::{Exit, Failure};

const ANOTHER_STORE: &str =
    "look at the directory, or name another with --store or HERBARIUM_STORE";

/// What a command wants of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// To write; it is made where there is none.
    Write,
    /// To write if that is allowed, else to read; it is made where there is none.
    WriteIfAllowed,
    /// To read, and to note what is damaged if that is allowed: what is noted
    /// counts as missing, so that the next `index` presses it again.
    Note,
    /// To read; nothing is made or changed.
    Read,
}

/// The engine over the store that the options name.
pub(crate) fn engine(app: &App, access: Access) -> Result<Engine, Failure> {
    let dir = app.store_dir()?;
    let store = open(&dir, access).map_err(|error| cannot_open(&error, access))?;
    Ok(Engine::new(Arc::new(store), engine_options(app)))
}

/// An engine that finds trees in the store or not at all.
pub(crate) fn engine_that_never_parses(app: &App) -> Result<Engine, Failure> {
    let dir = app.store_dir()?;
    let store = open(&dir, Access::Read).map_err(|error| cannot_open(&error, Access::Read))?;
    // No time to parse: a parse that would be needed is given up where it starts.
    let options = EngineOptions { max_parse_time: Duration::ZERO, ..engine_options(app) };
    Ok(Engine::new(Arc::new(store), options))
}

/// The engine's own limit, as one would type it.
pub(crate) fn default_max_file_size() -> String {
    let limit = EngineOptions::default().max_file_bytes;
    if limit.is_multiple_of(1 << 20) { format!("{}M", limit >> 20) } else { limit.to_string() }
}

fn engine_options(app: &App) -> EngineOptions {
    let defaults = EngineOptions::default();
    EngineOptions {
        workers: app.global.workers.map_or(defaults.workers, Into::into),
        max_file_bytes: app.global.max_file_size,
        ..defaults
    }
}

fn open(dir: &Path, access: Access) -> Result<Store, StoreError> {
    let to_write = || Store::open(dir, StoreOptions::new());
    let to_read = || Store::open(dir, StoreOptions::new().read_only(true));
    match access {
        Access::Write => to_write(),
        Access::Read => to_read(),
        Access::WriteIfAllowed => match to_write() {
            Err(StoreError::Io { source, .. }) if refused(&source) => to_read(),
            opened => opened,
        },
        // First to read, which makes no store where there is none.
        Access::Note => to_read().map(|store| to_write().unwrap_or(store)),
    }
}

fn refused(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn cannot_open(error: &StoreError, access: Access) -> Failure {
    let failure = Failure::new(Exit::Io, "could not open the store").because(Some(error));
    match (error, access) {
        (StoreError::NotAStore { .. }, Access::Read | Access::Note) => failure.help(
            "run `herbarium index` first, or name another store with --store or HERBARIUM_STORE",
        ),
        _ => failure.help(ANOTHER_STORE),
    }
}

/// What the engine says when a run cannot go on.
pub(crate) fn run_failed(error: &IndexError) -> Failure {
    let failure = Failure::from_error(Exit::Io, error);
    match error {
        IndexError::Store(_) => failure.help(ANOTHER_STORE),
        _ => failure,
    }
}
