//! What trees of one language share: a shape book and a zstd dictionary, made
//! as the engine makes them for a store.

use std::sync::Arc;

use herbarium_codec::{BookTrainer, Encoder, ShapeBook, Tree};
use herbarium_store::train_zstd;

use super::measure::Bench;
use crate::corpus::Source;
use crate::error::BenchError;

/// What was learnt.
pub(crate) struct Learnt {
    pub(crate) book: Arc<ShapeBook>,
    /// Empty where there was too little to learn from.
    pub(crate) dictionary: Vec<u8>,
}

/// Sizes between which the engine chooses that of a dictionary, and what part
/// of the samples it may be.
const DICTIONARY_BYTES: (usize, usize) = (4 << 10, 64 << 10);
const SAMPLE_PER_BYTE: usize = 16;

/// Learns from files that are not measured.
pub(crate) fn learn(bench: &mut Bench, sources: &[Source]) -> Result<Learnt, BenchError> {
    let mut trainer = BookTrainer::new(bench.grammar());
    let mut trees: Vec<Tree> = Vec::new();
    for source in sources {
        let tree = bench.capture(source)?;
        trainer.add(&tree);
        trees.push(tree);
    }
    let book = Arc::new(trainer.finish());
    let mut encoder = Encoder::new();
    let press = |tree: &Tree| {
        let mut pressed = Vec::new();
        encoder.encode_into(tree, Some(&book), &mut pressed);
        pressed
    };
    let pressed: Vec<Vec<u8>> = trees.iter().map(press).collect();
    let total: usize = pressed.iter().map(Vec::len).sum();
    let (least, most) = DICTIONARY_BYTES;
    let dictionary = train_zstd(&pressed, (total / SAMPLE_PER_BYTE).clamp(least, most));
    Ok(Learnt { book, dictionary: dictionary.unwrap_or_default() })
}
