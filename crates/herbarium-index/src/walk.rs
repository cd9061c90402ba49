//! Finding the files of a workspace.
//!
//! One listing and one look a file, on several threads, in no more memory than
//! the result takes. The order comes from the folders: each listing is sorted by
//! itself, and the whole is put together from them.

mod folder;
mod rules;
mod sieve;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use herbarium_store::{path_bytes, path_from_bytes};

use crate::stat::Stat;
use crate::{Cancel, EngineOptions, Problem, ProblemKind};

use folder::{Folder, Kind};
use rules::{Present, Rules, Scope};

pub(crate) use sieve::{Sieve, is_rules};

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
    /// The folders that were listed, below the root: without a slash behind, and
    /// the folder that the walk began in first.
    pub(crate) folders: Vec<Vec<u8>>,
    /// Files that were gone before they could be looked at, and all else that
    /// went wrong.
    pub(crate) problems: Vec<Problem>,
    /// Links, pipes, sockets, devices.
    pub(crate) special: u64,
}

/// Walks a folder, on several threads. Symbolic links are not followed; the
/// store is not entered. `found` counts the files while it goes on.
pub(crate) fn walk(
    root: &Path,
    store: &Path,
    options: &EngineOptions,
    cancel: &Cancel,
    found: &AtomicU64,
) -> Walked {
    let mut problems = Vec::new();
    let (rules, scope) = Rules::new(root, options, &mut problems);
    let (root, store) = (path_bytes(root), path_bytes(store));
    let top = Task { number: 0, path: root, scope };
    let mut walked = walk_below(&rules, top, &[], &store, options.workers, cancel, found);
    walked.problems.extend(problems);
    walked
}

/// Walks a folder of a workspace; `stem` is its path below the root.
fn walk_below(
    rules: &Rules,
    top: Task,
    stem: &[u8],
    store: &[u8],
    workers: usize,
    cancel: &Cancel,
    found: &AtomicU64,
) -> Walked {
    let walk = Walk {
        rules,
        store,
        cancel,
        found,
        queue: Mutex::default(),
        changed: Condvar::new(),
        folders: AtomicU32::new(1),
    };
    walk.queue().tasks.push(top);
    let parts: Vec<Part> = thread::scope(|scope| {
        let spawn = |_| {
            let builder = thread::Builder::new().name("herbarium-walk".to_owned());
            builder.spawn_scoped(scope, || walk.work()).ok()
        };
        let others: Vec<_> = (1..workers.max(1)).filter_map(spawn).collect();
        let mut parts = vec![walk.work()];
        parts.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        parts
    });
    gather(parts, walk.folders.into_inner(), stem)
}

/// Where the threads of a walk meet.
struct Walk<'a> {
    rules: &'a Rules,
    store: &'a [u8],
    cancel: &'a Cancel,
    found: &'a AtomicU64,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Folders found so far, each of which has a number.
    folders: AtomicU32,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    /// Threads that list a folder, and may find more.
    busy: usize,
}

/// A folder to be listed.
struct Task {
    number: u32,
    path: Vec<u8>,
    /// That of the folder around it.
    scope: Scope,
}

/// What one thread found.
#[derive(Default)]
struct Part {
    listings: Vec<(u32, Listing)>,
    problems: Vec<Problem>,
    special: u64,
}

/// What is in a folder, by name.
#[derive(Default)]
struct Listing {
    /// All names, those of folders with a slash behind.
    names: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    name: (u32, u32),
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    File(Stat),
    /// By its number.
    Folder(u32),
}

impl Listing {
    fn add(&mut self, name: &[u8], what: What) {
        let from = self.names.len() as u32;
        self.names.extend_from_slice(name);
        if matches!(what, What::Folder(_)) {
            self.names.push(b'/');
        }
        self.entries.push(Entry { name: (from, self.names.len() as u32), what });
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        self.names.get(entry.name.0 as usize..entry.name.1 as usize).unwrap_or_default()
    }

    /// By name. With the slash behind the names of folders this is the order of
    /// the whole paths, too: `a.c` comes before `a/b`.
    fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|a, b| self.name(a).cmp(self.name(b)));
        self.entries = entries;
    }
}

