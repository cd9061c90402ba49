//! Workspaces: folders that have a name, kept over a restart.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::ServiceOptions;
use crate::problem::{self, Problem};
use crate::sheet::Sheets;

/// A folder with a name.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) name: Box<str>,
    /// Absolute and resolved.
    pub(crate) root: PathBuf,
    /// Seconds since 1970.
    pub(crate) added: u64,
    /// What the store knows of its files.
    pub(crate) sheets: Sheets,
}

/// All workspaces, by name.
#[derive(Debug)]
pub(crate) struct Workspaces {
    by_name: RwLock<BTreeMap<Box<str>, Arc<Workspace>>>,
    /// Held while they are changed and written down.
    changing: Mutex<()>,
    file: Option<PathBuf>,
    /// Held for as long as the list is ours alone.
    _lock: Option<File>,
    /// Resolved.
    allowed: Vec<PathBuf>,
    most: usize,
}

/// Why the workspaces of the last time cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file or its folder cannot be read or written.
    #[error("could not open the list of workspaces {}: check who may read and write it", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what a service writes.
    #[error("{} is no list of workspaces: mend it, or remove it and add them again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another service has it, and each would lose what the other is told.
    #[error("the folder {} is used by another service: stop it, or name another folder", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error("{} is of version {found}, expected 1: use the program that wrote it, or a later one", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A folder in which workspaces are to be allowed is not there.
    #[error("could not allow workspaces in {}: name a folder that is there", path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The file's name in the state folder.
const FILE: &str = "workspaces.json";
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    #[serde(default)]
    workspaces: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    name: Box<str>,
    root: PathBuf,
    added: u64,
}

/// What became of a workspace that was to be added.
#[derive(Debug)]
pub(crate) enum Added {
    New(Arc<Workspace>),
    /// It was there, with the same folder.
    Known(Arc<Workspace>),
}

impl Workspaces {
    /// Those that were there the last time.
    pub(crate) fn open(options: &ServiceOptions) -> Result<Self, StateError> {
        let resolve = |path: &PathBuf| {
            let resolved = std::fs::canonicalize(path);
            resolved.map_err(|source| StateError::Root { path: path.clone(), source })
        };
        let allowed = options.allowed_roots.iter().map(resolve).collect::<Result<_, _>>()?;
        let file = options.state_dir.as_ref().map(|dir| dir.join(FILE));
        if let Some(dir) = &options.state_dir {
            let made = std::fs::create_dir_all(dir);
            made.map_err(|source| StateError::Io { path: dir.clone(), source })?;
        }
        let lock = options.state_dir.as_deref().map(lock).transpose()?;
        let known = file.as_deref().map(read).transpose()?.unwrap_or_default();
        let workspaces = Self {
            by_name: RwLock::new(known),
            changing: Mutex::new(()),
            file,
            _lock: lock,
            allowed,
            most: options.max_workspaces,
        };
        for workspace in workspaces.all().iter().filter(|it| !workspaces.allows(&it.root)) {
            tracing::warn!(
                workspace = &*workspace.name,
                "a workspace is not within the folders that are allowed any more, and not served"
            );
        }
        Ok(workspaces)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Workspace>> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        by_name.values().cloned().collect()
    }

