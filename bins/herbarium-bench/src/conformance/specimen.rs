//! Sources, and the two trees of each.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use herbarium_capture::Capturer;
use herbarium_codec::{BookTrainer, Decoder, Encoder, Tree};
use herbarium_languages::{Language, ParseLimits, ParserPool};

use crate::args::ConformanceArgs;
use crate::corpus::{self, Files};
use crate::error::BenchError;
use crate::queries::SAMPLES;

/// A file of code.
pub(super) type Source = corpus::Source;

/// A source with its live tree and its stored one.
pub(super) struct Specimen {
    pub(super) live: tree_sitter::Tree,
    pub(super) tree: Tree,
}

/// Makes specimens of one language.
pub(super) struct Presser {
    language: &'static Language,
    pool: ParserPool,
    capturer: Capturer,
    encoder: Encoder,
    decoder: Decoder,
}

/// The sample of a language.
pub(super) fn sample(workspace: &Path, language: &Language) -> Result<Source, BenchError> {
    let path = workspace.join(SAMPLES).join(format!("{}.txt", language.id()));
    let bytes = fs::read(&path).map_err(BenchError::read(&path))?;
    Ok(Source { path, bytes })
}

/// As many files as are wanted.
pub(super) fn read(files: &Files, args: &ConformanceArgs) -> Vec<Source> {
    let fits = files.files.iter().filter(|file| (1..=args.max_bytes).contains(&file.len));
    corpus::read(fits, args.limit.get(), &mut HashSet::new())
}

impl Presser {
    pub(super) fn new(language: &'static Language) -> Self {
        Self {
            language,
            pool: ParserPool::default(),
            capturer: Capturer::new(language.grammar()),
            encoder: Encoder::new(),
            decoder: Decoder::new(),
        }
    }

    /// Both trees of a source, the stored one as it comes out of its bytes:
    /// every second one pressed with a shape book.
    pub(super) fn press(&mut self, path: &Path, source: &[u8]) -> Result<Specimen, BenchError> {
        let limits = ParseLimits::default();
        let live = self.pool.parse(self.language, source, None, &limits);
        let live = live.map_err(|source| BenchError::Parse { path: path.to_owned(), source })?;
        let captured = self.capturer.capture(&live, source);
        let captured =
            captured.map_err(|source| BenchError::Capture { path: path.to_owned(), source })?;
        let mut trainer = BookTrainer::new(self.language.grammar());
        trainer.add(&captured);
        let book = source.len().is_multiple_of(2).then(|| Arc::new(trainer.finish()));
        let mut bytes = Vec::new();
        self.encoder.encode_into(&captured, book.as_ref(), &mut bytes);
        let opened = self.decoder.decode(&bytes, self.language.grammar(), book.as_ref());
        let tree = opened.map_err(|source| BenchError::Decode { path: path.to_owned(), source })?;
        Ok(Specimen { live, tree })
    }
}
