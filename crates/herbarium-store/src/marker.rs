//! The file `HERBARIUM`: that a directory is a store, and of which version.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::StoreError;
use crate::catalogue::{CATALOGUE, CATALOGUE_MAGIC};
use crate::error::{IoContext, is_refusal};
use crate::files::{SegmentFile, may_be_opened, read_at, segment_file, sync_dir, write_atomically};
use crate::segment::{HEADER, HeaderState, SegmentHeader};

/// Name of the marker file.
pub(crate) const MARKER: &str = "HERBARIUM";
/// Directory of compiled queries, inside the store's.
pub(crate) const QUERIES: &str = "queries";
/// Directory of the segments, inside the store's.
pub(crate) const SEGMENTS: &str = "segments";

/// Major version of the store format that this library reads and writes.
pub const STORE_MAJOR: u32 = 1;
/// Latest minor version of the store format that this library writes: that of new
/// stores. In a store of an earlier one nothing is written that its readers would
/// not find, until it is migrated.
pub const STORE_MINOR: u32 = 1;

const EXPECTED: &str = "`herbarium store <major>.<minor>`";
const PREFIX: &str = "herbarium store ";
/// Whatever may be in the file, no more of it is read.
const LONGEST: u64 = 4 << 10;

/// Checks that `dir` is a store of a version we read; makes it one if it is
/// empty or missing and `create` is set.
///
/// A marker that is damaged or missing is no reason to refuse what is a store by all
/// else: it is written anew where `create` is set, and passed over where it is not. It
/// has no checksum; one that the segments belie and that is a flipped bit away from what
/// they say is damaged, too.
///
/// Gives the minor version that is written there: later ones than ours, too.
pub(crate) fn open(dir: &Path, create: bool) -> Result<u32, StoreError> {
    let path = dir.join(MARKER);
    match read_start(&path) {
        Ok(bytes) => match Version::parse(&bytes) {
            Some(version) => version.compare(dir, &bytes, create),
            None => match heal(dir, "damaged", create)? {
                Some(minor) => Ok(minor),
                None => refuse(&path, &bytes),
            },
        },
        Err(error) if error.kind() == ErrorKind::NotFound => match heal(dir, "missing", create)? {
            Some(minor) => Ok(minor),
            // Another process may have made the store in between.
            None if path.is_file() => open(dir, create),
            None if create => make(dir),
            None => Err(StoreError::NotAStore {
                path: dir.to_owned(),
                found: if dir.exists() { "none" } else { "no such directory" },
            }),
        },
        Err(error) if error.kind() == ErrorKind::IsADirectory => Err(StoreError::Damaged {
            path,
            expected: EXPECTED,
            found: "no file".to_owned(),
            advice: "delete it if nobody needs what is in it: the file is written anew then",
        }),
        Err(error) => Err(error).at("read", &path),
    }
}

