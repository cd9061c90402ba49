//! From a file to a tree in the store: what a thread does with one file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use herbarium_capture::Capturer;
use herbarium_codec::{DecodeError, Decoder, Encoder, Grammar, Tree, source_hash};
use herbarium_languages::{Language, ParseError, ParseLimits, Row};
use herbarium_store::{StoreError, TreeKey, path_from_bytes};

use crate::Cancel;
use crate::clock::thread_cpu;
use crate::crew::{Watch, Work};
use crate::engine::Shared;
use crate::flights::Flights;
use crate::kinds::kinds_of;
use crate::lines::count_lines;
use crate::means::{MIN_SAMPLES, Means, Sample, Shelf, train};
use crate::outcome::{Failure, FileDone, Pressed, chain, with_followers};
use crate::progress::LARGE;
use crate::read::{Unfit, read};
use crate::rows::tree_key;
use crate::tongue::{Foreign, Tongue};
use crate::walk::Found;
use crate::weigh::parse_memory;

/// Presses the files of one workspace.
pub(crate) struct Press {
    pub(crate) shared: Arc<Shared>,
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<Found>,
    /// The trees that files had before they changed.
    former: HashMap<u32, TreeKey>,
    limits: ParseLimits,
    pub(crate) flights: Flights,
    foreign: Foreign,
    shelves: Mutex<HashMap<&'static str, Arc<Shelf>>>,
}

/// A thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Press the file of this number.
    Press(u32),
    /// Parse it, and hold its tree as a sample for a dictionary.
    Sample(u32),
    /// Make a dictionary for the language of this id, and press its samples.
    Train(&'static str),
}

/// What came of a job.
pub(crate) enum Done {
    /// The files that are finished by it: none if the file waits for another
    /// one or is held as a sample.
    Files(Vec<FileDone>),
    /// The store cannot be written.
    Broken(StoreError),
    /// The run is being cancelled.
    Cancelled,
}

/// What a thread keeps from file to file.
#[derive(Default)]
pub(crate) struct Tools {
    source: Vec<u8>,
    /// The last tree: its memory is used for the next, of whatever language.
    tree: Option<Tree>,
    encoder: Encoder,
    decoder: Decoder,
    pressed: Vec<u8>,
    capturers: Capturers,
}

/// Capturers of the languages that a thread met last.
#[derive(Default)]
struct Capturers(HashMap<&'static str, Capturer>);

/// Each keeps memory that fits its largest file. The files of a folder are of
/// few languages.
const MOST_CAPTURERS: usize = 4;

impl Capturers {
    fn of(&mut self, language: &'static Language) -> &mut Capturer {
        if self.0.len() >= MOST_CAPTURERS && !self.0.contains_key(language.id()) {
            self.0.clear();
        }
        self.0.entry(language.id()).or_insert_with(|| Capturer::new(language.grammar()))
    }
}

/// Reading a file must not take longer.
const READ_LIMIT: Duration = Duration::from_secs(60);
/// What comes after the parser noticed that it is over its time.
const GRACE: Duration = Duration::from_secs(10);
/// Making a dictionary must not take longer.
const TRAIN_LIMIT: Duration = Duration::from_secs(300);

/// The longest time on the clock that a parse can take if nothing hangs.
pub(crate) fn parse_limit(limits: &ParseLimits) -> Duration {
    limits.max_time.unwrap_or(TRAIN_LIMIT).saturating_mul(2).saturating_add(GRACE)
}

impl Work for Press {
    type Job = Job;
    type Done = Done;
    type Tools = Tools;

    fn tools(&self) -> Tools {
        Tools::default()
    }

    fn work(&self, job: Job, tools: &mut Tools, watch: &Watch) -> Done {
        if self.limits.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Done::Cancelled;
        }
        let done = match job {
            Job::Press(file) => self.press(file, false, tools, watch),
            Job::Sample(file) => self.press(file, true, tools, watch),
            Job::Train(language) => self.train(language, watch),
        };
        // With the memory that they grew to.
        if tools.source.len() as u64 > LARGE {
            *tools = Tools::default();
        }
        done
    }
}

