//! Reading one file: safely, whole, and no further than needed.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use herbarium_codec::check_source;
use herbarium_languages::{Row, detect, needs_head};

use crate::EngineOptions;
use crate::stat::Stat;
use crate::tongue::{Foreign, Tongue};

/// A file that was read.
pub(crate) struct Reading {
    /// What it looked like while it was read; `None` if it could not be opened.
    pub(crate) stat: Option<Stat>,
    /// Its language, where that was found out.
    pub(crate) row: Option<&'static Row>,
    /// The language that its tree is made in, or was made in by another program;
    /// or why there is none.
    pub(crate) language: Result<Tongue, Unfit>,
}

/// Why a file is not to be parsed.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// No language claims it.
    Unknown,
    /// Its language was not built in, and the store has no tree of it.
    NotBuilt(&'static Row),
    /// Its language was not asked for.
    Filtered,
    /// Its language only occurs inside others.
    InjectionOnly,
    /// It is not text.
    Binary,
    /// It is text in an encoding without trees, such as this one.
    Encoding(&'static str),
    /// It is longer than the limit.
    TooLarge { len: u64, limit: u64 },
    /// It changed while it was read, twice.
    Changing,
    /// It is not there.
    Vanished(io::Error),
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is no regular file.
    NotAFile(&'static str),
}

/// Bytes at the start that decide whether a file is binary, as in git.
const HEAD: usize = 8000;
/// How long a file that changed while it was read is left in peace.
const PAUSE: Duration = Duration::from_millis(5);

/// Reads a file into `buffer`, if it is one to be parsed.
///
/// Only as much is read as it takes to know that it is not. A file that changes
/// meanwhile is read once more.
pub(crate) fn read(
    path: &Path,
    options: &EngineOptions,
    foreign: &Foreign,
    buffer: &mut Vec<u8>,
) -> Reading {
    for _ in 0..2 {
        match read_once(path, options, foreign, buffer) {
            Ok(reading) => return reading,
            Err(Again) => thread::sleep(PAUSE),
        }
    }
    let row = detect(path, buffer).map(|detection| detection.row());
    Reading { stat: None, row, language: Err(Unfit::Changing) }
}

/// The file changed while it was read.
struct Again;

fn read_once(
    path: &Path,
    options: &EngineOptions,
    foreign: &Foreign,
    buffer: &mut Vec<u8>,
) -> Result<Reading, Again> {
    buffer.clear();
    let failed = |error| Ok(Reading { stat: None, row: None, language: Err(unreadable(error)) });
    let (mut file, stat) = match open(path) {
        Ok(Ok(opened)) => opened,
        Ok(Err(found)) => {
            return Ok(Reading { stat: None, row: None, language: Err(Unfit::NotAFile(found)) });
        }
        Err(error) => return failed(error),
    };
    let unfit = |row, why| Ok(Reading { stat: Some(stat), row, language: Err(why) });
    let row_of = |head: &[u8]| detect(path, head).map(|detection| detection.row());
    let by_name = if needs_head(path) { None } else { row_of(&[]) };
    if let Some(row) = by_name
        && let Err(why) = choose(row, options, foreign)
    {
        return unfit(Some(row), why);
    }
    if let Err(error) = (&mut file).take(HEAD as u64).read_to_end(buffer) {
        return failed(error);
    }
    let binary = is_binary(buffer);
    let Some(row) = by_name.or_else(|| row_of(buffer)) else {
        return unfit(None, if binary { Unfit::Binary } else { Unfit::Unknown });
    };
    let language = choose(row, options, foreign);
    let row = Some(row);
    let language = match language {
        Ok(language) => language,
        Err(why) => return unfit(row, why),
    };
    if let Some(why) = encoding(buffer, binary) {
        return unfit(row, why);
    }
    if stat.size > options.max_file_bytes {
        return unfit(row, Unfit::TooLarge { len: stat.size, limit: options.max_file_bytes });
    }
    // One byte more than there should be, to notice a file that grew.
    let rest = (stat.size + 1).saturating_sub(buffer.len() as u64);
    buffer.reserve(rest as usize);
    if let Err(error) = (&mut file).take(rest).read_to_end(buffer) {
        return failed(error);
    }
    let same = |after: io::Result<Stat>| after.is_ok_and(|after| after == stat);
    if buffer.len() as u64 != stat.size || !same(file.metadata().map(|it| Stat::of(&it))) {
        return Err(Again);
    }
    Ok(Reading { stat: Some(stat), row, language: Ok(language) })
}

/// The language of a file that can have a tree.
pub(crate) fn choose(
    row: &'static Row,
    options: &EngineOptions,
    foreign: &Foreign,
) -> Result<Tongue, Unfit> {
    if options.languages.as_ref().is_some_and(|wanted| !wanted.contains(row.id)) {
        return Err(Unfit::Filtered);
    }
    if row.injection_only {
        return Err(Unfit::InjectionOnly);
    }
    foreign.tongue(row, options).ok_or(Unfit::NotBuilt(row))
}

/// Whether what a text begins with is no text.
pub(crate) fn is_binary(text: &[u8]) -> bool {
    memchr::memchr(0, text.get(..HEAD).unwrap_or(text)).is_some()
}

/// What text begins with that is not in an encoding with trees.
pub(crate) fn encoding(head: &[u8], binary: bool) -> Option<Unfit> {
    match check_source(head) {
        // UTF-16 has the first two bytes in common; text that begins with a NUL
        // character is rarer than UTF-32.
        _ if head.starts_with(b"\xff\xfe\0\0") => Some(Unfit::Encoding("UTF-32 little-endian")),
        _ if head.starts_with(b"\0\0\xfe\xff") => Some(Unfit::Encoding("UTF-32 big-endian")),
        Err(herbarium_codec::BuildError::Utf16 { mark }) => Some(Unfit::Encoding(mark)),
        _ => binary.then_some(Unfit::Binary),
    }
}

/// Opens a regular file, and nothing else: what was one when its folder was
/// listed may be a pipe by now, and must neither block nor be read.
fn open(path: &Path) -> io::Result<Result<(File, Stat), &'static str>> {
    let before = std::fs::metadata(path)?;
    if !before.is_file() {
        return Ok(Err(name_of(before.file_type())));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // For the moment between looking and opening.
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Err(name_of(metadata.file_type())));
    }
    Ok(Ok((file, Stat::of(&metadata))))
}

/// What a thing that is no regular file is called.
pub(crate) fn name_of(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a named pipe";
        }
        if file_type.is_socket() {
            return "a socket";
        }
        if file_type.is_block_device() || file_type.is_char_device() {
            return "a device";
        }
    }
    if file_type.is_dir() {
        "a folder"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else {
        "no regular file"
    }
}

fn unreadable(error: io::Error) -> Unfit {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unfit::Vanished(error),
        _ => Unfit::Unreadable(error),
    }
}
