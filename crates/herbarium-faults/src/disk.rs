//! A disk that loses power: what was synced is on it, of what was not any part
//! may be.
//!
//! The model is what POSIX promises, and no more: a sync of a file makes its
//! content last, a sync of a directory the names in it. A name is not made to
//! last by a sync of what it names. A rename is there whole or not at all. Of
//! writes that were not synced, any may be there and any not, in units of a
//! sector of 512 bytes, whatever their order was. Once a sync failed, what it was
//! to write counts as written for the system, and is not: a later sync that goes
//! well says nothing of it.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::Random;
use crate::log::Event;

const SECTOR: u64 = 512;

/// The disk of a machine that is running.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: BTreeMap<usize, File>,
    /// Which file an inode number stands for now.
    inodes: HashMap<u64, usize>,
    /// The names as processes see them.
    live: BTreeMap<PathBuf, Node>,
    /// The names as they are on the disk.
    names: BTreeMap<PathBuf, Node>,
    /// Changes of names that no sync made to last.
    naming: Vec<Naming>,
    /// Changes are numbered in their order.
    clock: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<(usize, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// Names that change together, or not at all.
#[derive(Debug, Clone)]
struct Naming {
    time: usize,
    changes: Vec<(PathBuf, Option<Node>)>,
}

/// What a power failure left: files with their content, and folders without.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Image(BTreeMap<PathBuf, Option<Vec<u8>>>);

/// What becomes of a change that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on the disk.
    Kept,
    /// It is not.
    Lost,
    /// Some of its sectors are, chosen by this number; a change that is no write
    /// is kept.
    Torn(u64),
}

impl Disk {
    /// Takes in a change, and says whether it was one.
    pub fn apply(&mut self, event: &Event) -> bool {
        self.clock += 1;
        match event {
            Event::Create(path, inode) => {
                let file = self.files.len();
                self.files.insert(file, File::default());
                self.inodes.insert(*inode, file);
                self.name(vec![(path.clone(), Some(Node::File(file)))]);
            }
            Event::MakeDir(path) => self.name(vec![(path.clone(), Some(Node::Folder))]),
            Event::Remove(path) => self.name(vec![(path.clone(), None)]),
            Event::Rename(from, to) => self.rename(from, to),
            Event::Link(from, to) => {
                let node = self.live.get(from).copied();
                self.name(vec![(to.clone(), node)]);
            }
            Event::Write(inode, at, data) => self.change(*inode, Change::Write(*at, data.clone())),
            Event::Truncate(inode, len) => self.change(*inode, Change::Truncate(*len)),
            Event::Sync(inode) => self.sync(*inode),
            Event::SyncFailed(inode) => self.fail_to_sync(*inode),
            Event::SyncDir(path) => self.sync_folder(path),
            Event::SyncDirFailed(_) | Event::Say(_) => return false,
        }
        true
    }

    fn name(&mut self, changes: Vec<(PathBuf, Option<Node>)>) {
        rename_in(&mut self.live, &changes);
        self.naming.push(Naming { time: self.clock, changes });
    }

    /// A folder takes what is in it along.
    fn rename(&mut self, from: &Path, to: &Path) {
        let mut changes = Vec::new();
        for (path, node) in self.live.range(from.to_owned()..) {
            let Ok(rest) = path.strip_prefix(from) else { continue };
            let new = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            changes.push((path.clone(), None));
            changes.push((new, Some(*node)));
        }
        self.name(changes);
    }

    fn change(&mut self, inode: u64, change: Change) {
        let time = self.clock;
        if let Some(file) = self.file(inode) {
            file.pending.push((time, change));
        }
    }

    fn sync(&mut self, inode: u64) {
        if let Some(file) = self.file(inode) {
            for (_, change) in std::mem::take(&mut file.pending) {
                change.apply(&mut file.synced, Fate::Kept);
            }
        }
    }

    /// What was pending is gone, though processes read it until power fails. How
    /// long the file is was no part of it.
    fn fail_to_sync(&mut self, inode: u64) {
        if let Some(file) = self.file(inode) {
            for (_, change) in std::mem::take(&mut file.pending) {
                change.lengthen(&mut file.synced);
            }
        }
    }

