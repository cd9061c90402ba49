//! The file `HERBARIUM`: that a directory is a store, and of which version.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::StoreError;
use crate::catalogue::{CATALOGUE, CATALOGUE_MAGIC};
use crate::error::{IoContext, is_refusal};
use crate::files::{SegmentFile, read_at, segment_file, sync_dir, write_atomically};
use crate::segment::{HEADER, HeaderState, SegmentHeader};

/// Name of the marker file.
pub(crate) const MARKER: &str = "HERBARIUM";
/// Directory of the segments, inside the store's.
pub(crate) const SEGMENTS: &str = "segments";

/// Major version of the store format that this library reads and writes.
pub const STORE_MAJOR: u32 = 1;
/// Minor version of the store format that this library writes.
pub const STORE_MINOR: u32 = 0;

const EXPECTED: &str = "`herbarium store <major>.<minor>`";
const PREFIX: &str = "herbarium store ";

/// Checks that `dir` is a store of a version we read; makes it one if it is
/// empty or missing and `create` is set.
///
/// A damaged marker is no reason to refuse what is a store by all else: it is
/// written anew where `create` is set, and passed over where it is not.
pub(crate) fn open(dir: &Path, create: bool) -> Result<(), StoreError> {
    let path = dir.join(MARKER);
    match fs::read(&path) {
        Ok(bytes) => match Version::parse(&bytes) {
            Some(version) => version.check(dir),
            None => heal(dir, &path, &bytes, create),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && create => make(dir),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::NotAStore {
            path: dir.to_owned(),
            found: if dir.exists() { "none" } else { "no such directory" },
        }),
        Err(error) => Err(error).at("read", &path),
    }
}

fn make(dir: &Path) -> Result<(), StoreError> {
    make_folder(dir).at("create the directory", dir)?;
    if !is_ours(dir)? {
        return Err(StoreError::NotAStore { path: dir.to_owned(), found: "other files" });
    }
    let segments = dir.join(SEGMENTS);
    fs::create_dir_all(&segments).at("create the directory", &segments)?;
    write(&dir.join(MARKER))
}

/// Makes a directory and those above it, and their names durable: without them
/// nothing is that will be in it.
fn make_folder(dir: &Path) -> io::Result<()> {
    let missing = dir.ancestors().take_while(|above| !above.exists()).count();
    fs::create_dir_all(dir)?;
    // At least its own: it may have been made by a process that was killed.
    for above in dir.ancestors().skip(1).take(missing.max(1)) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match sync_dir(above) {
            // One may be allowed to pass through it and not to read it.
            Err(error) if is_refusal(&error) => {}
            synced => synced?,
        }
    }
    Ok(())
}

fn write(path: &Path) -> Result<(), StoreError> {
    let text = format!("{PREFIX}{STORE_MAJOR}.{STORE_MINOR}\n");
    write_atomically(path, text.as_bytes()).at("write", path)
}

fn heal(dir: &Path, path: &Path, bytes: &[u8], create: bool) -> Result<(), StoreError> {
    if !is_ours(dir)? || !holds_our_version(dir) {
        let shown = bytes.get(..bytes.len().min(64)).unwrap_or_default();
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            expected: EXPECTED,
            found: format!("{:?}", String::from_utf8_lossy(shown)),
            advice: "nothing beside it is of a store of this version, so that it is not written \
                     anew: delete this file if nobody needs it, or name another directory",
        });
    }
    let marker = path.display();
    if create {
        tracing::warn!(%marker, "a damaged file is written anew: the rest is a store");
        write(path)
    } else {
        tracing::warn!(%marker, "a damaged file is passed over: the rest is a store");
        Ok(())
    }
}

/// Whether what lies in the directory was written by this version: there is a
/// segment or a catalogue, and no segment of another version.
fn holds_our_version(dir: &Path) -> bool {
    let mut found = is_catalogue(&dir.join(CATALOGUE));
    let entries = fs::read_dir(dir.join(SEGMENTS)).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let segment = name.to_str().and_then(segment_file);
        if !matches!(segment, Some(SegmentFile::Open(_) | SegmentFile::Pack(_))) {
            continue;
        }
        match header_state(&entry.path()) {
            HeaderState::Good(_) => found = true,
            HeaderState::Newer { .. } => return false,
            HeaderState::Damaged => {}
        }
    }
    found
}

fn header_state(path: &Path) -> HeaderState {
    let mut header = [0; HEADER];
    let read = File::open(path).and_then(|file| read_at(&file, &mut header, 0));
    read.map_or(HeaderState::Damaged, |count| {
        SegmentHeader::parse(header.get(..count).unwrap_or_default())
    })
}

fn is_catalogue(path: &Path) -> bool {
    let mut start = [0; CATALOGUE_MAGIC.len()];
    let read = File::open(path).and_then(|file| read_at(&file, &mut start, 0));
    read.is_ok() && start == CATALOGUE_MAGIC
}

/// Whether a directory without a marker may become a store: it is empty, or
/// holds a store's own files (the marker was deleted, or another process is
/// making the store at this moment).
fn is_ours(dir: &Path) -> Result<bool, StoreError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let name = entry.at("list", dir)?.file_name();
        let name = name.to_string_lossy();
        if !(name == SEGMENTS || name.starts_with(MARKER) || name.starts_with("catalogue.")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A version as it is written: digits, however many.
struct Version<'a> {
    major: &'a str,
    minor: &'a str,
}

impl<'a> Version<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (major, minor) = text.strip_prefix(PREFIX)?.strip_suffix('\n')?.split_once('.')?;
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(major) && is_number(minor)).then_some(Self { major, minor })
    }

    fn check(&self, dir: &Path) -> Result<(), StoreError> {
        // More digits than fit are a later version for certain.
        let major = self.major.parse().unwrap_or(u32::MAX);
        if major == STORE_MAJOR {
            return Ok(());
        }
        Err(StoreError::Version {
            path: dir.to_owned(),
            found: format!("{}.{}", self.major, self.minor),
            newer: major > STORE_MAJOR,
            supported_major: STORE_MAJOR,
            supported_minor: STORE_MINOR,
        })
    }
}
