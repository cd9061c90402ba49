//! Finding the files of a workspace.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use herbarium_store::path_bytes;
use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use crate::stat::Stat;
use crate::{Cancel, EngineOptions, Problem, ProblemKind};

/// A regular file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Path below the root, as a manifest holds it.
    pub(crate) path: Vec<u8>,
    pub(crate) stat: Stat,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// By path.
    pub(crate) files: Vec<Found>,
    /// Files that were gone before they could be looked at, and all else that
    /// went wrong.
    pub(crate) problems: Vec<Problem>,
    /// Links, pipes, sockets, devices.
    pub(crate) special: u64,
}

/// Walks a folder, on several threads. Symbolic links are not followed; the
/// store is not entered. `found` counts the files while it goes on.
///
/// Ignore files count as in git, in folders that are no git repository too.
/// Outside a repository, though, those above the root do not count: a
/// `.gitignore` in the home directory says nothing about every project below
/// it. Nor does any `.gitignore` where the root's own hides everything: it was
/// left over by a repository that tracked something else, as in the kernel
/// sources that Debian packages.
pub(crate) fn walk(
    root: &Path,
    store: &Path,
    options: &EngineOptions,
    cancel: &Cancel,
    found: &AtomicU64,
) -> Walked {
    let in_repository = root.ancestors().any(|folder| folder.join(".git").exists());
    let git_ignore = options.follow_ignore && (in_repository || !hides_everything(root));
    let store = store.to_owned();
    let mut builder = WalkBuilder::new(root);
    builder
        .hidden(!options.hidden)
        .ignore(options.follow_ignore)
        .git_ignore(git_ignore)
        .git_global(options.follow_ignore)
        .git_exclude(options.follow_ignore)
        .parents(options.follow_ignore && in_repository)
        .require_git(false)
        .follow_links(false)
        .threads(options.workers.max(1))
        .filter_entry(move |entry| entry.path() != store);
    let all = Mutex::new(Walked::default());
    let mut visitors = Visitors { root, cancel, found, all: &all };
    builder.build_parallel().visit(&mut visitors);
    let mut walked = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    walked.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    walked
}

fn hides_everything(root: &Path) -> bool {
    let path = root.join(".gitignore");
    let Ok(rules) = std::fs::read(&path) else { return false };
    let everything: [&[u8]; 5] = [b"*", b"/*", b"**", b"/**", b"**/*"];
    let hides = rules.split(|byte| *byte == b'\n').any(|it| everything.contains(&it.trim_ascii()));
    if hides {
        tracing::warn!(
            path = %path.display(),
            "hides everything, outside a git repository: ignore rules for git are passed over"
        );
    }
    hides
}

struct Visitors<'a> {
    root: &'a Path,
    cancel: &'a Cancel,
    found: &'a AtomicU64,
    all: &'a Mutex<Walked>,
}

/// What one thread found; handed over when it ends.
struct Visitor<'a> {
    root: &'a Path,
    cancel: &'a Cancel,
    found: &'a AtomicU64,
    all: &'a Mutex<Walked>,
    own: Walked,
}

impl<'a> ParallelVisitorBuilder<'a> for Visitors<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 'a> {
        let Self { root, cancel, found, all } = *self;
        Box::new(Visitor { root, cancel, found, all, own: Walked::default() })
    }
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.cancel.is_cancelled() {
            return WalkState::Quit;
        }
        match entry {
            Ok(entry) => self.entry(&entry),
            Err(error) => self.own.problems.push(problem(self.root, &error)),
        }
        WalkState::Continue
    }
}

impl Visitor<'_> {
    fn entry(&mut self, entry: &DirEntry) {
        if let Some(error) = entry.error() {
            let message = format!("a rule of an ignore file is passed over: {error}");
            let path = entry.path().to_owned();
            self.own.problems.push(Problem {
                path,
                kind: ProblemKind::BadIgnoreRule,
                message,
                limit: None,
            });
        }
        let Some(file_type) = entry.file_type() else { return };
        if file_type.is_dir() {
            return;
        }
        if !file_type.is_file() {
            self.own.special += 1;
            return;
        }
        self.found.fetch_add(1, Ordering::Relaxed);
        match entry.metadata() {
            Ok(metadata) => {
                let path = entry.path().strip_prefix(self.root).unwrap_or(entry.path());
                let path = path_bytes(path);
                self.own.files.push(Found { path, stat: Stat::of(&metadata) });
            }
            Err(error) => self.own.problems.push(of_file(entry.path(), &error)),
        }
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let own = std::mem::take(&mut self.own);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.files.extend(own.files);
        all.problems.extend(own.problems);
        all.special += own.special;
    }
}

fn of_file(path: &Path, error: &ignore::Error) -> Problem {
    let gone = error.io_error().is_some_and(|it| it.kind() == std::io::ErrorKind::NotFound);
    let kind = if gone { ProblemKind::Vanished } else { ProblemKind::Unreadable };
    let message = format!("could not look at the file: {error}: check its permissions");
    Problem { path: path.to_owned(), kind, message, limit: None }
}

/// What the walker itself complains about: a folder, or an ignore file.
fn problem(root: &Path, error: &ignore::Error) -> Problem {
    let path = path_of(error).unwrap_or_else(|| root.to_owned());
    if error.io_error().is_some() {
        let message = format!(
            "could not list the folder, its files are not indexed: {error}: check its permissions"
        );
        return Problem { path, kind: ProblemKind::UnreadableFolder, message, limit: None };
    }
    let message = format!("an ignore file is passed over: {error}");
    Problem { path, kind: ProblemKind::BadIgnoreRule, message, limit: None }
}

fn path_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Partial(errors) => errors.iter().find_map(path_of),
        _ => None,
    }
}
