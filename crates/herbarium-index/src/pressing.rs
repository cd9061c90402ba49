//! Directing a crew that presses the files of one workspace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use herbarium_languages::Detection;

use crate::crew::{Crew, Outcome};
use crate::means::Shelf;
use crate::outcome::{Failure, FileDone, with_followers};
use crate::press::{Done, Job, Press};
use crate::problem::explain;
use crate::progress::Ticker;
use crate::sampling::Round;
use crate::tongue::built;
use crate::{Cancel, IndexError, Phase, sampling};

/// The work on one workspace while its crew is there.
pub(crate) struct Pressing<'run, 'a> {
    crew: Crew<Press>,
    desk: Desk<'run, 'a>,
}

/// Where it is noted what came of the jobs.
struct Desk<'run, 'a> {
    press: &'run Arc<Press>,
    ticker: &'run mut Ticker<'a>,
    cancel: &'run Cancel,
    done: HashMap<u32, FileDone>,
    broken: Option<IndexError>,
    flushed: Instant,
}

/// Files longer than this are pressed first: begun last, one alone would keep
/// all other threads waiting.
const LONG: u64 = 1 << 20;
/// How often what was stored is made durable.
const FLUSH_EVERY: Duration = Duration::from_secs(2);

impl<'run, 'a> Pressing<'run, 'a> {
    pub(crate) fn start(
        press: &'run Arc<Press>,
        ticker: &'run mut Ticker<'a>,
        cancel: &'run Cancel,
    ) -> Result<Self, IndexError> {
        let threads = press.shared.options.workers.min(press.files.len());
        let crew = Crew::start(Arc::clone(press), threads).map_err(IndexError::Thread)?;
        let (done, broken, flushed) = (HashMap::new(), None, Instant::now());
        Ok(Self { crew, desk: Desk { press, ticker, cancel, done, broken, flushed } })
    }

    /// Presses these files: first some of them as samples, then with the
    /// dictionaries made of these the rest. Gives what came of each, and the
    /// number of dictionaries.
    pub(crate) fn press(
        mut self,
        files: &[u32],
    ) -> Result<(HashMap<u32, FileDone>, u64), IndexError> {
        let rounds = self.rounds(files);
        let mut dictionaries = 0;
        if !rounds.is_empty() {
            self.desk.ticker.phase(Phase::Press);
            dictionaries = self.sample(&rounds)?;
        }
        self.desk.ticker.phase(Phase::Press);
        let sampled: HashSet<u32> = rounds.into_iter().flat_map(|round| round.files).collect();
        let rest = files.iter().copied().filter(|file| !sampled.contains(file));
        let size =
            |file: u32| self.desk.press.files.get(file as usize).map_or(0, |it| it.stat.size);
        let (mut long, short): (Vec<u32>, Vec<u32>) = rest.partition(|file| size(*file) > LONG);
        long.sort_by_key(|file| std::cmp::Reverse(size(*file)));
        self.stage(long.into_iter().chain(short).map(Job::Press).collect())?;
        Ok((self.desk.done, dictionaries))
    }

    fn rounds(&self, files: &[u32]) -> Vec<Round> {
        let shared = &self.desk.press.shared;
        if !shared.options.dictionaries {
            return Vec::new();
        }
        let lacks = |detection: &Detection| {
            built(detection.row(), &shared.options).is_some_and(|language| {
                matches!(shared.store.dictionary_for(&language.fingerprint()), Ok(None))
            })
        };
        sampling::choose(&self.desk.press.files, files, lacks)
    }

    /// Holds samples, language by language, and makes a dictionary of each; says
    /// how many. Should that fail for a language, its files are pressed without.
    ///
    /// A run that is killed loses the samples it holds: those of one language,
    /// which is about a second's work. One thread makes a dictionary while the
    /// others go on with the samples of the next language.
    fn sample(&mut self, rounds: &[Round]) -> Result<u64, IndexError> {
        let mut trained: Vec<Arc<Shelf>> = Vec::new();
        let mut due = None;
        for round in rounds {
            let samples = round.files.iter().map(|file| Job::Sample(*file));
            self.stage(due.into_iter().chain(samples).collect())?;
            let held = self.desk.press.sampled();
            let complete = held.into_iter().find(|it| Some(it.language.id()) == round.language);
            due = complete.as_ref().map(|shelf| Job::Train(shelf.language.id()));
            trained.extend(complete);
        }
        self.desk.ticker.phase(Phase::Train);
        let rest = self.desk.press.sampled();
        self.stage(rest.iter().map(|shelf| Job::Train(shelf.language.id())).collect())?;
        trained
            .extend(rest.into_iter().filter(|shelf| Some(Job::Train(shelf.language.id())) != due));
        let left: Vec<Job> = trained
            .iter()
            .flat_map(|shelf| shelf.take_held())
            .filter(|file| !self.desk.done.contains_key(file))
            .map(Job::Press)
            .collect();
        self.stage(left)?;
        Ok(trained.iter().filter(|shelf| shelf.means().is_some()).count() as u64)
    }

    /// Has the crew do these jobs, and waits for all of them.
    fn stage(&mut self, jobs: Vec<Job>) -> Result<(), IndexError> {
        let Self { crew, desk } = self;
        let done = crew.run(jobs, |event| {
            if let Some((job, outcome)) = event {
                desk.hear(job, outcome);
            }
            desk.ticker.tick();
            desk.flush();
            !desk.cancel.is_cancelled() && desk.broken.is_none()
        });
        done.map_err(IndexError::Thread)?;
        desk.broken.take().map_or(Ok(()), Err)
    }
}

impl Desk<'_, '_> {
    /// From time to time makes durable what is stored, so that a power failure
    /// costs no more than the last seconds. The other threads go on meanwhile.
    fn flush(&mut self) {
        if self.flushed.elapsed() < FLUSH_EVERY {
            return;
        }
        if let Err(error) = self.press.shared.store.flush() {
            self.broken.get_or_insert(IndexError::Store(error));
        }
        self.flushed = Instant::now();
    }

    fn hear(&mut self, job: Job, outcome: Outcome<Done>) {
        let failure = match outcome {
            Outcome::Done(Done::Files(files)) => return self.note(files),
            Outcome::Done(Done::Cancelled) => return,
            Outcome::Done(Done::Broken(error)) => {
                self.broken.get_or_insert(IndexError::Store(error));
                return;
            }
            Outcome::Panicked(words) => Failure::Panicked(words),
            Outcome::Hung(step) => Failure::Hung(step),
        };
        match job {
            Job::Press(file) | Job::Sample(file) => {
                let stat = self.press.files.get(file as usize).map(|found| found.stat);
                let failed = FileDone::failed(file, stat, failure);
                self.note(with_followers(failed, self.press.flights.crash(file)));
            }
            Job::Train(language) => {
                let (_, message) = explain(&failure);
                tracing::warn!(language, message, "going on without a dictionary");
            }
        }
    }

    fn note(&mut self, files: Vec<FileDone>) {
        for done in files {
            if let Some(found) = self.press.files.get(done.file as usize) {
                self.ticker.done(&self.press.root, found);
            }
            // A thread that was left behind does not speak again: no second word.
            self.done.insert(done.file, done);
        }
    }
}
