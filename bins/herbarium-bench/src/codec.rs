//! `codec`: size and speed of pressed trees on real files.

pub(crate) mod choose;
pub(crate) mod learn;
pub(crate) mod measure;
mod show;

use herbarium_languages::Language;
use serde::Serialize;

use crate::args::CodecArgs;
use crate::bar::Bar;
use crate::corpus::{self, Files};
use crate::error::BenchError;
use crate::report::{self, Report};

use choose::{Chosen, choose};
use learn::{Learnt, learn};
use measure::{Bench, Sums};

/// Measures the files under the paths, language by language.
pub(crate) fn run(args: &CodecArgs) -> Result<CodecReport, BenchError> {
    let (mut languages, mut left_out) = (Vec::new(), Vec::new());
    for files in corpus::gather(&args.paths, &args.languages)? {
        let fits = |len| (args.min_bytes..=args.max_bytes).contains(&len);
        if files.files.iter().filter(|file| fits(file.len)).count() < args.min_files {
            left_out.push(files.language.id());
            continue;
        }
        eprintln!("measuring {}", files.language.name());
        languages.extend(measure_language(&files, args)?);
    }
    if languages.is_empty() {
        let &CodecArgs { min_files, min_bytes, max_bytes, .. } = args;
        return Err(BenchError::TooFewFiles { min_files, min_bytes, max_bytes });
    }
    let bars = bars(&languages);
    let settings = Settings::of(args);
    Ok(CodecReport { figures: CodecFigures { settings, languages, left_out }, bars })
}

