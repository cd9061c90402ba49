//! The program that works on a store as a child, and the one that kills it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its terminal")]

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use herbarium_faults::{Bench, Crash, Record, Summary, Ways, Work, check_store};

const USAGE: &str = "usage: herbarium-faults crash [--cycles N] [--power N] [--seed N]";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "work" => match Work::from_args(rest) {
            Some(work) => work.run(),
            None => usage(),
        },
        Some((first, rest)) if first == "crash" => match options(rest) {
            Some(options) => crash(options),
            None => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

struct Options {
    cycles: u64,
    power: u64,
    seed: u64,
}

fn options(args: &[OsString]) -> Option<Options> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options = Options { cycles: 1_000, power: 0, seed: now.as_nanos() as u64 % 1_000_000 };
    let (pairs, rest) = args.as_chunks::<2>();
    for [name, value] in pairs {
        let value = value.to_str()?.parse().ok()?;
        match name.to_str()? {
            "--cycles" => options.cycles = value,
            "--power" => options.power = value,
            "--seed" => options.seed = value,
            _ => return None,
        }
    }
    rest.is_empty().then_some(options)
}

/// Kills children, then lets power fail; says what came of it.
fn crash(options: Options) -> ExitCode {
    println!("seed {}; give it with --seed to repeat the choices", options.seed);
    match kills(&options).and_then(|sound| Ok(power(&options)? && sound)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("herbarium-faults: {error}");
            ExitCode::from(2)
        }
    }
}

fn bench() -> Result<Bench, String> {
    Bench::new(std::env::current_exe().map_err(|error| error.to_string())?)
}

fn kills(options: &Options) -> Result<bool, String> {
    let bench = bench()?;
    let mut progress = Progress::default();
    let crash = Crash { cycles: options.cycles, seed: options.seed };
    let summary = crash.run(&bench, |summary, wrong| {
        if let Some(wrong) = wrong {
            println!("cycle {}: {wrong}", summary.cycles);
        }
        progress.tell(summary, options.cycles);
    })?;
    progress.end();
    println!("{summary}");
    Ok(summary.is_sound())
}

/// Lets power fail during so much mixed work.
fn power(options: &Options) -> Result<bool, String> {
    let (bench, mut sound) = (bench()?, true);
    for round in 0..options.power {
        let seed = options.seed.wrapping_add(round);
        let work = Work {
            kind: herbarium_faults::Kind::Mixed,
            batches: 12,
            seed,
            durability: match round % 2 {
                0 => herbarium_store::Durability::Batch,
                _ => herbarium_store::Durability::Each,
            },
            ..Work::script("store")
        };
        let ways = Ways { all_subsets_of: 6, in_order: true, at_random: 8, seed };
        match Record::of(&bench, &work)?.fail(ways, check_store) {
            Ok(outcome) => println!(
                "power {seed}: {} places, {} disks, {} unflushed trees lost, {} of them before \
                 later ones, {} damaged places healed",
                outcome.places, outcome.images, outcome.lost, outcome.holes, outcome.damaged
            ),
            Err(wrong) => {
                sound = false;
                println!("power {seed}: {wrong}");
            }
        }
    }
    Ok(sound)
}

/// A line that is written over where there is a terminal, and now and then a new
/// one where there is none.
#[derive(Default)]
struct Progress {
    told: Duration,
}

impl Progress {
    const STEP: Duration = Duration::from_millis(200);
    const STEP_IN_LOG: Duration = Duration::from_secs(10);

    fn tell(&mut self, summary: &Summary, cycles: u64) {
        let terminal = std::io::stderr().is_terminal();
        let step = if terminal { Self::STEP } else { Self::STEP_IN_LOG };
        if summary.time.saturating_sub(self.told) < step {
            return;
        }
        self.told = summary.time;
        let Summary { cycles: done, acknowledged, lost, corrupt, broken, .. } = summary;
        let line = format!(
            "{done} of {cycles} cycles, {acknowledged} trees, {lost} lost, {corrupt} corrupt, \
             {broken} broken"
        );
        if terminal {
            eprint!("\r\x1b[K{line}");
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}