    fn file(&mut self, inode: u64) -> Option<&mut File> {
        self.inodes.get(&inode).and_then(|file| self.files.get_mut(file))
    }

    fn sync_folder(&mut self, folder: &Path) {
        let within =
            |naming: &Naming| naming.changes.iter().any(|(path, _)| path.parent() == Some(folder));
        let (synced, pending) = std::mem::take(&mut self.naming).into_iter().partition(within);
        self.naming = pending;
        let synced: Vec<Naming> = synced;
        synced.iter().for_each(|naming| rename_in(&mut self.names, &naming.changes));
    }

    /// The times of all changes that a power failure could undo now, in order.
    pub fn pending(&self) -> Vec<usize> {
        let data = self.files.values().flat_map(|file| file.pending.iter().map(|(time, _)| *time));
        let times: BTreeSet<usize> = data.chain(self.naming.iter().map(|it| it.time)).collect();
        times.into_iter().collect()
    }

    /// What is left if power fails now, and each change that is pending has the
    /// fate that is given for its time.
    pub fn fail(&self, fate: impl Fn(usize) -> Fate) -> Image {
        let mut names = self.names.clone();
        for naming in self.naming.iter().filter(|naming| fate(naming.time) != Fate::Lost) {
            rename_in(&mut names, &naming.changes);
        }
        let mut image: BTreeMap<PathBuf, Option<Vec<u8>>> = BTreeMap::new();
        // Sorted: folders come before what is in them.
        for (path, node) in names {
            let above = path.parent().and_then(|parent| self.live.get(parent));
            let reachable =
                above.is_none() || path.parent().is_some_and(|it| image.contains_key(it));
            if !reachable {
                continue;
            }
            let content = match node {
                Node::Folder => None,
                Node::File(file) => Some(self.content(file, &fate)),
            };
            image.insert(path, content);
        }
        Image(image)
    }

    fn content(&self, file: usize, fate: impl Fn(usize) -> Fate) -> Vec<u8> {
        let Some(file) = self.files.get(&file) else { return Vec::new() };
        let mut content = file.synced.clone();
        file.pending.iter().for_each(|(time, change)| change.apply(&mut content, fate(*time)));
        content
    }
}

fn rename_in(names: &mut BTreeMap<PathBuf, Node>, changes: &[(PathBuf, Option<Node>)]) {
    for (path, node) in changes {
        match node {
            Some(node) => drop(names.insert(path.clone(), *node)),
            None => drop(names.remove(path)),
        }
    }
}

impl Change {
    fn lengthen(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => content.resize(*len as usize, 0),
            Self::Write(at, data) => {
                content.resize(content.len().max(*at as usize + data.len()), 0)
            }
        }
    }

    fn apply(&self, content: &mut Vec<u8>, fate: Fate) {
        match (self, fate) {
            (_, Fate::Lost) => {}
            (Self::Truncate(len), _) => content.resize(*len as usize, 0),
            (Self::Write(at, data), Fate::Kept) => write(content, *at, data),
            (Self::Write(at, data), Fate::Torn(seed)) => {
                let mut random = Random::new(seed);
                for (from, part) in sectors(*at, data) {
                    if random.once_in(2) {
                        write(content, from, part);
                    }
                }
            }
        }
    }
}

fn write(content: &mut Vec<u8>, at: u64, data: &[u8]) {
    let (from, to) = (at as usize, at as usize + data.len());
    if content.len() < to {
        content.resize(to, 0);
    }
    if let Some(place) = content.get_mut(from..to) {
        place.copy_from_slice(data);
    }
}

/// The parts of a write that lie in one sector each.
fn sectors(at: u64, data: &[u8]) -> Vec<(u64, &[u8])> {
    let (mut at, mut rest, mut parts) = (at, data, Vec::new());
    while !rest.is_empty() {
        let room = (SECTOR - at % SECTOR) as usize;
        let (part, after) = rest.split_at(room.min(rest.len()));
        parts.push((at, part));
        at += part.len() as u64;
        rest = after;
    }
    parts
}

