//! What the store asks of a file system: positioned reads and writes, locks,
//! atomic replacement, and the names of segment files.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::key::parse_hex;

/// Identity of a segment: random, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SegmentId(pub(crate) [u8; 16]);

impl SegmentId {
    /// A new id, from the process's random hash keys, its id, the time and a counter.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let state = RandomState::new();
        let mut id = [0; 16];
        let (low, high) = id.split_at_mut(8);
        low.copy_from_slice(&state.hash_one((std::process::id(), now_ns())).to_le_bytes());
        high.copy_from_slice(&state.hash_one((now_ns(), "segment")).to_le_bytes());
        Self(id)
    }

    /// An id as it is written in names: in lower case alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        parse_hex(text).filter(|_| is_lower).map(Self)
    }

    pub(crate) fn open_name(self) -> String {
        format!("seg-{self}.open")
    }

    pub(crate) fn pack_name(self) -> String {
        format!("seg-{self}.pack")
    }

    pub(crate) fn lock_name(self) -> String {
        format!("seg-{self}.lock")
    }

    pub(crate) fn bad_name(self) -> String {
        format!("seg-{self}.bad")
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentId({self})")
    }
}

/// What a file in the segment directory is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SegmentFile {
    Open(SegmentId),
    Pack(SegmentId),
    Bad(SegmentId),
}

pub(crate) fn segment_file(name: &str) -> Option<SegmentFile> {
    let (id, extension) = name.strip_prefix("seg-")?.split_once('.')?;
    // Upper-case digits would name the same segment twice.
    let id = SegmentId::parse(id)?;
    match extension {
        "open" => Some(SegmentFile::Open(id)),
        "pack" => Some(SegmentFile::Pack(id)),
        "bad" => Some(SegmentFile::Bad(id)),
        _ => None,
    }
}

/// Nanoseconds since 1970 by this machine's clock. Only ever shown, or compared
/// for equality: clocks jump.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
pub(crate) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read_some(file, rest, offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether opening it ends: to open a pipe is to wait for who writes to it.
pub(crate) fn may_be_opened(entry: &fs::DirEntry) -> bool {
    let kind = entry.file_type();
    kind.is_ok_and(|kind| kind.is_file() || kind.is_dir() || kind.is_symlink())
}

/// Writes all of `buf` at `offset`.
pub(crate) fn write_at(file: &File, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match write_some(file, buf, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                buf = buf.get(count..).unwrap_or_default();
                offset = offset.saturating_add(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_some(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(unix)]
fn write_some(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, buf, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    match std::os::windows::fs::FileExt::seek_read(file, buf, offset) {
        // Windows says so where Unix reads zero bytes.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => other,
    }
}

#[cfg(windows)]
fn write_some(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, buf, offset)
}

/// Makes names in `dir` durable. Where a directory cannot be opened (Windows)
/// there is nothing to do.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Replaces `path` by a file with these bytes, or leaves it as it was.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", SegmentId::random()));
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        write_at(&file, bytes, 0)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // It may not be there at all: the error that counts is the first.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// An exclusive lock on a file beside what it guards. Given up when dropped or
/// when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock if nobody has it; the file is created where it is missing.
    pub(crate) fn try_take(path: PathBuf) -> io::Result<Option<Self>> {
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits for the lock.
    pub(crate) fn take(path: PathBuf) -> io::Result<Self> {
        let file = open_lock(&path)?;
        file.lock()?;
        Ok(Self { file, path })
    }

    /// Removes the lock file: what it guarded is gone.
    pub(crate) fn remove(self) {
        // A lock file left behind is removed by whoever finds it next.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file releases it too; only a duplicate in a child would not.
        let _ = self.file.unlock();
    }
}

/// Makes the lock file where it is missing, without taking the lock.
pub(crate) fn touch_lock(path: &Path) -> io::Result<()> {
    open_lock(path).map(drop)
}

pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
