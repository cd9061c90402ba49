//! `herbarium stats --tiers`: how trees are held, from memory down to the disk.

use std::io::Write;

use herbarium_index::{Compression, Engine, Tier};
use herbarium_store::Stats;
use serde::Serialize;

use crate::app::App;
use crate::exit::{Exit, Failure};
use crate::numbers::{bytes, counted, grouped, percent};
use crate::store::{Access, engine, store_failed};
use crate::table::Table;

pub(super) fn run(app: &App) -> Result<Exit, Failure> {
    let engine = engine(app, Access::Read)?;
    let stats = engine.store().stats().map_err(|error| store_failed(&error))?;
    let report = TiersJson::new(app, &engine, &stats);
    match app.global.json {
        true => app.print_json(&report)?,
        false => print(app, &report)?,
    }
    Ok(Exit::Fine)
}

/// What is held where, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct TiersJson {
    tiers: Vec<TierJson>,
    raw_bytes: u64,
    file_bytes: u64,
    segments: u64,
    sealed_segments: u64,
    grammars: u64,
    dictionaries: u64,
    store: String,
}

#[derive(Serialize)]
struct TierJson {
    name: &'static str,
    entries: u64,
    bytes: u64,
    capacity: Option<u64>,
    form: String,
}

impl TiersJson {
    fn new(app: &App, engine: &Engine, stats: &Stats) -> Self {
        let warm = match &engine.options().cache.warm {
            Compression::None => "bytecode".to_owned(),
            Compression::Lz4 => "bytecode, lz4".to_owned(),
            Compression::Zstd { level, .. } => format!("bytecode, zstd {level}"),
            _ => "bytecode, compressed".to_owned(),
        };
        let tier = |tier: &Tier| match tier.name {
            "hot" => in_memory(tier, "decoded, in memory".to_owned()),
            "warm" => in_memory(tier, format!("{warm}, in memory")),
            name => TierJson {
                name,
                entries: stats.trees,
                bytes: stats.stored_bytes,
                capacity: None,
                form: "bytecode, zstd, in the store".to_owned(),
            },
        };
        Self {
            tiers: engine.tiers().tiers.iter().map(tier).collect(),
            raw_bytes: stats.raw_bytes,
            file_bytes: stats.file_bytes,
            segments: stats.segments,
            sealed_segments: stats.sealed_segments,
            grammars: stats.grammars,
            dictionaries: stats.dictionaries,
            store: app.store_text(),
        }
    }
}

fn in_memory(tier: &Tier, form: String) -> TierJson {
    let (entries, bytes) = (tier.entries.unwrap_or(0), tier.bytes.unwrap_or(0));
    TierJson { name: tier.name, entries, bytes, capacity: tier.capacity, form }
}

fn print(app: &App, report: &TiersJson) -> Result<(), Failure> {
    let mut table = Table::new(2, ["tier", "holds", "trees", "size", "room"]);
    for tier in &report.tiers {
        let room = tier.capacity.map_or_else(|| "the disk".to_owned(), bytes);
        let (name, form) = (tier.name.to_owned(), tier.form.clone());
        table.row([name, form, grouped(tier.entries), bytes(tier.bytes), room]);
    }
    let mut out = app.out();
    table.print(&mut *out, app.paint)?;
    let cold = report.tiers.last().map_or(0, |tier| tier.bytes);
    let part = percent(cold, report.raw_bytes).unwrap_or_else(|| "0%".to_owned());
    let segments = counted(report.segments, "segment", "segments");
    let grammars = counted(report.grammars, "grammar", "grammars");
    let dictionaries = counted(report.dictionaries, "dictionary", "dictionaries");
    let store = crate::paths::printable(&report.store);
    writeln!(
        out,
        "\nthe store {store}: {} on the disk in {segments}, {}",
        bytes(report.file_bytes),
        report.sealed_segments
    )?;
    writeln!(
        out,
        "of them sealed; trees take {part} of their bytecode; {grammars}, {dictionaries}"
    )?;
    writeln!(out, "memory is that of one process: here nothing was opened yet")?;
    Ok(())
}
