//! `tiers`: what it costs to get a tree from each tier, beside parsing its file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_index::{CacheOptions, Cancel, Engine, EngineOptions};
use herbarium_languages::Language;
use herbarium_store::{Store, StoreError, StoreOptions, TreeKey};
use serde::Serialize;
use tree_sitter::Parser;

use crate::args::CodecArgs;
use crate::bar::{self, Bar};
use crate::clock::{time, time_short};
use crate::codec::choose::choose;
use crate::corpus::{Source, check_languages, gather};
use crate::error::BenchError;
use crate::report::{self, Report};
use crate::table::{Table, grouped};

/// Presses files of each language, and opens them from each tier.
pub(crate) fn run(args: &CodecArgs) -> Result<TiersReport, BenchError> {
    check_languages(&args.languages)?;
    let mut languages = Vec::new();
    for files in gather(&args.paths, &args.languages)? {
        let chosen = choose(&files, args);
        if chosen.measured.len() < args.min_files {
            continue;
        }
        eprintln!("{}", files.language.id());
        let learnt = chosen.learn.iter().chain(&chosen.small);
        languages.push(Figures::of(files.language, &chosen.measured, learnt, args.passes.get())?);
    }
    if languages.is_empty() {
        let CodecArgs { min_files, min_bytes, max_bytes, .. } = *args;
        return Err(BenchError::TooFewFiles { min_files, min_bytes, max_bytes });
    }
    let bars = bars(&languages);
    Ok(TiersReport { figures: TiersFigures { languages }, bars })
}

/// What was measured.
pub(crate) struct TiersReport {
    figures: TiersFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct TiersFigures {
    languages: Vec<Figures>,
}

#[derive(Serialize)]
struct Figures {
    language: &'static str,
    files: usize,
    bytes: u64,
    parse_us: f64,
    hot_ns: Spread,
    warm_share: Shares,
    cold_share: Shares,
}

/// Gets by the parse of the same file.
#[derive(Serialize)]
struct Shares {
    /// Over the files, of each the get in the middle.
    median: f64,
    p99: f64,
    /// Over all gets: on a machine that does other work, too, the tail is of that work.
    single: Spread,
}

/// Of many figures: the one in the middle, and the hundredth from the top of ten thousand.
#[derive(Serialize)]
struct Spread {
    median: f64,
    p99: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let rank = (figures.len() as f64 * part).ceil() as usize;
            figures.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { median: at(0.5), p99: at(0.99) }
    }
}

impl Figures {
    fn of<'a>(
        language: &'static Language,
        measured: &'a [Source],
        learnt: impl Iterator<Item = &'a Source>,
        passes: usize,
    ) -> Result<Self, BenchError> {
        let ground = Ground::new(measured, learnt)?;
        let with =
            |budget, hot_percent| CacheOptions { budget, hot_percent, ..CacheOptions::default() };
        // Room for all; a warm tier with room for all below a hot one with none; no memory.
        let mut hot = ground.tier("hot", &with(4 << 30, 75))?;
        let mut warm = ground.tier("warm", &with(4 << 30, 0))?;
        let mut cold = ground.tier("cold", &with(0, 0))?;
        let mut parser = parser(language)?;
        let (mut parses, mut hot_ns) = (Vec::new(), Vec::new());
        let (mut warm_shares, mut cold_shares) = (AllShares::default(), AllShares::default());
        for _ in 0..passes {
            let parse = parse_each(&mut parser, measured)?;
            for _ in 0..HOT_PASSES {
                hot_ns.extend(hot.get_each()?);
            }
            warm_shares.add(&warm.get_each()?, &parse);
            cold_shares.add(&cold.get_each()?, &parse);
            parses.push(parse);
        }
        for tier in [hot, warm, cold] {
            tier.check_hits()?;
        }
        Ok(Self {
            language: language.id(),
            files: measured.len(),
            bytes: measured.iter().map(|source| source.bytes.len() as u64).sum(),
            parse_us: Spread::of(parses.concat()).median / 1e3,
            hot_ns: Spread::of(hot_ns),
            warm_share: warm_shares.spread(),
            cold_share: cold_shares.spread(),
        })
    }
}

/// Hot gets are short: more of them tell more.
const HOT_PASSES: usize = 20;

/// Of each round, the gets of the files by their parses in the same round: where a machine
/// is faster at one time than at another, it is for both.
#[derive(Default)]
struct AllShares(Vec<Vec<f64>>);

impl AllShares {
    fn add(&mut self, gets: &[f64], parses: &[f64]) {
        self.0.push(gets.iter().zip(parses).map(|(get, parse)| get / parse.max(1.0)).collect());
    }

    fn spread(self) -> Shares {
        let files = self.0.first().map_or(0, Vec::len);
        let of_file = |file| self.0.iter().filter_map(|round| round.get(file).copied()).collect();
        let of_files = (0..files).map(|file| Spread::of(of_file(file)).median);
        let Spread { median, p99 } = Spread::of(of_files.collect());
        Shares { median, p99, single: Spread::of(self.0.concat()) }
    }
}

fn parser(language: &'static Language) -> Result<Parser, BenchError> {
    let mut parser = Parser::new();
    parser
        .set_language(&language.tree_sitter())
        .map_err(|source| BenchError::Grammar { language: language.id(), source })?;
    Ok(parser)
}

