//! Many kills: a child is killed at some instant, and the store it worked on
//! opened and compared with what it said; again and again.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use herbarium_store::Durability;

use crate::{Bench, Faults, Kind, Line, Loss, Random, Scratch, Told, Work, survey_range};

/// How often, and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// How many children are killed.
    pub cycles: u64,
    /// What all choices follow from. The instant of a kill is chosen by it, what
    /// the child is at by then is not.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Children that were started.
    pub cycles: u64,
    /// Of these, children that were killed; others came to their end before.
    pub killed: u64,
    /// Stores that they worked on, one after the other.
    pub stores: u64,
    /// Trees that were put, as they said.
    pub acknowledged: u64,
    /// Trees that were looked for afterwards.
    pub looked_for: u64,
    /// Of the trees put, those that were gone.
    pub lost: u64,
    /// Trees that were there with other bytes, and places found damaged.
    pub corrupt: u64,
    /// Stores that did not open, and whatever else should not be.
    pub broken: u64,
    /// How long it took.
    pub time: Duration,
}

/// So many kills are survived by one store, then there is a new one.
const LIVES: u64 = 10;
/// Batches of a child: more than it ever gets to.
const BATCHES: u64 = 4_000;
/// The longest time until a kill, in microseconds.
const LONGEST: u64 = 60_000;

impl Crash {
    /// Does it. `tell` hears after each cycle how far it is, and of everything
    /// that went wrong.
    ///
    /// # Errors
    /// No child can be started, or there is no room for a store.
    pub fn run(
        self,
        bench: &Bench,
        mut tell: impl FnMut(&Summary, Option<&str>),
    ) -> Result<Summary, String> {
        let (begun, mut summary) = (Instant::now(), Summary::default());
        let mut random = Random::new(self.seed);
        while summary.cycles < self.cycles {
            summary.stores += 1;
            let mut life = Life::new(&mut random).map_err(|error| error.to_string())?;
            for _ in 0..LIVES.min(self.cycles - summary.cycles) {
                let wrong = life.cycle(bench, &mut random, &mut summary)?;
                summary.time = begun.elapsed();
                tell(&summary, wrong.as_deref());
                if wrong.is_some() {
                    break;
                }
            }
        }
        summary.time = begun.elapsed();
        Ok(summary)
    }
}

/// A store from its making to its last kill.
struct Life {
    root: PathBuf,
    durability: Durability,
    told: Told,
    next: u64,
    _scratch: Scratch,
}

impl Life {
    fn new(random: &mut Random) -> io::Result<Self> {
        let scratch = Scratch::new()?;
        let durability = match random.below(3) {
            0 => Durability::None,
            1 => Durability::Batch,
            _ => Durability::Each,
        };
        let root = scratch.root()?;
        Ok(Self { root, durability, told: Told::default(), next: 0, _scratch: scratch })
    }

    /// Starts a child, kills it, looks at what is left; gives what is wrong.
    fn cycle(
        &mut self,
        bench: &Bench,
        random: &mut Random,
        summary: &mut Summary,
    ) -> Result<Option<String>, String> {
        let work = Work {
            kind: Kind::Mixed,
            dir: self.root.join("store"),
            durability: self.durability,
            from: self.next,
            batches: BATCHES,
            seed: random.draw(),
            code: PathBuf::new(),
        };
        // Some before they have the store open, most in the middle of their work.
        let early = random.once_in(8);
        let pause = Duration::from_micros(random.below(LONGEST));
        let mut child = bench.start(&work, &Faults::below(&self.root))?;
        let heard = if early { Ok(()) } else { child.hear_until(|line| *line == Line::Opened) };
        std::thread::sleep(pause);
        let ended = heard.and_then(|()| child.kill());
        summary.cycles += 1;
        let ended = match ended {
            Ok(ended) => ended,
            Err(wrong) => {
                summary.broken += 1;
                return Ok(Some(wrong));
            }
        };
        summary.killed += u64::from(ended.was_killed());
        summary.acknowledged += ended.told.put.len() as u64;
        let wrong = self.check(&work, ended.told, summary).err();
        match &wrong {
            Some(wrong) if wrong.contains("is lost") => summary.lost += 1,
            Some(wrong) if wrong.contains("bytes") || wrong.contains("verify found") => {
                summary.corrupt += 1;
            }
            Some(_) => summary.broken += 1,
            None => {}
        }
        if wrong.is_some() {
            self.keep();
        }
        Ok(wrong)
    }

    /// Compares the store with all that was ever said of it.
    fn check(&mut self, work: &Work, told: Told, summary: &mut Summary) -> Result<(), String> {
        if let Some(failed) = told.failed.first() {
            return Err(format!("refused without a fault: {failed}"));
        }
        if let Some(missing) = told.missing.first() {
            return Err(format!("tree {missing} is lost to the process that put it"));
        }
        self.next = told.put.last().map_or(self.next, |last| last + 1);
        self.told.then(told);
        // One more than was said may be there.
        let trees = 0..self.next + 1;
        summary.looked_for += trees.end;
        let survey = survey_range(work, &self.told, Loss::Process, trees)?;
        summary.lost += survey.lost;
        Ok(())
    }

    /// Keeps what is wrong, where whoever wants to look into it says.
    fn keep(&self) {
        if let Some(keep) = std::env::var_os("HERBARIUM_FAULTS_KEEP") {
            let _ = fs::remove_dir_all(&keep);
            let _ = copy(&self.root, keep.as_ref());
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

impl Summary {
    /// Whether nothing went wrong.
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.corrupt == 0 && self.broken == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in [
            ("cycles", self.cycles),
            ("killed at work", self.killed),
            ("stores", self.stores),
            ("trees acknowledged", self.acknowledged),
            ("looked for", self.looked_for),
            ("lost", self.lost),
            ("corrupt", self.corrupt),
            ("otherwise broken", self.broken),
        ] {
            writeln!(f, "{name:<20}{value:>12}")?;
        }
        write!(f, "{:<20}{:>11.1}s", "time", self.time.as_secs_f64())
    }
}
