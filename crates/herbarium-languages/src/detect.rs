//! Which language a file is in: by its name first, then by its first bytes.

use std::path::Path;

use crate::clash::Verdict;
use crate::generated::{CLASHES, EXTENSIONS, FILE_NAMES, FILE_STEMS, SHEBANGS};
use crate::language::Language;
use crate::row::{Row, known};

/// How much of a file [`detect`] looks at. More may be given and is not read.
pub const HEAD_BYTES: usize = 4096;

/// The language of a file.
#[derive(Debug, Clone, Copy)]
pub enum Detection {
    /// It is built in.
    Compiled(&'static Language),
    /// It is known, but was not built in.
    Known(&'static Row),
}

impl Detection {
    /// What is known of the language without its grammar.
    pub fn row(&self) -> &'static Row {
        match self {
            Self::Compiled(language) => language.row(),
            Self::Known(row) => row,
        }
    }

    /// The language, if it is built in.
    pub fn language(&self) -> Option<&'static Language> {
        match self {
            Self::Compiled(language) => Some(language),
            Self::Known(_) => None,
        }
    }
}

/// Which language a file is in, from its path and the first [`HEAD_BYTES`] of it.
///
/// The whole file name decides first, then the extension, then the name before
/// a dot, then the interpreter on a `#!` line. Where several languages use one
/// extension, the head decides. Nothing is read here: give an empty head where
/// [`needs_head`] says that none is needed.
///
/// ```
/// use std::path::Path;
/// use herbarium_languages::detect;
///
/// let id = |path, head: &[u8]| detect(Path::new(path), head).map(|found| found.row().id);
/// assert_eq!(id("Makefile", b""), Some("make"));
/// assert_eq!(id("queue.h", b"struct queue;"), Some("c"));
/// assert_eq!(id("queue.h", b"class Queue {"), Some("cpp"));
/// assert_eq!(id("run", b"#!/usr/bin/env python3\n"), Some("python"));
/// assert_eq!(id("photo.png", b"\x89PNG"), None);
/// ```
pub fn detect(path: &Path, head: &[u8]) -> Option<Detection> {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    let row = match claim(path) {
        Some(Claim::Row(index)) => known().get(usize::from(index)),
        Some(Claim::Clash(index)) => decide(usize::from(index), path, head),
        None => shebang(head),
    }?;
    Some(Language::of(row).map_or(Detection::Known(row), Detection::Compiled))
}

/// Whether [`detect`] needs the head of the file. If not, the name decides alone.
///
/// ```
/// use std::path::Path;
/// use herbarium_languages::needs_head;
///
/// assert!(!needs_head(Path::new("main.rs")));
/// assert!(needs_head(Path::new("main.h")));
/// assert!(needs_head(Path::new("configure")));
/// ```
pub fn needs_head(path: &Path) -> bool {
    !matches!(claim(path), Some(Claim::Row(_)))
}

/// Whose a name is, by index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Claim {
    Row(u8),
    Clash(u8),
}

/// No extension in the tables is longer.
const LONGEST_EXTENSION: usize = 32;

fn claim(path: &Path) -> Option<Claim> {
    let name = path.file_name()?.as_encoded_bytes();
    find(&FILE_NAMES, name)
        .or_else(|| extension(name))
        .or_else(|| find(&FILE_STEMS, name.get(..memchr::memchr(b'.', name)?)?))
}

/// The last two parts of the name decide before the last one alone.
fn extension(name: &[u8]) -> Option<Claim> {
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0)?;
    let before = memchr::memrchr(b'.', name.get(..dot)?).filter(|&before| before > 0);
    let ending = |dot: usize| name.get(dot + 1..).and_then(extension_claim);
    before.and_then(ending).or_else(|| ending(dot))
}

/// As it stands first, so that `.C` can mean another language than `.c`.
fn extension_claim(extension: &[u8]) -> Option<Claim> {
    find(&EXTENSIONS, extension).or_else(|| {
        let mut lower = [0; LONGEST_EXTENSION];
        let lower = lower.get_mut(..extension.len())?;
        lower.copy_from_slice(extension);
        lower.make_ascii_lowercase();
        find(&EXTENSIONS, lower)
    })
}

/// A `#!` line decides between the languages of a clash as well.
fn decide(index: usize, path: &Path, head: &[u8]) -> Option<&'static Row> {
    let clash = CLASHES.get(index)?;
    if let Some(row) = shebang(head).filter(|row| row.extensions.contains(&clash.extension)) {
        return Some(row);
    }
    match clash.decide(path, head) {
        Verdict::Language(id) => row_by_id(id),
        Verdict::Other(_) => None,
    }
}

/// The language whose interpreter the first line names.
fn shebang(head: &[u8]) -> Option<&'static Row> {
    let line = head.strip_prefix(b"#!")?;
    let line = line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len()))?;
    let interpreter = interpreter(line)?;
    let claim =
        find(&SHEBANGS, interpreter).or_else(|| find(&SHEBANGS, without_version(interpreter)));
    match claim? {
        Claim::Row(index) => known().get(usize::from(index)),
        Claim::Clash(_) => None,
    }
}

/// The program on a `#!` line: what `env` is given, if it is `env`.
fn interpreter(line: &[u8]) -> Option<&[u8]> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(|word| word.rsplit(|&byte| byte == b'/').next().unwrap_or(word));
    let program = words.next()?;
    if program != b"env" {
        return Some(program);
    }
    words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))
}

/// `python3.11` without `3.11`.
fn without_version(program: &[u8]) -> &[u8] {
    let is_version = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let end = program.iter().rposition(|byte| !is_version(byte)).map_or(0, |last| last + 1);
    program.get(..end).unwrap_or(program)
}

fn row_by_id(id: &str) -> Option<&'static Row> {
    let index = known().binary_search_by(|row| row.id.cmp(id)).ok()?;
    known().get(index)
}

fn find(table: &[(&str, Claim)], name: &[u8]) -> Option<Claim> {
    let index = table.binary_search_by(|(key, _)| key.as_bytes().cmp(name)).ok()?;
    table.get(index).map(|&(_, claim)| claim)
}