impl Image {
    /// Writes it below `to`, in place of the folder `root` that it was below.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, root: &Path, to: &Path) -> io::Result<()> {
        fs::create_dir_all(to)?;
        for (path, content) in &self.0 {
            let path = to.join(path.strip_prefix(root).unwrap_or(path));
            match content {
                None => fs::create_dir(path)?,
                Some(content) => fs::write(path, content)?,
            }
        }
        Ok(())
    }

    /// A number that another image hardly has.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(events: &[Event]) -> Disk {
        let mut disk = Disk::default();
        for event in events {
            disk.apply(event);
        }
        disk
    }

    fn left(disk: &Disk, fate: Fate) -> Vec<(String, Option<Vec<u8>>)> {
        let image = disk.fail(|_| fate).0.into_iter();
        image.map(|(path, content)| (path.display().to_string(), content)).collect()
    }

    fn write_at(at: u64, data: &[u8]) -> Event {
        Event::Write(1, at, data.to_vec())
    }

    #[test]
    fn nothing_lasts_that_was_not_synced() {
        let mut events = vec![Event::Create("/a".into(), 1), write_at(0, b"x")];
        assert_eq!(left(&disk(&events), Fate::Lost), []);
        assert_eq!(left(&disk(&events), Fate::Kept), [("/a".into(), Some(b"x".to_vec()))]);
        events.push(Event::Sync(1));
        assert_eq!(left(&disk(&events), Fate::Lost), [], "the name is not synced");
        events.push(Event::SyncDir("/".into()));
        assert_eq!(left(&disk(&events), Fate::Lost), [("/a".into(), Some(b"x".to_vec()))]);
        events.push(write_at(1, b"y"));
        assert_eq!(left(&disk(&events), Fate::Lost), [("/a".into(), Some(b"x".to_vec()))]);
        assert_eq!(left(&disk(&events), Fate::Kept), [("/a".into(), Some(b"xy".to_vec()))]);
        assert_eq!(disk(&events).pending().len(), 1);
    }

    #[test]
    fn a_sync_that_failed_is_not_mended_by_a_later_one() {
        let events = [
            Event::Create("/a".into(), 1),
            Event::SyncDir("/".into()),
            write_at(0, b"x"),
            Event::SyncFailed(1),
            write_at(1, b"y"),
            Event::Sync(1),
        ];
        assert_eq!(left(&disk(&events), Fate::Kept), [("/a".into(), Some(b"\0y".to_vec()))]);
    }

    #[test]
    fn a_rename_is_there_or_not() {
        let events = [
            Event::Create("/a".into(), 1),
            Event::SyncDir("/".into()),
            Event::Rename("/a".into(), "/b".into()),
        ];
        assert_eq!(left(&disk(&events), Fate::Lost), [("/a".into(), Some(vec![]))]);
        assert_eq!(left(&disk(&events), Fate::Kept), [("/b".into(), Some(vec![]))]);
    }

    #[test]
    fn what_is_in_a_folder_that_is_lost_is_lost() {
        let events = [
            Event::MakeDir("/d".into()),
            Event::Create("/d/a".into(), 1),
            Event::SyncDir("/d".into()),
        ];
        assert_eq!(left(&disk(&events), Fate::Lost), []);
        assert_eq!(left(&disk(&events), Fate::Kept).len(), 2);
    }

    #[test]
    fn a_torn_write_keeps_whole_sectors() {
        let events =
            [Event::Create("/a".into(), 1), Event::SyncDir("/".into()), write_at(0, &[1; 2048])];
        let images: BTreeSet<_> =
            (0..40).map(|seed| left(&disk(&events), Fate::Torn(seed))).collect();
        assert!(images.len() > 10, "{}", images.len());
        for image in images {
            let content = image[0].1.as_ref().map_or(&[][..], Vec::as_slice);
            assert!(content.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        }
    }
}
