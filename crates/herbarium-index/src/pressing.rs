//! Directing a crew that presses the files of one workspace.

use std::collections::HashMap;
use std::sync::Arc;

use herbarium_languages::Detection;

use crate::crew::{Crew, Outcome};
use crate::outcome::{Failure, FileDone, with_followers};
use crate::press::{Done, Job, Press};
use crate::problem::explain;
use crate::progress::Ticker;
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
}

/// Files longer than this are pressed first: begun last, one alone would keep
/// all other threads waiting.
const LONG: u64 = 1 << 20;

impl<'run, 'a> Pressing<'run, 'a> {
    pub(crate) fn start(
        press: &'run Arc<Press>,
        ticker: &'run mut Ticker<'a>,
        cancel: &'run Cancel,
    ) -> Result<Self, IndexError> {
        let threads = press.shared.options.workers.min(press.files.len());
        let crew = Crew::start(Arc::clone(press), threads).map_err(IndexError::Thread)?;
        let (done, broken) = (HashMap::new(), None);
        Ok(Self { crew, desk: Desk { press, ticker, cancel, done, broken } })
    }

    /// Presses these files: first some of them as samples, then with the
    /// dictionaries made of these the rest. Gives what came of each, and the
    /// number of dictionaries.
    pub(crate) fn press(
        mut self,
        files: &[u32],
    ) -> Result<(HashMap<u32, FileDone>, u64), IndexError> {
        let sample = self.sample(files);
        let mut dictionaries = 0;
        if !sample.is_empty() {
            self.desk.ticker.phase(Phase::Press);
            self.stage(sample.iter().map(|file| Job::Sample(*file)).collect())?;
            self.desk.ticker.phase(Phase::Train);
            dictionaries = self.train()?;
        }
        self.desk.ticker.phase(Phase::Press);
        let rest = files.iter().copied().filter(|file| sample.binary_search(file).is_err());
        let size =
            |file: u32| self.desk.press.files.get(file as usize).map_or(0, |it| it.stat.size);
        let (mut long, short): (Vec<u32>, Vec<u32>) = rest.partition(|file| size(*file) > LONG);
        long.sort_by_key(|file| std::cmp::Reverse(size(*file)));
        self.stage(long.into_iter().chain(short).map(Job::Press).collect())?;
        Ok((self.desk.done, dictionaries))
    }

    fn sample(&self, files: &[u32]) -> Vec<u32> {
        let shared = &self.desk.press.shared;
        if !shared.options.dictionaries {
            return Vec::new();
        }
        let lacks = |detection: &Detection| {
            detection.language().is_some_and(|language| {
                matches!(shared.store.dictionary_for(&language.fingerprint()), Ok(None))
            })
        };
        sampling::choose(&self.desk.press.files, files, lacks)
    }

    /// Makes dictionaries of the samples held, and says how many. Should that fail
    /// for a language, its files are pressed without.
    fn train(&mut self) -> Result<u64, IndexError> {
        let sampled = self.desk.press.sampled();
        self.stage(sampled.iter().map(|shelf| Job::Train(shelf.language.id())).collect())?;
        let left: Vec<Job> = sampled
            .iter()
            .flat_map(|shelf| shelf.take_held())
            .filter(|file| !self.desk.done.contains_key(file))
            .map(Job::Press)
            .collect();
        self.stage(left)?;
        Ok(sampled.iter().filter(|shelf| shelf.means().is_some()).count() as u64)
    }

    /// Has the crew do these jobs, and waits for all of them.
    fn stage(&mut self, jobs: Vec<Job>) -> Result<(), IndexError> {
        let Self { crew, desk } = self;
        let done = crew.run(jobs, |event| {
            if let Some((job, outcome)) = event {
                desk.hear(job, outcome);
            }
            desk.ticker.tick();
            !desk.cancel.is_cancelled() && desk.broken.is_none()
        });
        done.map_err(IndexError::Thread)?;
        desk.broken.take().map_or(Ok(()), Err)
    }
}

impl Desk<'_, '_> {
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