/// So much of the file as can be a marker, and a byte more.
fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // To open a pipe is to wait for who writes to it.
    if !fs::metadata(path)?.is_file() {
        return Err(ErrorKind::IsADirectory.into());
    }
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn make(dir: &Path) -> Result<u32, StoreError> {
    make_folder(dir).at("create the directory", dir)?;
    if !is_ours(dir)? {
        return Err(StoreError::NotAStore { path: dir.to_owned(), found: "other files" });
    }
    let segments = dir.join(SEGMENTS);
    fs::create_dir_all(&segments).at("create the directory", &segments)?;
    // Segments without a marker are what is left of a store, of whatever version.
    let Some(minor) = minor_of_segments(dir) else {
        let found = "segments of a later version";
        return Err(StoreError::NotAStore { path: dir.to_owned(), found });
    };
    let minor = minor.unwrap_or(STORE_MINOR);
    write(dir, minor)?;
    Ok(minor)
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

/// Writes the marker of a minor version, in place of the one that is there.
pub(crate) fn write(dir: &Path, minor: u32) -> Result<(), StoreError> {
    let path = dir.join(MARKER);
    write_atomically(&path, line(minor).as_bytes()).at("write", &path)
}

/// What the marker of a minor version says.
fn line(minor: u32) -> String {
    format!("{PREFIX}{STORE_MAJOR}.{minor}\n")
}

/// Writes the marker anew or passes over it, where the rest is a store; `None` where it
/// is not.
fn heal(dir: &Path, what: &str, create: bool) -> Result<Option<u32>, StoreError> {
    let minor = minor_of_segments(dir);
    let Some(minor) = minor.filter(|minor| minor.is_some() || is_catalogue(&dir.join(CATALOGUE)))
    else {
        return Ok(None);
    };
    if !is_ours(dir)? {
        return Ok(None);
    }
    put_right(dir, what, minor.unwrap_or(STORE_MINOR), create).map(Some)
}

/// Writes the marker anew or passes over it: gives this minor version.
fn put_right(dir: &Path, what: &str, minor: u32, create: bool) -> Result<u32, StoreError> {
    let path = dir.join(MARKER);
    let marker = path.display();
    if create {
        tracing::warn!(%marker, "a {what} file is written anew: the rest is a store");
        write(dir, minor)?;
    } else {
        tracing::warn!(%marker, "a {what} file is passed over: the rest is a store");
    }
    Ok(minor)
}

fn refuse<T>(path: &Path, bytes: &[u8]) -> Result<T, StoreError> {
    let shown = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    Err(StoreError::Damaged {
        path: path.to_owned(),
        expected: EXPECTED,
        found: format!("{:?}", String::from_utf8_lossy(shown)),
        advice: "nothing beside it is of a store of this version, so that it is not written \
                 anew: delete this file if nobody needs it, or name another directory",
    })
}

/// The latest minor version of which there is a segment, if there is one at all;
/// `None` if there is one of a later major version.
fn minor_of_segments(dir: &Path) -> Option<Option<u32>> {
    let mut found = None;
    let entries = fs::read_dir(dir.join(SEGMENTS)).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let segment = name.to_str().and_then(segment_file).filter(|_| may_be_opened(&entry));
        if !matches!(segment, Some(SegmentFile::Open(_) | SegmentFile::Pack(_))) {
            continue;
        }
        match header_state(&entry.path()) {
            HeaderState::Good(header) => found = found.max(Some(u32::from(header.minor))),
            HeaderState::Newer { .. } => return None,
            HeaderState::Damaged => {}
        }
    }
    Some(found)
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
        let known = [SEGMENTS, QUERIES].contains(&&*name) || name.ends_with(".lock");
        if !(known || name.starts_with(MARKER) || name.starts_with("catalogue.")) {
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
        let bytes = Some(bytes).filter(|bytes| bytes.len() as u64 <= LONGEST)?;
        let text = std::str::from_utf8(bytes).ok()?;
        let (major, minor) = text.strip_prefix(PREFIX)?.strip_suffix('\n')?.split_once('.')?;
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(major) && is_number(minor)).then_some(Self { major, minor })
    }

    /// The minor version, if the major one is ours; that of the segments where they
    /// cannot be of a store of this one.
    fn compare(&self, dir: &Path, bytes: &[u8], create: bool) -> Result<u32, StoreError> {
        // More digits than fit are a later version for certain.
        let number = |digits: &str| digits.parse().unwrap_or(u32::MAX);
        let (major, minor) = (number(self.major), number(self.minor));
        // All segments that we read fit the latest version that we write.
        if (major, minor) == (STORE_MAJOR, STORE_MINOR) {
            return Ok(minor);
        }
        // A segment of a later version speaks for the marker.
        if let Some(Some(of_segments)) = minor_of_segments(dir)
            && (is_behind(major, minor, of_segments) || is_flipped(bytes, of_segments))
        {
            // Somebody may have migrated it in between.
            if !read_start(&dir.join(MARKER)).is_ok_and(|now| now == bytes) {
                return open(dir, create);
            }
            let what = format!("damaged ({}.{})", self.major, self.minor);
            return put_right(dir, &what, of_segments, create);
        }
        if major == STORE_MAJOR {
            return Ok(minor);
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

/// Whether it names an earlier version than a segment: no store has segments later than
/// itself.
fn is_behind(major: u32, minor: u32, of_segments: u32) -> bool {
    major == STORE_MAJOR && minor < of_segments
}

/// Whether it is what a store with such segments would say, with one bit flipped. What
/// differs by more was written so: it is left to the version that it names.
fn is_flipped(bytes: &[u8], of_segments: u32) -> bool {
    (of_segments..=STORE_MINOR).any(|minor| {
        let good = line(minor);
        let differ = bytes.iter().zip(good.as_bytes()).map(|(a, b)| (a ^ b).count_ones());
        bytes.len() == good.len() && differ.sum::<u32>() == 1
    })
}