impl Press {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        root: PathBuf,
        files: Vec<Found>,
        cancel: &Cancel,
    ) -> Self {
        let (shared, limits) = (Arc::clone(shared), shared.limits(cancel));
        let (flights, shelves) = (Flights::default(), Mutex::default());
        let (foreign, former) = (Foreign::new(&shared.store), HashMap::new());
        Self { shared, root, files, former, limits, flights, foreign, shelves }
    }

    /// Says which trees files had before they changed, by number.
    pub(crate) fn after(self, former: HashMap<u32, TreeKey>) -> Self {
        Self { former, ..self }
    }

    pub(crate) fn path(&self, file: u32) -> PathBuf {
        let found = self.files.get(file as usize);
        self.root.join(path_from_bytes(found.map_or(&[], |found| &found.path)))
    }

    /// Languages of which samples are held.
    pub(crate) fn sampled(&self) -> Vec<Arc<Shelf>> {
        let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let sampled = shelves.values().filter(|shelf| shelf.has_samples());
        let mut sampled: Vec<Arc<Shelf>> = sampled.map(Arc::clone).collect();
        sampled.sort_by_key(|shelf| shelf.language.id());
        sampled
    }

    fn shelf(&self, language: &'static Language) -> Result<Arc<Shelf>, StoreError> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = shelves.get(language.id()) {
            return Ok(Arc::clone(shelf));
        }
        let shelf = Shelf::new(&self.shared.store, &self.shared.books, language)?;
        let shelf = Arc::new(shelf);
        shelves.insert(language.id(), Arc::clone(&shelf));
        Ok(shelf)
    }

    /// Presses a file, or holds its tree as a sample.
    fn press(&self, file: u32, sample: bool, tools: &mut Tools, watch: &Watch) -> Done {
        let mut done = FileDone::new(file);
        let Some(tongue) = self.read(&mut done, tools, watch) else {
            return Done::Files(vec![done]);
        };
        let key = tree_key(tongue.row().id, tongue.fingerprint(), &tools.source);
        let language = match tongue {
            Tongue::Built(language) => language,
            Tongue::Stored(row, grammar) => return self.find(row, &grammar, key, done, tools),
        };
        if !self.flights.lead(key, file, done.stat.unwrap_or_default()) {
            return Done::Files(Vec::new());
        }
        let lines = count_lines(&tools.source);
        let task = Task { language, key, lines, sample, former: self.former.get(&file).copied() };
        match self.make(&task, &mut done, tools, watch) {
            Ok(Made::Finished(verdict)) => {
                done.verdict = verdict;
                Done::Files(with_followers(done, self.flights.land(&key)))
            }
            Ok(Made::Held) => Done::Files(Vec::new()),
            Err(Stop::Broken(error)) => Done::Broken(error),
            Err(Stop::Cancelled) => Done::Cancelled,
        }
    }

    /// Finds the tree of a file in a language that is not built in: another
    /// program may have stored it.
    fn find(
        &self,
        row: &'static Row,
        grammar: &Arc<Grammar>,
        key: TreeKey,
        mut done: FileDone,
        tools: &mut Tools,
    ) -> Done {
        match self.stored(grammar, key, tools) {
            Ok(Some(pressed)) => done.verdict = Ok(pressed),
            Ok(None) => done.verdict = Err(Failure::Unfit(Unfit::NotBuilt(row))),
            Err(error) => return Done::Broken(error),
        }
        Done::Files(vec![done])
    }

    /// Reads a file; `None` if it is not one to have a tree.
    fn read(&self, done: &mut FileDone, tools: &mut Tools, watch: &Watch) -> Option<Tongue> {
        watch.step("reading", READ_LIMIT);
        let (path, options) = (self.path(done.file), &self.shared.options);
        let reading = read(&path, options, &self.foreign, &mut tools.source);
        done.stat = reading.stat;
        done.row = reading.row;
        match reading.language {
            Ok(language) => Some(language),
            Err(why) => {
                done.verdict = Err(Failure::Unfit(why));
                None
            }
        }
    }

    /// Makes the tree, unless the store has it.
    fn make(
        &self,
        task: &Task,
        done: &mut FileDone,
        tools: &mut Tools,
        watch: &Watch,
    ) -> Result<Made, Stop> {
        if let Some(pressed) = self.stored(task.language.grammar(), task.key, tools)? {
            return Ok(Made::Finished(Ok(pressed)));
        }
        let (needed, limit) = (parse_memory(&tools.source), self.shared.options.memory_budget);
        if needed > limit {
            return Ok(Made::Finished(Err(Failure::TooDense { needed, limit })));
        }
        // It hung before, in this process: it would cost another thread and another core.
        if self.shared.at_work.is_hanging(&task.key) {
            return Ok(Made::Finished(Err(Failure::Hung("parsing"))));
        }
        done.parsed = true;
        watch.wait();
        watch.keep(self.shared.budget.acquire(needed));
        watch.step("parsing", parse_limit(&self.limits));
        let result = self.parse(*task, &mut done.parse_cpu, tools);
        // The live tree is gone; what is left of it takes a tenth. That of a large
        // file, though, the allocator keeps until the job is over.
        if tools.source.len() as u64 <= LARGE {
            watch.release();
        }
        match result {
            Ok(()) => Ok(self.keep(task, done, tools)?),
            Err(Failure::Parse(ParseError::Cancelled)) => Err(Stop::Cancelled),
            Err(failure) => Ok(Made::Finished(Err(failure))),
        }
    }

    /// The tree in the store, if it is there and whole.
    fn stored(
        &self,
        grammar: &Arc<Grammar>,
        key: TreeKey,
        tools: &mut Tools,
    ) -> Result<Option<Pressed>, StoreError> {
        let store = &self.shared.store;
        if !store.contains(&key)? {
            return Ok(None);
        }
        let Some(info) = store.get_tree_into(&key, &mut tools.pressed)? else { return Ok(None) };
        let Tools { pressed, decoder, tree, source, .. } = tools;
        let tree = tree.get_or_insert_with(|| Tree::new(grammar));
        if let Err(error) = self.shared.decode_into(pressed, &info, grammar, decoder, tree) {
            // Else its place would be taken for ever.
            if !is_newer(&error) && !store.is_read_only() {
                store.condemn_tree(&key)?;
            }
            return Ok(None);
        }
        let pressed = Pressed {
            key,
            nodes: u32::try_from(tree.descendant_count()).unwrap_or(u32::MAX),
            lines: count_lines(source),
            stored_bytes: clamp(info.stored_bytes),
            new: false,
            kinds: kinds_of(tree),
        };
        Ok((tree.source_hash() == source_hash(source)).then_some(pressed))
    }

    /// Parses into `tools.tree`. The CPU time is that of the parser, and of
    /// dropping the live tree, without taking it over.
    fn parse(
        &self,
        Task { language, key, .. }: Task,
        cpu: &mut Duration,
        tools: &mut Tools,
    ) -> Result<(), Failure> {
        let begun = thread_cpu();
        let at_work = self.shared.at_work.begin(key, language.id(), self.limits.max_time);
        let live = self.shared.parse(language, &tools.source, &self.limits);
        drop(at_work);
        *cpu = thread_cpu().saturating_sub(begun);
        let live = live.map_err(Failure::Parse)?;
        let capturer = tools.capturers.of(language);
        let tree = tools.tree.get_or_insert_with(|| Tree::new(language.grammar()));
        let captured = capturer.capture_into(&live, &tools.source, tree);
        let begun = thread_cpu();
        drop(live);
        *cpu = cpu.saturating_add(thread_cpu().saturating_sub(begun));
        captured.map_err(|error| Failure::Capture(chain(&error)))
    }

    /// Stores the tree, or holds it until there is a dictionary.
    fn keep(&self, task: &Task, done: &FileDone, tools: &mut Tools) -> Result<Made, StoreError> {
        let Task { language, key, lines, sample, .. } = *task;
        let shelf = self.shelf(language)?;
        let means = shelf.means();
        let mut tree = tools.tree.take().unwrap_or_else(|| Tree::new(language.grammar()));
        if sample && means.is_none() {
            tree.shrink_to_fit();
            let stat = done.stat.unwrap_or_default();
            let (file, parse_cpu) = (done.file, done.parse_cpu);
            shelf.hold(Sample { file, stat, key, lines, tree, parse_cpu });
            return Ok(Made::Held);
        }
        let Tools { encoder, pressed, .. } = tools;
        let put = self.put(task, &tree, means.as_ref(), encoder, pressed);
        tools.tree = Some(tree);
        Ok(Made::Finished(Ok(put?)))
    }

    fn put(
        &self,
        task: &Task,
        tree: &Tree,
        means: Option<&Means>,
        encoder: &mut Encoder,
        buffer: &mut Vec<u8>,
    ) -> Result<Pressed, StoreError> {
        let Task { language, key, lines, former, .. } = *task;
        encoder.encode_into(tree, means.and_then(|means| means.book.as_ref()), buffer);
        let dictionary = means.map(|means| &means.dictionary);
        let (store, grammar) = (&self.shared.store, language.fingerprint());
        let put = match former {
            Some(former) => store.put_revision(&key, grammar, buffer, dictionary, &former)?,
            None => store.put_tree(&key, grammar, buffer, dictionary)?,
        };
        let nodes = u32::try_from(tree.descendant_count()).unwrap_or(u32::MAX);
        Ok(Pressed {
            key,
            nodes,
            lines,
            stored_bytes: clamp(put.stored_bytes),
            new: put.new,
            kinds: kinds_of(tree),
        })
    }

    /// Makes a dictionary of the samples held, and presses them with it.
    fn train(&self, id: &'static str, watch: &Watch) -> Done {
        watch.step("making a dictionary", TRAIN_LIMIT);
        let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shelf) = shelves.get(id).map(Arc::clone) else { return Done::Files(Vec::new()) };
        drop(shelves);
        match self.press_samples(&shelf) {
            Ok(files) => Done::Files(files),
            Err(error) => Done::Broken(error),
        }
    }

    fn press_samples(&self, shelf: &Shelf) -> Result<Vec<FileDone>, StoreError> {
        let mut samples = shelf.take_samples();
        // So that the dictionary does not depend on the order of the threads.
        samples.sort_by_key(|sample| sample.file);
        let language = shelf.language;
        let means = (samples.len() >= MIN_SAMPLES).then(|| train(language, &samples));
        if let Some(means) = &means {
            self.shared.store.put_dictionary(&means.dictionary)?;
            shelf.set_means(means.clone());
        }
        let (mut encoder, mut buffer, mut files) = (Encoder::new(), Vec::new(), Vec::new());
        for Sample { file, stat, key, lines, tree, parse_cpu } in samples {
            let task = Task { language, key, lines, sample: true, former: None };
            let pressed = self.put(&task, &tree, means.as_ref(), &mut encoder, &mut buffer)?;
            let done = FileDone {
                file,
                stat: Some(stat),
                row: Some(language.row()),
                parsed: true,
                parse_cpu,
                verdict: Ok(pressed),
            };
            files.extend(with_followers(done, self.flights.land(&key)));
        }
        Ok(files)
    }
}

/// A file that has to have a tree.
#[derive(Clone, Copy)]
struct Task {
    language: &'static Language,
    key: TreeKey,
    lines: u32,
    /// Whether the tree may be held for a dictionary.
    sample: bool,
    /// The tree that the file had before: the new one is likely to differ little.
    former: Option<TreeKey>,
}

enum Made {
    Finished(Result<Pressed, Failure>),
    Held,
}

/// Why a run must not go on.
enum Stop {
    Broken(StoreError),
    Cancelled,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Broken(error)
    }
}

/// Whether a later version wrote it, to which it is left.
pub(crate) fn is_newer(error: &DecodeError) -> bool {
    matches!(error, DecodeError::Version { .. } | DecodeError::UnknownSection { .. })
}

fn clamp(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
