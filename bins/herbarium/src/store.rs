//! Opening the store.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_index::{Engine, EngineOptions, IndexError};
use herbarium_store::{Store, StoreError, StoreOptions};

use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::limits::engine_options;

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
    /// To write to one that is there.
    Maintain,
    /// To read; nothing is made or changed.
    Read,
}

/// The engine over the store that the options name.
pub(crate) fn engine(app: &App, access: Access) -> Result<Engine, Failure> {
    let (dir, options) = (app.store_dir()?, engine_options(&app.global)?);
    let store = open(&dir, access).map_err(|error| cannot_open(&error, access))?;
    Ok(Engine::new(Arc::new(store), options))
}

/// An engine that finds trees in the store or not at all.
pub(crate) fn engine_that_never_parses(app: &App) -> Result<Engine, Failure> {
    let (dir, options) = (app.store_dir()?, engine_options(&app.global)?);
    let store = open(&dir, Access::Read).map_err(|error| cannot_open(&error, Access::Read))?;
    // No time to parse: a parse that would be needed is given up where it starts.
    let options = EngineOptions { max_parse_time: Duration::ZERO, ..options };
    Ok(Engine::new(Arc::new(store), options))
}

/// The store that the options name.
pub(crate) fn store(app: &App, access: Access) -> Result<Store, Failure> {
    open(&app.store_dir()?, access).map_err(|error| cannot_open(&error, access))
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
        Access::Maintain => to_read().and_then(|_| to_write()),
        // First to read, which makes no store where there is none.
        Access::Note => to_read().map(|store| to_write().unwrap_or(store)),
    }
}

fn refused(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn cannot_open(error: &StoreError, access: Access) -> Failure {
    let help = match (error, access) {
        (StoreError::NotAStore { .. }, Access::Read | Access::Note | Access::Maintain) => {
            "run `herbarium index` first, or name another store with --store or HERBARIUM_STORE"
        }
        (StoreError::Io { source, .. }, Access::Write) if refused(source) => {
            "have the store made writable for you, or name another with --store or \
             HERBARIUM_STORE; `tree`, `stats`, `verify` and, with --no-index, `query` and `symbols` \
             need only read it"
        }
        _ => store_help(error),
    };
    Failure::new(Exit::Io, "could not open the store", help).because(Some(error))
}

/// What to do about a store that cannot be used.
pub(crate) fn store_help(error: &StoreError) -> &'static str {
    match error {
        StoreError::Io { source, .. } if refused(source) => {
            "have the store's permissions changed, or name another with --store or HERBARIUM_STORE"
        }
        StoreError::Io { source, .. } if is_full(source) => {
            "free some space and run the same again: what was stored before is safe"
        }
        StoreError::Version { newer: true, .. } => {
            "update Herbarium, or name another store with --store or HERBARIUM_STORE"
        }
        StoreError::NotAStore { .. } | StoreError::Damaged { .. } => {
            "name an empty or a new directory with --store or HERBARIUM_STORE"
        }
        StoreError::Busy { .. } => "wait for the other process, and run the same again",
        StoreError::Catalogue { .. } => {
            "run the same again; should that not help, delete the catalogue: it is rebuilt"
        }
        _ => "look at the directory, or name another with --store or HERBARIUM_STORE",
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What the store says when it cannot do something.
pub(crate) fn store_failed(error: &StoreError) -> Failure {
    Failure::from_error(Exit::Io, error, store_help(error))
}

/// What the engine says when a run cannot go on.
pub(crate) fn run_failed(error: &IndexError) -> Failure {
    let help = match error {
        IndexError::Root { .. } => "check the path, and who may read it",
        IndexError::NotIndexable { .. } => "name files and folders",
        IndexError::Thread(_) => "close other programs, or ask for fewer threads with --workers",
        IndexError::Store(error) => store_help(error),
        _ => "please report this, with what was typed",
    };
    Failure::from_error(Exit::Io, error, help)
}