    /// The one of this name, if its folder is still within those that are allowed: they
    /// may be others than when it was added.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Workspace>, Problem> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let workspace = by_name.get(name).cloned().ok_or_else(|| problem::no_workspace(name))?;
        match self.allows(&workspace.root) {
            true => Ok(workspace),
            false => Err(problem::root_not_allowed(&workspace.root.to_string_lossy())),
        }
    }

    /// Adds a folder; blocks.
    pub(crate) fn add(&self, name: &str, path: &str) -> Result<Added, Problem> {
        check_name(name)?;
        let root = self.resolve(path)?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_name = self.copy();
        if let Some(known) = by_name.get(name) {
            return match known.root == root {
                true => Ok(Added::Known(Arc::clone(known))),
                false => Err(problem::workspace_exists(name)),
            };
        }
        if by_name.len() >= self.most {
            return Err(problem::too_many(
                "workspaces",
                by_name.len() as u64 + 1,
                self.most as u64,
            ));
        }
        let added = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let line = Line { name: name.into(), root, added };
        let workspace = Arc::new(Workspace::from(line));
        by_name.insert(workspace.name.clone(), Arc::clone(&workspace));
        self.put(by_name)?;
        Ok(Added::New(workspace))
    }

    /// Forgets a workspace; blocks. Its folder is not touched.
    pub(crate) fn remove(&self, name: &str) -> Result<Arc<Workspace>, Problem> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_name = self.copy();
        let removed = by_name.remove(name).ok_or_else(|| problem::no_workspace(name))?;
        self.put(by_name)?;
        Ok(removed)
    }

    /// The folder, if it is one and within those that are allowed. What is not within
    /// them is said to be so whether it is there or not.
    fn resolve(&self, path: &str) -> Result<PathBuf, Problem> {
        let given = Path::new(path);
        if path.contains('\0') || !given.is_absolute() {
            return Err(problem::bad_root(path, "it is not absolute"));
        }
        let refused = || problem::root_not_allowed(path);
        let root = match std::fs::canonicalize(given) {
            Ok(root) => root,
            Err(_) if self.allows(given) && !has_parents(given) => {
                return Err(problem::bad_root(path, "there is nothing, or it may not be read"));
            }
            Err(_) => return Err(refused()),
        };
        if !self.allows(&root) {
            return Err(refused());
        }
        match root.is_dir() {
            true => Ok(root),
            false => Err(problem::bad_root(path, "it is not a folder")),
        }
    }

    fn allows(&self, path: &Path) -> bool {
        self.allowed.iter().any(|allowed| path.starts_with(allowed))
    }

    fn copy(&self) -> BTreeMap<Box<str>, Arc<Workspace>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes them down first: what a client was told is there stays there.
    fn put(&self, by_name: BTreeMap<Box<str>, Arc<Workspace>>) -> Result<(), Problem> {
        if let Some(file) = &self.file {
            write(file, &by_name).map_err(|error| problem::state(&error))?;
        }
        *self.by_name.write().unwrap_or_else(PoisonError::into_inner) = by_name;
        Ok(())
    }
}

/// How often, and in what steps, a service that is just ending is waited for.
const TRIES: u32 = 20;
const STEP: Duration = Duration::from_millis(100);

/// Takes the state folder. The lock ends with the process, however that ends.
fn lock(dir: &Path) -> Result<File, StateError> {
    let path = dir.join("lock");
    let failed = |source| StateError::Io { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(STEP),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    Err(StateError::Taken { path: dir.to_owned() })
}

fn has_parents(path: &Path) -> bool {
    path.components().any(|part| part == std::path::Component::ParentDir)
}

impl Workspace {
    /// Its folder, if that is still the one that was added, and no link that somebody put
    /// in its place or in that of a folder above. Blocks.
    pub(crate) fn still_there(&self) -> Result<&Path, Problem> {
        match std::fs::canonicalize(&self.root) {
            Ok(now) if now == self.root => Ok(&self.root),
            Ok(_) => {
                let root = self.root.to_string_lossy();
                Err(problem::bad_root(&root, "a link to another folder is in its place"))
            }
            Err(_) => {
                let root = self.root.to_string_lossy();
                Err(problem::bad_root(&root, "there is nothing, or it may not be read"))
            }
        }
    }
}

impl From<Line> for Workspace {
    fn from(Line { name, root, added }: Line) -> Self {
        let sheets = Sheets::new(&root);
        Self { name, root, added, sheets }
    }
}

/// The longest name, in bytes.
const LONGEST_NAME: usize = 64;

fn check_name(name: &str) -> Result<(), Problem> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_fine = name.starts_with(is_word)
        && name.len() <= LONGEST_NAME
        && name.chars().all(|c| is_word(c) || matches!(c, '.' | '_' | '-'));
    if is_fine { Ok(()) } else { Err(problem::bad_name(name)) }
}

fn read(file: &Path) -> Result<BTreeMap<Box<str>, Arc<Workspace>>, StateError> {
    let path = file.to_owned();
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(StateError::Io { path, source }),
    };
    // The version first: what follows it may be anything in a later one.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let damaged = |source| StateError::Damaged { path: path.clone(), source };
    let Version { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version != VERSION {
        return Err(StateError::Version { path, found: version });
    }
    let record: Record = serde_json::from_slice(&text).map_err(damaged)?;
    let named = record.workspaces.into_iter().map(Workspace::from);
    Ok(named.map(|it| (it.name.clone(), Arc::new(it))).collect())
}

/// In one step: whatever happens, there is the old list or the new one.
fn write(file: &Path, by_name: &BTreeMap<Box<str>, Arc<Workspace>>) -> io::Result<()> {
    let line = |it: &Arc<Workspace>| Line {
        name: it.name.clone(),
        root: it.root.clone(),
        added: it.added,
    };
    let record = Record { version: VERSION, workspaces: by_name.values().map(line).collect() };
    let mut text = serde_json::to_vec_pretty(&record)?;
    text.push(b'\n');
    let fresh = file.with_extension("json.new");
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(&text)?;
    out.sync_all()?;
    drop(out);
    std::fs::rename(&fresh, file)?;
    #[cfg(unix)]
    if let Some(dir) = file.parent() {
        std::fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}
