//! Everything that is done to files of one language, timed side by side.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;

use herbarium_capture::{Capturer, differences};
use herbarium_codec::{Decoder, Encoder, Grammar, ShapeBook, Tree};
use herbarium_languages::Language;
use tree_sitter::Parser;
use zstd::bulk::{Compressor, Decompressor};

use super::learn::Learnt;
use crate::clock::Best;
use crate::corpus::Source;
use crate::error::BenchError;

/// Tools for files of one language, warm from one file to the next.
pub(crate) struct Bench {
    grammar: Arc<Grammar>,
    parser: Parser,
    capturer: Capturer,
    encoder: Encoder,
    decoder: Decoder,
    zstd: Compressor<'static>,
    unzstd: Decompressor<'static>,
    book: Option<Arc<ShapeBook>>,
    /// zstd with the dictionary, where there is one.
    with_dictionary: Compressor<'static>,
    opened: Tree,
}

/// A file with all that is made of it.
struct Item<'a> {
    source: &'a Source,
    live: tree_sitter::Tree,
    captured: Tree,
    pressed: Vec<u8>,
    zstd: Vec<u8>,
    lz4: Vec<u8>,
    times: Times,
}

/// Sums over files.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) files: u64,
    pub(crate) broken_files: u64,
    pub(crate) bytes: u64,
    pub(crate) nodes: u64,
    pub(crate) source_zstd: u64,
    pub(crate) raw: u64,
    pub(crate) zstd: u64,
    pub(crate) lz4: u64,
    pub(crate) with_learnt: u64,
    pub(crate) heap: u64,
    pub(crate) differences: u64,
    pub(crate) first_difference: Option<String>,
    pub(crate) parse_ns: f64,
    pub(crate) live_walk_ns: f64,
    pub(crate) capture_ns: f64,
    pub(crate) encode_ns: f64,
    pub(crate) decode_ns: f64,
    pub(crate) unzstd_ns: f64,
    pub(crate) unlz4_ns: f64,
    pub(crate) opened_walk_ns: f64,
}

/// The best time of each thing that is done to a file.
struct Times {
    parse: Best,
    live_walk: Best,
    capture: Best,
    encode: Best,
    decode: Best,
    unzstd: Best,
    unlz4: Best,
    opened_walk: Best,
}

/// Source whose live trees are kept at one time; they are some 25 times as large.
const LOT_BYTES: usize = 4 << 20;

/// The level that all bars speak of.
const LEVEL: i32 = 3;

impl Bench {
    pub(crate) fn new(language: &Language) -> Result<Self, BenchError> {
        let mut parser = Parser::new();
        parser
            .set_language(&language.tree_sitter())
            .map_err(|source| BenchError::Grammar { language: language.id(), source })?;
        let grammar = Arc::clone(language.grammar());
        Ok(Self {
            parser,
            capturer: Capturer::new(&grammar),
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            zstd: Compressor::new(LEVEL).map_err(BenchError::Compress)?,
            unzstd: Decompressor::new().map_err(BenchError::Compress)?,
            book: None,
            with_dictionary: Compressor::new(LEVEL).map_err(BenchError::Compress)?,
            opened: Tree::new(&grammar),
            grammar,
        })
    }

    pub(crate) fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Presses what is measured from now on with a book and a dictionary, too.
    pub(crate) fn use_learnt(&mut self, learnt: &Learnt) -> Result<(), BenchError> {
        self.book = Some(Arc::clone(&learnt.book));
        if !learnt.dictionary.is_empty() {
            let compressor = Compressor::with_dictionary(LEVEL, &learnt.dictionary);
            self.with_dictionary = compressor.map_err(BenchError::Compress)?;
        }
        Ok(())
    }

    /// The tree of a file.
    pub(crate) fn capture(&mut self, source: &Source) -> Result<Tree, BenchError> {
        let live = parse(&mut self.parser, source)?;
        self.capturer.capture(&live, &source.bytes).map_err(in_capture(&source.path))
    }