/// What was measured.
pub(crate) struct CodecReport {
    figures: CodecFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct CodecFigures {
    settings: Settings,
    languages: Vec<LanguageFigures>,
    /// Languages with too few files.
    left_out: Vec<&'static str>,
}

#[derive(Serialize)]
struct Settings {
    limit: usize,
    min_bytes: u64,
    max_bytes: u64,
    min_files: usize,
    passes: usize,
}

impl Settings {
    fn of(args: &CodecArgs) -> Self {
        Self {
            limit: args.limit.get(),
            min_bytes: args.min_bytes,
            max_bytes: args.max_bytes,
            min_files: args.min_files,
            passes: args.passes.get(),
        }
    }
}

/// The figures of one language. Times are sums over all files of the best time
/// of each; bytes a node are sums of bytes by sums of nodes.
#[derive(Serialize)]
struct LanguageFigures {
    language: &'static str,
    files: u64,
    bytes: u64,
    nodes: u64,
    /// Files whose tree has ERROR or MISSING nodes.
    broken_files: u64,
    parse_ns_a_node: f64,
    decode_ns_a_node: f64,
    shares_of_parse: Shares,
    /// The walk of the opened tree as a share of the walk of the live one.
    walk_of_opened: f64,
    bytes_a_node: BytesANode,
    /// The pressed tree at zstd -3 as a share of its source at zstd -3.
    share_of_zstd_source: f64,
    small: SmallFigures,
    learnt: LearntFigures,
    /// Differences found between live and opened trees, at most 8 a file.
    differences: u64,
    first_difference: Option<String>,
}

#[derive(Serialize)]
struct Shares {
    cursor_walk: f64,
    capture: f64,
    encode: f64,
    capture_and_encode: f64,
    decode: f64,
    unzstd: f64,
    unlz4: f64,
}

#[derive(Serialize)]
struct BytesANode {
    source: f64,
    source_zstd: f64,
    raw: f64,
    zstd: f64,
    lz4: f64,
    book_and_dictionary: f64,
    heap: f64,
}

/// Files shorter than the shortest that is measured.
#[derive(Serialize)]
struct SmallFigures {
    files: u64,
    bytes: u64,
    nodes: u64,
    raw: f64,
    zstd: f64,
    book_and_dictionary: f64,
}

/// What shape book and dictionary were made from: none of the measured files.
#[derive(Serialize)]
struct LearntFigures {
    files: u64,
    shapes: u64,
    dictionary_bytes: u64,
}

fn measure_language(
    files: &Files,
    args: &CodecArgs,
) -> Result<Option<LanguageFigures>, BenchError> {
    let language = files.language;
    let chosen = choose(files, args);
    let mut bench = Bench::new(language)?;
    let learnt = learn(&mut bench, &chosen.learn)?;
    bench.use_learnt(&learnt)?;
    let sums = bench.measure(&chosen.measured, args.passes.get())?;
    // Their sizes count, not their times.
    let small = bench.measure(&chosen.small, 1)?;
    Ok((sums.nodes > 0).then(|| LanguageFigures::new(language, &chosen, &learnt, &sums, &small)))
}

impl LanguageFigures {
    fn new(
        language: &Language,
        chosen: &Chosen,
        learnt: &Learnt,
        sums: &Sums,
        small: &Sums,
    ) -> Self {
        let of_parse = |ns: f64| ns / sums.parse_ns;
        Self {
            language: language.id(),
            files: sums.files,
            bytes: sums.bytes,
            nodes: sums.nodes,
            broken_files: sums.broken_files,
            parse_ns_a_node: sums.parse_ns / sums.nodes as f64,
            decode_ns_a_node: sums.decode_ns / sums.nodes as f64,
            shares_of_parse: Shares {
                cursor_walk: of_parse(sums.live_walk_ns),
                capture: of_parse(sums.capture_ns),
                encode: of_parse(sums.encode_ns),
                capture_and_encode: of_parse(sums.capture_ns + sums.encode_ns),
                decode: of_parse(sums.decode_ns),
                unzstd: of_parse(sums.unzstd_ns),
                unlz4: of_parse(sums.unlz4_ns),
            },
            walk_of_opened: sums.opened_walk_ns / sums.live_walk_ns,
            bytes_a_node: BytesANode {
                source: sums.a_node(sums.bytes),
                source_zstd: sums.a_node(sums.source_zstd),
                raw: sums.a_node(sums.raw),
                zstd: sums.a_node(sums.zstd),
                lz4: sums.a_node(sums.lz4),
                book_and_dictionary: sums.a_node(sums.with_learnt),
                heap: sums.a_node(sums.heap),
            },
            share_of_zstd_source: sums.zstd as f64 / sums.source_zstd as f64,
            small: SmallFigures {
                files: small.files,
                bytes: small.bytes,
                nodes: small.nodes,
                raw: small.a_node(small.raw),
                zstd: small.a_node(small.zstd),
                book_and_dictionary: small.a_node(small.with_learnt),
            },
            learnt: LearntFigures {
                files: chosen.learn.len() as u64,
                shapes: learnt.book.len() as u64,
                dictionary_bytes: learnt.dictionary.len() as u64,
            },
            differences: sums.differences + small.differences,
            first_difference: sums.first_difference.clone().or(small.first_difference.clone()),
        }
    }
}

fn bars(languages: &[LanguageFigures]) -> Vec<Bar> {
    let each = |name, limit, figure: fn(&LanguageFigures) -> f64| {
        Bar::each(name, limit, languages.iter().map(|of| (of.language, figure(of))))
    };
    let mean =
        languages.iter().map(|of| of.bytes_a_node.zstd).sum::<f64>() / languages.len() as f64;
    let small = languages.iter().filter(|of| of.small.nodes > 0);
    let small = small.map(|of| (of.language, of.small.book_and_dictionary));
    vec![
        each("raw, bytes a node", 2.2, |of| of.bytes_a_node.raw),
        Bar::one("zstd -3, bytes a node, mean of languages", 0.70, Some(mean)),
        each("zstd -3, bytes a node", 0.85, |of| of.bytes_a_node.zstd),
        Bar::each("small files with book and dictionary, bytes a node", 1.1, small),
        each("decode, share of parse", 0.015, |of| of.shares_of_parse.decode),
        each("capture and encode, share of parse", 0.30, |of| {
            of.shares_of_parse.capture_and_encode
        }),
        each("opened tree in memory, bytes a node", 12.0, |of| of.bytes_a_node.heap),
        each("differences from the live tree", 0.0, |of| of.differences as f64),
    ]
}

impl Report for CodecReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        show::text(&self.figures, &self.bars)
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("codec", &self.figures, &self.bars)
    }
}
