//! Which files and folders a workspace leaves out.
//!
//! The rules are those of the crate `ignore`, whose matchers do the work; what
//! is here is how they are joined, folder by folder. A folder without ignore
//! files costs nothing: it has the scope of the folder around it. The names of
//! a folder are known when its scope is made, so that nothing is looked for
//! that is not there.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_store::{path_bytes, path_from_bytes};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{EngineOptions, Problem, ProblemKind};

/// What holds in all of a workspace.
pub(super) struct Rules {
    hidden: bool,
    ignore: bool,
    git_ignore: bool,
    git_exclude: bool,
    global: Gitignore,
}

/// The ignore files that count in a folder: its own, and those around it.
#[derive(Clone, Default)]
pub(super) struct Scope(Option<Arc<Level>>);

/// The ignore files of one folder.
struct Level {
    around: Scope,
    /// Bytes of a path to pass over: those of the folder, and a slash.
    skip: usize,
    ignore: Gitignore,
    git_ignore: Gitignore,
    git_exclude: Gitignore,
}

/// Which names that matter a folder has.
#[derive(Clone, Copy, Default)]
pub(super) struct Present {
    pub(super) ignore: bool,
    pub(super) git_ignore: bool,
    pub(super) git: bool,
}

impl Present {
    /// As far as is known.
    const PERHAPS: Self = Self { ignore: true, git_ignore: true, git: true };

    pub(super) fn note(&mut self, name: &[u8]) {
        self.ignore |= name == b".ignore";
        self.git_ignore |= name == b".gitignore";
        self.git |= name == b".git";
    }
}

impl Rules {
    /// The rules of a workspace, and the scope around it.
    ///
    /// Ignore files count as in git, in folders that are no git repository too.
    /// Outside a repository, though, those above the root do not count: a
    /// `.gitignore` in the home directory says nothing about every project below
    /// it. Nor does any `.gitignore` where the root's own hides everything: it was
    /// left over by a repository that tracked something else, as in the kernel
    /// sources that Debian packages.
    pub(super) fn new(
        root: &Path,
        options: &EngineOptions,
        problems: &mut Vec<Problem>,
    ) -> (Self, Scope) {
        let follow = options.follow_ignore;
        let in_repository = root.ancestors().any(|folder| folder.join(".git").exists());
        let global = if follow { Gitignore::global().0 } else { Gitignore::empty() };
        let rules = Self {
            hidden: options.hidden,
            ignore: follow,
            git_ignore: follow && (in_repository || !hides_everything(root)),
            git_exclude: follow,
            global,
        };
        let mut scope = Scope::default();
        if follow && in_repository {
            let mut around: Vec<&Path> = root.ancestors().skip(1).collect();
            around.reverse();
            for folder in around {
                scope = rules.enter(&scope, &path_bytes(folder), Present::PERHAPS, problems);
            }
        }
        (rules, scope)
    }

    /// The scope inside a folder, of which the scope around it is known.
    pub(super) fn enter(
        &self,
        around: &Scope,
        folder: &[u8],
        present: Present,
        problems: &mut Vec<Problem>,
    ) -> Scope {
        let ignore = self.ignore && present.ignore;
        let git_ignore = self.git_ignore && present.git_ignore;
        let git_exclude = self.git_exclude && present.git;
        if !ignore && !git_ignore && !git_exclude {
            return around.clone();
        }
        let path = path_from_bytes(folder);
        let mut read = |wanted: bool, file: Option<PathBuf>| match file.filter(|_| wanted) {
            Some(file) => matcher(&path, &file, problems),
            None => Gitignore::empty(),
        };
        let level = Level {
            around: around.clone(),
            skip: folder.len() + usize::from(!folder.ends_with(b"/")),
            ignore: read(ignore, Some(path.join(".ignore"))),
            git_ignore: read(git_ignore, Some(path.join(".gitignore"))),
            git_exclude: read(git_exclude, git_exclude.then(|| exclude_file(&path)).flatten()),
        };
        if level.is_empty() {
            return around.clone();
        }
        Scope(Some(Arc::new(level)))
    }

    /// Whether a thing of this whole path, in this scope, is left out.
    pub(super) fn leaves_out(&self, scope: &Scope, path: &[u8], is_folder: bool) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match self.verdict(scope, path, is_folder) {
            Verdict::Out => true,
            Verdict::In => false,
            Verdict::Silent => !self.hidden && name.starts_with(b"."),
        }
    }

    /// What ignore files say. The nearest one that says anything counts, and
    /// `.ignore` before `.gitignore` before git's own files.
    fn verdict(&self, scope: &Scope, path: &[u8], is_folder: bool) -> Verdict {
        let mut said = [Verdict::Silent; 3];
        let mut next = scope.0.as_deref();
        while let Some(level) = next {
            let path = as_path(path.get(level.skip..).unwrap_or_default());
            let matchers = [&level.ignore, &level.git_ignore, &level.git_exclude];
            for (said, matcher) in said.iter_mut().zip(matchers) {
                if *said == Verdict::Silent {
                    *said = Verdict::of(matcher, &path, is_folder);
                }
            }
            next = level.around.0.as_deref();
        }
        let said = said.into_iter().find(|it| *it != Verdict::Silent);
        said.unwrap_or_else(|| Verdict::of(&self.global, &as_path(path), is_folder))
    }
}

impl Level {
    fn is_empty(&self) -> bool {
        self.ignore.is_empty() && self.git_ignore.is_empty() && self.git_exclude.is_empty()
    }
}

/// What a file of rules says of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Out,
    In,
    Silent,
}

impl Verdict {
    fn of(matcher: &Gitignore, path: &Path, is_folder: bool) -> Self {
        if matcher.is_empty() {
            return Self::Silent;
        }
        match matcher.matched(path, is_folder) {
            Match::Ignore(_) => Self::Out,
            Match::Whitelist(_) => Self::In,
            Match::None => Self::Silent,
        }
    }
}

/// The rules in a file, for paths below a folder. That it cannot be read is as
/// if it were not there; rules that cannot be understood are passed over.
fn matcher(folder: &Path, file: &Path, problems: &mut Vec<Problem>) -> Gitignore {
    // Paths are given relative to the folder.
    let mut builder = GitignoreBuilder::new("");
    let mut note = |error: ignore::Error| {
        if error.is_io() {
            return;
        }
        let message = format!("a rule of an ignore file is passed over: {error}");
        let (path, kind) = (folder.to_owned(), ProblemKind::BadIgnoreRule);
        problems.push(Problem { path, kind, message, limit: None });
    };
    if let Some(error) = builder.add(file) {
        note(error);
    }
    builder.build().unwrap_or_else(|error| {
        note(error);
        Gitignore::empty()
    })
}

/// Where the repository in a folder keeps the rules that are its own: for a
/// worktree, in the repository that it is one of.
fn exclude_file(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if !git.metadata().is_ok_and(|it| it.is_file()) {
        return Some(git.join("info/exclude"));
    }
    let line = first_line(&git)?;
    let worktree = PathBuf::from(line.strip_prefix("gitdir: ")?);
    let common = first_line(&worktree.join("commondir"))?;
    let common =
        if common.starts_with('.') { worktree.join(common) } else { PathBuf::from(common) };
    Some(common.join("info/exclude"))
}

fn first_line(path: &Path) -> Option<String> {
    BufReader::new(File::open(path).ok()?).lines().next()?.ok()
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

#[cfg(unix)]
fn as_path(bytes: &[u8]) -> Cow<'_, Path> {
    Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)).into()
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> Cow<'_, Path> {
    path_from_bytes(bytes).into()
}