    /// Measures files in so many rounds. In a round every file is parsed and
    /// pressed, then all are unpacked, then all are opened: each thing meets the
    /// warm or cold memory that it meets in use, and all meet alike whatever
    /// else the machine does.
    pub(crate) fn measure(
        &mut self,
        sources: &[Source],
        passes: usize,
    ) -> Result<Sums, BenchError> {
        let mut sums = Sums::default();
        let mut rest = sources;
        while !rest.is_empty() {
            let (lot, after) = rest.split_at(lot_len(rest));
            let mut items = self.items(lot)?;
            for _ in 0..passes {
                self.round(&mut items)?;
            }
            for item in &items {
                sums.add(self.sums(item)?);
            }
            rest = after;
        }
        Ok(sums)
    }

    fn items<'a>(&mut self, lot: &'a [Source]) -> Result<Vec<Item<'a>>, BenchError> {
        let item = |source| {
            let live = parse(&mut self.parser, source)?;
            let captured = self.capturer.capture(&live, &source.bytes);
            let captured = captured.map_err(in_capture(&source.path))?;
            let mut pressed = Vec::new();
            self.encoder.encode_into(&captured, None, &mut pressed);
            let zstd = self.zstd.compress(&pressed).map_err(BenchError::Compress)?;
            let lz4 = lz4_flex::block::compress(&pressed);
            Ok(Item { source, live, captured, pressed, zstd, lz4, times: Times::new() })
        };
        lot.iter().map(item).collect()
    }

    fn round(&mut self, items: &mut [Item<'_>]) -> Result<(), BenchError> {
        for item in &mut *items {
            self.press(item)?;
        }
        self.unpack(items)?;
        self.open(items)
    }

    /// From source to pressed tree, as when a code base is indexed.
    fn press(&mut self, item: &mut Item<'_>) -> Result<(), BenchError> {
        let Item { source, live, captured, pressed, times, .. } = item;
        *live = times.parse.time(|| parse(&mut self.parser, source))?;
        let capture = || self.capturer.capture_into(live, &source.bytes, captured);
        times.capture.time(capture).map_err(in_capture(&source.path))?;
        times.encode.time(|| self.encoder.encode_into(captured, None, pressed));
        black_box(times.live_walk.time(|| walk_live(live)));
        Ok(())
    }

    fn unpack(&mut self, items: &mut [Item<'_>]) -> Result<(), BenchError> {
        let longest = items.iter().map(|item| item.pressed.len()).max().unwrap_or(0);
        let mut memory = vec![0; longest];
        // A slice: zstd would shorten a vector to what it wrote.
        let out = memory.as_mut_slice();
        for Item { zstd, times, .. } in &mut *items {
            let unpacked = times.unzstd.time(|| self.unzstd.decompress_to_buffer(zstd, out));
            black_box(unpacked.map_err(BenchError::Compress)?);
        }
        for Item { lz4, times, .. } in &mut *items {
            let unpacked = times.unlz4.time(|| lz4_flex::block::decompress_into(lz4, out));
            black_box(unpacked.map_err(io::Error::other).map_err(BenchError::Compress)?);
        }
        Ok(())
    }

    fn open(&mut self, items: &mut [Item<'_>]) -> Result<(), BenchError> {
        let Self { decoder, grammar, opened, .. } = self;
        for Item { source, pressed, times, .. } in &mut *items {
            let decode = || decoder.decode_into(pressed, grammar, None, opened);
            times.decode.time(decode).map_err(in_decode(&source.path))?;
        }
        for Item { source, pressed, times, .. } in &mut *items {
            let decoded = decoder.decode_into(pressed, grammar, None, opened);
            decoded.map_err(in_decode(&source.path))?;
            black_box(times.opened_walk.time(|| walk_opened(opened)));
        }
        Ok(())
    }

    fn sums(&mut self, item: &Item<'_>) -> Result<Sums, BenchError> {
        let Item { source, live, times, .. } = item;
        // Not the one whose memory is used again, which has room to spare.
        let opened = self.decoder.decode(&item.pressed, &self.grammar, None);
        let opened = opened.map_err(in_decode(&source.path))?;
        let found = differences(live, &opened);
        Ok(Sums {
            files: 1,
            broken_files: u64::from(live.root_node().has_error()),
            bytes: source.bytes.len() as u64,
            nodes: opened.descendant_count() as u64,
            source_zstd: compressed(&mut self.zstd, &source.bytes)?,
            raw: item.pressed.len() as u64,
            zstd: item.zstd.len() as u64,
            lz4: item.lz4.len() as u64,
            with_learnt: self.with_learnt(&opened)?,
            heap: opened.heap_bytes() as u64,
            differences: found.len() as u64,
            first_difference: found.first().map(|it| format!("{}: {it}", source.path.display())),
            parse_ns: times.parse.ns(),
            live_walk_ns: times.live_walk.ns(),
            capture_ns: times.capture.ns(),
            encode_ns: times.encode.ns(),
            decode_ns: times.decode.ns(),
            unzstd_ns: times.unzstd.ns(),
            unlz4_ns: times.unlz4.ns(),
            opened_walk_ns: times.opened_walk.ns(),
        })
    }

    /// Size with shape book and dictionary.
    fn with_learnt(&mut self, tree: &Tree) -> Result<u64, BenchError> {
        let mut pressed = Vec::new();
        self.encoder.encode_into(tree, self.book.as_ref(), &mut pressed);
        compressed(&mut self.with_dictionary, &pressed)
    }
}

impl Times {
    fn new() -> Self {
        Self {
            parse: Best::NONE,
            live_walk: Best::NONE,
            capture: Best::NONE,
            encode: Best::NONE,
            decode: Best::NONE,
            unzstd: Best::NONE,
            unlz4: Best::NONE,
            opened_walk: Best::NONE,
        }
    }
}

impl Sums {
    pub(crate) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.broken_files += other.broken_files;
        self.bytes += other.bytes;
        self.nodes += other.nodes;
        self.source_zstd += other.source_zstd;
        self.raw += other.raw;
        self.zstd += other.zstd;
        self.lz4 += other.lz4;
        self.with_learnt += other.with_learnt;
        self.heap += other.heap;
        self.differences += other.differences;
        self.first_difference = self.first_difference.take().or(other.first_difference);
        self.parse_ns += other.parse_ns;
        self.live_walk_ns += other.live_walk_ns;
        self.capture_ns += other.capture_ns;
        self.encode_ns += other.encode_ns;
        self.decode_ns += other.decode_ns;
        self.unzstd_ns += other.unzstd_ns;
        self.unlz4_ns += other.unlz4_ns;
        self.opened_walk_ns += other.opened_walk_ns;
    }

    /// Bytes a node; 0 without a node.
    pub(crate) fn a_node(&self, bytes: u64) -> f64 {
        if self.nodes == 0 { 0.0 } else { bytes as f64 / self.nodes as f64 }
    }
}

fn parse(parser: &mut Parser, source: &Source) -> Result<tree_sitter::Tree, BenchError> {
    let live = parser.parse(&source.bytes, None);
    live.ok_or_else(|| BenchError::NoTree { path: source.path.clone() })
}

/// How many files make a lot; at least one.
fn lot_len(sources: &[Source]) -> usize {
    let mut bytes = 0;
    let fits = |source: &&Source| {
        bytes += source.bytes.len();
        bytes <= LOT_BYTES
    };
    sources.iter().take_while(fits).count().max(1)
}

fn in_decode(path: &Path) -> impl FnOnce(herbarium_codec::DecodeError) -> BenchError {
    |source| BenchError::Decode { path: path.to_owned(), source }
}

fn in_capture(path: &Path) -> impl FnOnce(herbarium_capture::CaptureError) -> BenchError {
    |source| BenchError::Capture { path: path.to_owned(), source }
}

fn compressed(compressor: &mut Compressor<'_>, bytes: &[u8]) -> Result<u64, BenchError> {
    Ok(compressor.compress(bytes).map_err(BenchError::Compress)?.len() as u64)
}

/// Visits every node and reads what a program that scans a tree reads.
fn walk_live(tree: &tree_sitter::Tree) -> usize {
    let mut cursor = tree.walk();
    let mut sum = 0usize;
    loop {
        let node = cursor.node();
        let field = cursor.field_id().map_or(0, |field| usize::from(field.get()));
        let read = usize::from(node.kind_id()) + node.start_byte() + node.end_byte() + field;
        sum = sum.wrapping_add(read);
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return sum;
            }
        }
    }
}

/// The same over an opened tree.
fn walk_opened(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut sum = 0usize;
    loop {
        let node = cursor.node();
        let field = cursor.field_id().map_or(0, usize::from);
        let read = usize::from(node.kind_id()) + node.start_byte() + node.end_byte() + field;
        sum = sum.wrapping_add(read);
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return sum;
            }
        }
    }
}
