//! Which files are measured, and which are learnt from.

use std::collections::HashSet;

use crate::args::CodecArgs;
use crate::corpus::{Files, Source, read};

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