/// What parsing each file takes, in nanoseconds.
fn parse_each(parser: &mut Parser, sources: &[Source]) -> Result<Vec<f64>, BenchError> {
    let parse_one = |source: &Source| {
        let (time, tree) = time(|| parser.parse(&source.bytes, None));
        let parsed = tree.map(|_| time.as_nanos() as f64);
        parsed.ok_or_else(|| BenchError::NoTree { path: source.path.clone() })
    };
    sources.iter().map(parse_one).collect()
}

/// A project of the files and a store that has their trees.
struct Ground {
    dir: tempfile::TempDir,
    keys: Vec<TreeKey>,
}

impl Ground {
    fn new<'a>(
        measured: &'a [Source],
        learnt: impl Iterator<Item = &'a Source>,
    ) -> Result<Self, BenchError> {
        let dir =
            tempfile::tempdir().map_err(BenchError::read("the folder for temporary files"))?;
        let mut paths = Vec::new();
        for (number, source) in measured.iter().chain(learnt).enumerate() {
            let name = source.path.file_name().unwrap_or_default();
            let path = dir.path().join("project").join(number.to_string()).join(name);
            write(&path, &source.bytes).map_err(BenchError::read(&path))?;
            if number < measured.len() {
                paths.push(path);
            }
        }
        let mut ground = Self { dir, keys: Vec::new() };
        let engine = ground.engine(&CacheOptions::default())?;
        let project = ground.dir.path().join("project");
        engine
            .index(std::slice::from_ref(&project), &(), &Cancel::new())
            .map_err(|source| BenchError::Index { path: project, source })?;
        for path in paths {
            let opened = engine.open(&path);
            let opened = opened.map_err(|source| BenchError::Open { source: Box::new(source) })?;
            ground.keys.push(opened.key);
        }
        Ok(ground)
    }

    fn engine(&self, cache: &CacheOptions) -> Result<Engine, BenchError> {
        let path = self.dir.path().join("store");
        let failed = |source: StoreError| BenchError::Store { path: path.clone(), source };
        let store = Store::open(&path, StoreOptions::new()).map_err(failed)?;
        let options = EngineOptions { cache: cache.clone(), ..EngineOptions::default() };
        Ok(Engine::new(Arc::new(store), options))
    }

    /// An engine that has every tree in that tier.
    fn tier(&self, name: &'static str, cache: &CacheOptions) -> Result<OneTier<'_>, BenchError> {
        let engine = self.engine(cache)?;
        let mut tier = OneTier { name, engine, keys: &self.keys, gets: 0 };
        // Fills it: of that, nothing is counted.
        tier.get_each()?;
        tier.gets = 0;
        Ok(tier)
    }
}

struct OneTier<'a> {
    name: &'static str,
    engine: Engine,
    keys: &'a [TreeKey],
    gets: u64,
}

impl OneTier<'_> {
    /// What getting each tree takes, in nanoseconds.
    fn get_each(&mut self) -> Result<Vec<f64>, BenchError> {
        self.gets += self.keys.len() as u64;
        let get_one = |key| {
            let (time, tree) = time_short(|| self.engine.open_key(key));
            tree.map_err(|source| BenchError::Open { source: Box::new(source) })?;
            Ok(time.as_nanos() as f64)
        };
        self.keys.iter().map(get_one).collect()
    }

    /// That it was this tier that answered.
    fn check_hits(&self) -> Result<(), BenchError> {
        let (tier, expected) = (self.name, self.gets);
        let tiers = self.engine.tiers().tiers;
        let hits = tiers.iter().find(|it| it.name == tier).map_or(0, |it| it.hits);
        if hits < expected {
            return Err(BenchError::Tier { tier, hits, expected });
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(folder)?;
    fs::write(path, bytes)
}

fn bars(languages: &[Figures]) -> Vec<Bar> {
    let each = |name, limit, figure: fn(&Figures) -> f64| {
        Bar::each(name, limit, languages.iter().map(|it| (it.language, figure(it))))
    };
    vec![
        each("99th percentile of a hot get, ns", 2_000.0, |it| it.hot_ns.p99),
        each("99th percentile of files, warm get by parse", 1.0 / 50.0, |it| it.warm_share.p99),
        each("99th percentile of files, cold get by parse", 1.0 / 35.0, |it| it.cold_share.p99),
    ]
}

impl Report for TiersReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let mut table = Table::new(
            1,
            [
                "language",
                "files",
                "parse us",
                "hot ns",
                "p99",
                "warm/parse",
                "p99",
                "single p99",
                "cold/parse",
                "p99",
                "single p99",
            ],
        );
        let share = |share: f64| format!("{share:.4}");
        for it in &self.figures.languages {
            table.row([
                it.language.to_owned(),
                grouped(it.files as u64),
                format!("{:.0}", it.parse_us),
                format!("{:.0}", it.hot_ns.median),
                format!("{:.0}", it.hot_ns.p99),
                share(it.warm_share.median),
                share(it.warm_share.p99),
                share(it.warm_share.single.p99),
                share(it.cold_share.median),
                share(it.cold_share.p99),
                share(it.cold_share.single.p99),
            ]);
        }
        format!("{}\n{}", table.text(), bar::show(&self.bars))
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("tiers", &self.figures, &self.bars)
    }
}
