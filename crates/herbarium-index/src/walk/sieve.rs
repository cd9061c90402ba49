//! The rules of a workspace for one path at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use herbarium_store::{path_bytes, path_from_bytes};

use super::rules::{Present, Rules, Scope};
use super::{Task, Walked, walk_below};
use crate::{Cancel, EngineOptions, Problem};

/// What a walk would find at a path, without the walk. Ignore files are read
/// once: after one of them has changed, a new sieve is needed.
pub(crate) struct Sieve {
    rules: Rules,
    root: Vec<u8>,
    store: Vec<u8>,
    around: Scope,
    /// Scopes inside folders, by their whole paths; none of those left out.
    scopes: HashMap<Vec<u8>, Option<Scope>>,
}

/// More are forgotten, and read again when they are needed.
const MOST_SCOPES: usize = 10_000;

impl Sieve {
    pub(crate) fn new(root: &Path, store: &Path, options: &EngineOptions) -> Self {
        // What is wrong with an ignore file, each walk tells.
        let (rules, around) = Rules::new(root, options, &mut Vec::new());
        let (root, store) = (path_bytes(root), path_bytes(store));
        Self { rules, root, store, around, scopes: HashMap::new() }
    }

    /// Whether a walk would find a thing of this path below the root.
    pub(crate) fn keeps(&mut self, below: &[u8], is_folder: bool) -> bool {
        let path = self.whole(below);
        let Some(scope) = self.scope_around(&path) else { return false };
        path != self.store && !self.rules.leaves_out(&scope, &path, is_folder)
    }

    /// Walks a folder of the workspace, unless it is left out. Paths are those
    /// below the root.
    pub(crate) fn walk(&mut self, below: &[u8], workers: usize, cancel: &Cancel) -> Walked {
        let path = self.whole(below);
        let scope = match below.is_empty() {
            true => Some(self.around.clone()),
            false if self.keeps(below, true) => self.scope_around(&path),
            false => None,
        };
        let Some(scope) = scope else { return Walked::default() };
        let (top, found) = (Task { number: 0, path, scope }, AtomicU64::new(0));
        walk_below(&self.rules, top, below, &self.store, workers, cancel, &found)
    }

    fn whole(&self, below: &[u8]) -> Vec<u8> {
        let mut path = self.root.clone();
        if !below.is_empty() {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend_from_slice(below);
        }
        path
    }

    /// The scope inside the folder around a path; none if that is left out.
    fn scope_around(&mut self, path: &[u8]) -> Option<Scope> {
        if self.scopes.len() > MOST_SCOPES {
            self.scopes.clear();
        }
        let mut folders = Vec::new();
        let mut folder = parent(path);
        while folder.len() >= self.root.len() && !self.scopes.contains_key(folder) {
            folders.push(folder);
            folder = parent(folder);
        }
        let mut scope = match self.scopes.get(folder) {
            Some(scope) => scope.clone(),
            None => Some(self.around.clone()),
        };
        for folder in folders.into_iter().rev() {
            let is_in = |around: &Scope| {
                let is_out = folder == self.store || self.rules.leaves_out(around, folder, true);
                folder == self.root || !is_out
            };
            scope = scope.filter(is_in).map(|around| self.inside(&around, folder));
            self.scopes.insert(folder.to_vec(), scope.clone());
        }
        scope
    }

    fn inside(&self, around: &Scope, folder: &[u8]) -> Scope {
        let path: PathBuf = path_from_bytes(folder);
        let mut present = Present::default();
        for name in [".ignore", ".gitignore", ".git"] {
            if path.join(name).symlink_metadata().is_ok() {
                present.note(name.as_bytes());
            }
        }
        let mut problems: Vec<Problem> = Vec::new();
        self.rules.enter(around, folder, present, &mut problems)
    }
}

/// Of a whole path; empty above the topmost folder.
fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) if path.len() > 1 => &path[..1],
        Some(at) => &path[..at],
        None => &[],
    }
}

/// Whether a file of this name says what is left out.
pub(crate) fn is_rules(name: &[u8]) -> bool {
    matches!(name, b".ignore" | b".gitignore" | b".git")
}
