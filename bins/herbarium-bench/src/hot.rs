//! `hot`: one piece of work, again and again, so that a tool that counts instructions can tell
//! what one costs: the difference between two counts is free of all that surrounds it.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use herbarium_capture::Capturer;
use herbarium_codec::{Decoder, Encoder, Tree};
use herbarium_languages::{Language, detect};
use tree_sitter::Parser;

use crate::args::HotArgs;
use crate::error::BenchError;

/// What is done.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Source to live tree, by tree-sitter: what the rest is compared with
    Parse,
    /// Live tree to codec tree
    Capture,
    /// Codec tree to bytes
    Encode,
    /// Bytes to codec tree, with all checks
    Decode,
}

/// Does the work so many times.
pub(crate) fn run(args: &HotArgs) -> Result<(), BenchError> {
    let path = &args.file;
    let source = fs::read(path).map_err(BenchError::read(path))?;
    let language = detect(path, &source).and_then(|found| found.language());
    let language = language.ok_or_else(|| BenchError::NoLanguage { path: path.clone() })?;
    let mut bed = Bed::new(language, path, &source)?;
    for _ in 0..args.times {
        bed.once(args.work)?;
    }
    Ok(())
}

/// All that each work needs, made before the first time.
struct Bed<'a> {
    path: &'a Path,
    source: &'a [u8],
    grammar: Arc<herbarium_codec::Grammar>,
    parser: Parser,
    live: tree_sitter::Tree,
    capturer: Capturer,
    captured: Tree,
    encoder: Encoder,
    pressed: Vec<u8>,
    decoder: Decoder,
    opened: Tree,
}

impl<'a> Bed<'a> {
    fn new(language: &Language, path: &'a Path, source: &'a [u8]) -> Result<Self, BenchError> {
        let grammar = Arc::clone(language.grammar());
        let mut parser = Parser::new();
        parser
            .set_language(&language.tree_sitter())
            .map_err(|source| BenchError::Grammar { language: language.id(), source })?;
        let live = parser.parse(source, None);
        let live = live.ok_or_else(|| BenchError::NoTree { path: path.to_owned() })?;
        let mut bed = Self {
            path,
            source,
            parser,
            live,
            capturer: Capturer::new(&grammar),
            captured: Tree::new(&grammar),
            encoder: Encoder::new(),
            pressed: Vec::new(),
            decoder: Decoder::new(),
            opened: Tree::new(&grammar),
            grammar,
        };
        bed.once(Work::Capture)?;
        bed.once(Work::Encode)?;
        Ok(bed)
    }

    fn once(&mut self, work: Work) -> Result<(), BenchError> {
        let path = || self.path.to_owned();
        match work {
            Work::Parse => {
                let live = self.parser.parse(self.source, None);
                self.live = live.ok_or_else(|| BenchError::NoTree { path: path() })?;
            }
            Work::Capture => self
                .capturer
                .capture_into(&self.live, self.source, &mut self.captured)
                .map_err(|source| BenchError::Capture { path: path(), source })?,
            Work::Encode => self.encoder.encode_into(&self.captured, None, &mut self.pressed),
            Work::Decode => self
                .decoder
                .decode_into(&self.pressed, &self.grammar, None, &mut self.opened)
                .map_err(|source| BenchError::Decode { path: path(), source })?,
        }
        black_box(&self.opened);
        Ok(())
    }
}
