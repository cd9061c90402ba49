//! What the library noted of a child: every change to files, in their order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shim::class;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was made.
    Create(PathBuf, u64),
    /// Bytes were written to a file at an offset.
    Write(u64, u64, Vec<u8>),
    /// A file was cut or lengthened.
    Truncate(u64, u64),
    /// A file was synced.
    Sync(u64),
    /// A file was to be synced, and the system said that it failed.
    SyncFailed(u64),
    /// A directory was synced.
    SyncDir(PathBuf),
    /// A directory was to be synced, and the system said that it failed.
    SyncDirFailed(PathBuf),
    /// Something was renamed.
    Rename(PathBuf, PathBuf),
    /// A file got one more name.
    Link(PathBuf, PathBuf),
    /// A name was removed.
    Remove(PathBuf),
    /// A directory was made.
    MakeDir(PathBuf),
    /// The child said something.
    Say(String),
}

/// Reads a log, up to the end of its last whole entry.
///
/// # Errors
/// There is none, or an entry is none that the library writes.
pub fn read(path: &Path) -> Result<Vec<Event>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut reader = Reader(&bytes);
    let mut events = Vec::new();
    while let Some(entry) = reader.entry() {
        events.push(event(entry)?);
    }
    Ok(events)
}

/// An entry, as the library writes it.
struct Entry<'a> {
    class: u32,
    path: &'a [u8],
    other: &'a [u8],
    error: u32,
    inode: u64,
    offset: u64,
    data: &'a [u8],
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.take(8)?.try_into().ok()?))
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let (class, path, other, error) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        let (inode, offset, data) = (self.u64()?, self.u64()?, self.u64()?);
        let path = self.take(path as usize)?;
        let other = self.take(other as usize)?;
        let data = self.take(usize::try_from(data).ok()?)?;
        Some(Entry { class, path, other, error, inode, offset, data })
    }
}

fn event(entry: Entry<'_>) -> Result<Event, String> {
    // The paths are those of folders made here: plain text.
    let named = |bytes: &[u8]| PathBuf::from(String::from_utf8_lossy(bytes).into_owned());
    let path = named(entry.path);
    Ok(match entry.class {
        class::CREATE => Event::Create(path, entry.inode),
        class::WRITE => Event::Write(entry.inode, entry.offset, entry.data.to_vec()),
        class::TRUNCATE => Event::Truncate(entry.inode, entry.offset),
        class::SYNC if entry.error != 0 => Event::SyncFailed(entry.inode),
        class::SYNC => Event::Sync(entry.inode),
        class::SYNC_DIR if entry.error != 0 => Event::SyncDirFailed(path),
        class::SYNC_DIR => Event::SyncDir(path),
        class::RENAME => Event::Rename(path, named(entry.other)),
        class::LINK => Event::Link(path, named(entry.other)),
        class::UNLINK => Event::Remove(path),
        class::MKDIR => Event::MakeDir(path),
        class::ACKNOWLEDGE => Event::Say(String::from_utf8_lossy(entry.data).into_owned()),
        class => return Err(format!("an entry of the log is of class {class}, which is none")),
    })
}