impl Walk<'_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next folder; none once nobody can find more.
    fn take(&self) -> Option<Task> {
        let mut queue = self.queue();
        loop {
            if let Some(task) = queue.tasks.pop() {
                queue.busy += 1;
                return Some(task);
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What one thread does.
    fn work(&self) -> Part {
        let mut part = Part::default();
        let mut names = Names::default();
        while let Some(task) = self.take() {
            let further = if self.cancel.is_cancelled() {
                Vec::new()
            } else {
                self.list(&task, &mut names, &mut part)
            };
            let mut queue = self.queue();
            queue.busy -= 1;
            let is_news = !further.is_empty() || queue.busy == 0;
            queue.tasks.extend(further);
            drop(queue);
            if is_news {
                self.changed.notify_all();
            }
        }
        part
    }

    /// Lists a folder, looks at its files, and gives the folders in it.
    fn list(&self, task: &Task, names: &mut Names, part: &mut Part) -> Vec<Task> {
        let mut present = Present::default();
        names.clear();
        let opened = Folder::open(&task.path).and_then(|folder| {
            folder.each(|name, kind| {
                present.note(name.to_bytes());
                names.add(name, kind);
            })?;
            Ok(folder)
        });
        let folder = match opened {
            Ok(folder) => folder,
            Err(error) => {
                part.problems.push(of_folder(&task.path, &error));
                return Vec::new();
            }
        };
        let scope = self.rules.enter(&task.scope, &task.path, present, &mut part.problems);
        let mut listing = Listing::default();
        let mut further = Vec::new();
        let mut path = task.path.clone();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        let stem = path.len();
        for (name, kind) in names.iter() {
            path.truncate(stem);
            path.extend_from_slice(name.to_bytes());
            let is_folder = kind == Kind::Folder;
            if self.rules.leaves_out(&scope, &path, is_folder) || path == self.store {
                continue;
            }
            match kind {
                Kind::Folder => {
                    let number = self.folders.fetch_add(1, Ordering::Relaxed);
                    listing.add(name.to_bytes(), What::Folder(number));
                    further.push(Task { number, path: path.clone(), scope: scope.clone() });
                }
                Kind::File => match folder.stat(name) {
                    Ok(stat) => listing.add(name.to_bytes(), What::File(stat)),
                    Err(error) => part.problems.push(of_file(&path, &error)),
                },
                Kind::Special => part.special += 1,
            }
        }
        let files = listing.entries.len() - further.len();
        self.found.fetch_add(files as u64, Ordering::Relaxed);
        listing.sort();
        part.listings.push((task.number, listing));
        further
    }
}

/// The names of one folder, kept for the next.
#[derive(Default)]
struct Names {
    /// Each with its end, as the system wants it back.
    bytes: Vec<u8>,
    ends: Vec<(u32, Kind)>,
}

impl Names {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn add(&mut self, name: &folder::Name, kind: Kind) {
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.ends.push((self.bytes.len() as u32, kind));
    }

    fn iter(&self) -> impl Iterator<Item = (&folder::Name, Kind)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).filter_map(|(from, (to, kind))| {
            let bytes = self.bytes.get(from as usize..*to as usize)?;
            Some((folder::Name::from_bytes_with_nul(bytes).ok()?, *kind))
        })
    }
}

/// Puts the files of all folders in the order of their paths.
fn gather(parts: Vec<Part>, folders: u32, stem: &[u8]) -> Walked {
    let mut walked = Walked::default();
    let mut listings: Vec<Listing> = Vec::new();
    listings.resize_with(folders as usize, Listing::default);
    let mut files = 0;
    for part in parts {
        walked.problems.extend(part.problems);
        walked.special += part.special;
        for (number, listing) in part.listings {
            files += listing.entries.len();
            if let Some(place) = listings.get_mut(number as usize) {
                *place = listing;
            }
        }
    }
    walked.files.reserve_exact(files);
    // Not by recursion: folders may lie deeper than a stack reaches.
    let mut path = stem.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    walked.folders.push(stem.to_vec());
    let mut open = vec![(0, 0, path.len())];
    while let Some((number, at, stem)) = open.pop() {
        path.truncate(stem);
        let Some(listing) = listings.get(number as usize) else { continue };
        for (next, entry) in (at + 1..).zip(listing.entries.iter().skip(at)) {
            path.truncate(stem);
            path.extend_from_slice(listing.name(entry));
            match entry.what {
                What::File(stat) => walked.files.push(Found { path: path.clone(), stat }),
                What::Folder(inner) => {
                    walked.folders.push(path[..path.len() - 1].to_vec());
                    open.push((number, next, stem));
                    open.push((inner, 0, path.len()));
                    break;
                }
            }
        }
    }
    walked
}

fn of_file(path: &[u8], error: &io::Error) -> Problem {
    let gone = error.kind() == io::ErrorKind::NotFound;
    let kind = if gone { ProblemKind::Vanished } else { ProblemKind::Unreadable };
    let message = format!("could not look at the file: {error}: check its permissions");
    Problem { path: path_from_bytes(path), kind, message, limit: None }
}

fn of_folder(path: &[u8], error: &io::Error) -> Problem {
    let message = format!(
        "could not list the folder, its files are not indexed: {error}: check its permissions"
    );
    let kind = ProblemKind::UnreadableFolder;
    Problem { path: path_from_bytes(path), kind, message, limit: None }
}
