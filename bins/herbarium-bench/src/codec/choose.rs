//! Which files are measured, and which are learnt from.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use herbarium_codec::{check_source, source_hash};

use crate::args::CodecArgs;
use crate::corpus::{Files, SourceFile};

/// A file and what is in it.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Files of one language. No content is there twice.
pub(crate) struct Chosen {
    pub(crate) measured: Vec<Source>,
    pub(crate) small: Vec<Source>,
    pub(crate) learn: Vec<Source>,
}

/// What the engine learns from at most.
const LEARN_FILES: usize = 200;
const LEARN_BYTES: u64 = 4 << 20;
const LONGEST_LEARNT: u64 = 64 << 10;

/// Every second file may be learnt from, the others may be measured.
pub(crate) fn choose(files: &Files, args: &CodecArgs) -> Chosen {
    let half = |odd: usize| files.files.iter().skip(odd).step_by(2);
    let mut seen = HashSet::new();
    let limit = args.limit.get();
    let measured = args.min_bytes..=args.max_bytes;
    let small = 1..args.min_bytes;
    let mut learnt = 0;
    let learn =
        half(1).filter(|file| (1..=LONGEST_LEARNT).contains(&file.len)).take_while(|file| {
            learnt += file.len;
            learnt <= LEARN_BYTES
        });
    Chosen {
        measured: read(half(0).filter(|file| measured.contains(&file.len)), limit, &mut seen),
        small: read(half(0).filter(|file| small.contains(&file.len)), limit, &mut seen),
        learn: read(learn, LEARN_FILES, &mut seen),
    }
}

/// Reads the first `most` files that can be read, that trees are kept over
/// (UTF-16 is not) and that have new content: any real files will do.
fn read<'a>(
    files: impl Iterator<Item = &'a SourceFile>,
    most: usize,
    seen: &mut HashSet<u64>,
) -> Vec<Source> {
    let read = |file: &SourceFile| {
        let bytes = fs::read(&file.path).ok()?;
        check_source(&bytes).ok()?;
        seen.insert(source_hash(&bytes)).then(|| Source { path: file.path.clone(), bytes })
    };
    files.filter_map(read).take(most).collect()
}
