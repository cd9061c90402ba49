//! From a file to a tree in the store: what a thread does with one file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use herbarium_capture::Capturer;
use herbarium_codec::{Encoder, Header, Tree, source_hash};
use herbarium_languages::{Language, ParseError, ParseLimits, Row};
use herbarium_store::{StoreError, TreeKey, path_from_bytes};

use crate::clock::thread_cpu;
use crate::crew::{Watch, Work};
use crate::engine::Shared;
use crate::flights::{Flights, Waiting};
use crate::means::{MIN_SAMPLES, Sample, Shelf, train};
use crate::read::{Unfit, read};
use crate::rows::tree_key;
use crate::stat::Stat;
use crate::walk::Found;
use crate::weigh::parse_memory;

/// Presses the files of one workspace.
pub(crate) struct Press {
    pub(crate) shared: Arc<Shared>,
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<Found>,
    pub(crate) limits: ParseLimits,
    pub(crate) flights: Flights,
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

/// What came of a file.
#[derive(Debug)]
pub(crate) struct FileDone {
    pub(crate) file: u32,
    pub(crate) stat: Option<Stat>,
    pub(crate) row: Option<&'static Row>,
    pub(crate) parsed: bool,
    pub(crate) parse_cpu: Duration,
    pub(crate) verdict: Result<Pressed, Failure>,
}

/// A file that has a tree now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressed {
    pub(crate) key: TreeKey,
    pub(crate) nodes: u32,
    pub(crate) lines: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) new: bool,
}

/// Why a file has no tree.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is not one to be parsed.
    Unfit(Unfit),
    /// Its tree would take more memory than there is.
    TooDense { needed: u64, limit: u64 },
    /// The parser gave no tree.
    Parse(ParseError),
    /// The live tree could not be taken over.
    Capture(String),
    /// The thread panicked.
    Panicked(String),
    /// The thread was left behind at this step.
    Hung(&'static str),
}

/// What a thread keeps from file to file.
pub(crate) struct Tools {
    source: Vec<u8>,
    pressed: Vec<u8>,
    encoder: Encoder,
    languages: HashMap<&'static str, LanguageTools>,
}

struct LanguageTools {
    shelf: Arc<Shelf>,
    capturer: Capturer,
    tree: Tree,
}

/// After a longer file the tools are put away, with the memory they grew to.
const LARGE: usize = 1 << 20;
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
        Tools::new()
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
        if tools.source.len() > LARGE {
            *tools = Tools::new();
        }
        done
    }
}

impl Tools {
    fn new() -> Self {
        Self {
            source: Vec::new(),
            pressed: Vec::new(),
            encoder: Encoder::new(),
            languages: HashMap::new(),
        }
    }
}

impl Press {
    pub(crate) fn new(
        shared: Arc<Shared>,
        root: PathBuf,
        files: Vec<Found>,
        limits: ParseLimits,
    ) -> Self {
        let (flights, shelves) = (Flights::default(), Mutex::default());
        Self { shared, root, files, limits, flights, shelves }
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
        let Some(language) = self.read(&mut done, tools, watch) else {
            return Done::Files(vec![done]);
        };
        let key = tree_key(language.id(), language.fingerprint(), &tools.source);
        if !self.flights.lead(key, file, done.stat.unwrap_or_default()) {
            return Done::Files(Vec::new());
        }
        match self.make(&mut done, language, key, sample, tools, watch) {
            Ok(true) => Done::Files(with_followers(done, self.flights.land(&key))),
            Ok(false) => Done::Files(Vec::new()),
            Err(Stop::Broken(error)) => Done::Broken(error),
            Err(Stop::Cancelled) => Done::Cancelled,
        }
    }

    /// Reads a file; `None` if it is not one to be parsed.
    fn read(
        &self,
        done: &mut FileDone,
        tools: &mut Tools,
        watch: &Watch,
    ) -> Option<&'static Language> {
        watch.step("reading", READ_LIMIT);
        let reading = read(&self.path(done.file), &self.shared.options, &mut tools.source);
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

    /// Makes the tree, unless the store has it. False if it is held as a sample.
    fn make(
        &self,
        done: &mut FileDone,
        language: &'static Language,
        key: TreeKey,
        sample: bool,
        tools: &mut Tools,
        watch: &Watch,
    ) -> Result<bool, Stop> {
        let lines = count_lines(&tools.source);
        if let Some((nodes, stored_bytes)) = self.stored(&key, tools)? {
            let new = false;
            done.verdict = Ok(Pressed { key, nodes, lines, stored_bytes, new });
            return Ok(true);
        }
        let (needed, limit) = (parse_memory(&tools.source), self.shared.options.memory_budget);
        if needed > limit {
            done.verdict = Err(Failure::TooDense { needed, limit });
            return Ok(true);
        }
        let Tools { source, pressed, encoder, languages } = tools;
        let language_tools = match languages.entry(language.id()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(LanguageTools::new(self.shelf(language)?))
            }
        };
        done.parsed = true;
        let parsed = self.parse(language, source, needed, language_tools, watch);
        done.parse_cpu = parsed.cpu;
        match parsed.result {
            Ok(()) => {}
            Err(Failure::Parse(ParseError::Cancelled)) => return Err(Stop::Cancelled),
            Err(failure) => {
                done.verdict = Err(failure);
                return Ok(true);
            }
        }
        let LanguageTools { shelf, tree, .. } = language_tools;
        let means = shelf.means();
        if sample && means.is_none() {
            let tree = std::mem::replace(tree, Tree::new(language.grammar()));
            let stat = done.stat.unwrap_or_default();
            let (file, parse_cpu) = (done.file, done.parse_cpu);
            shelf.hold(Sample { file, stat, key, lines, tree, parse_cpu });
            return Ok(false);
        }
        let book = means.as_ref().and_then(|means| means.book.as_ref());
        encoder.encode_into(tree, book, pressed);
        let dictionary = means.as_ref().map(|means| &means.dictionary);
        let put = self.shared.store.put_tree(&key, language.fingerprint(), pressed, dictionary)?;
        let nodes = tree.descendant_count() as u32;
        let stored_bytes = clamp(put.stored_bytes);
        done.verdict = Ok(Pressed { key, nodes, lines, stored_bytes, new: put.new });
        Ok(true)
    }

    /// Nodes and size of the tree in the store, if it is there and whole.
    fn stored(&self, key: &TreeKey, tools: &mut Tools) -> Result<Option<(u32, u32)>, StoreError> {
        let store = &self.shared.store;
        if !store.contains(key)? {
            return Ok(None);
        }
        let Some(info) = store.get_tree_into(key, &mut tools.pressed)? else { return Ok(None) };
        let Ok(header) = Header::read(&tools.pressed) else { return Ok(None) };
        let fits = header.source_hash == source_hash(&tools.source);
        Ok(fits.then_some((header.node_count, clamp(info.stored_bytes))))
    }

    /// Parses, takes the tree over and drops the live one.
    fn parse(
        &self,
        language: &'static Language,
        source: &[u8],
        memory: u64,
        tools: &mut LanguageTools,
        watch: &Watch,
    ) -> Parsed {
        watch.wait();
        watch.keep(self.shared.budget.acquire(memory));
        watch.step("parsing", parse_limit(&self.limits));
        let begun = thread_cpu();
        let live = self.shared.parse(language, source, &self.limits);
        let parsed = thread_cpu();
        let live = match live {
            Ok(live) => live,
            Err(error) => {
                let cpu = parsed.saturating_sub(begun);
                return Parsed { cpu, result: Err(Failure::Parse(error)) };
            }
        };
        let captured = tools.capturer.capture_into(&live, source, &mut tools.tree);
        let taken_over = thread_cpu();
        drop(live);
        let cpu =
            (parsed.saturating_sub(begun)).saturating_add(thread_cpu().saturating_sub(taken_over));
        watch.release();
        let result = captured.map_err(|error| Failure::Capture(chain(&error)));
        Parsed { cpu, result }
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
        let store = &self.shared.store;
        let language = shelf.language;
        let means = (samples.len() >= MIN_SAMPLES).then(|| train(language, &samples));
        if let Some(means) = &means {
            store.put_dictionary(&means.dictionary)?;
            shelf.set_means(means.clone());
        }
        let book = means.as_ref().and_then(|means| means.book.as_ref());
        let dictionary = means.as_ref().map(|means| &means.dictionary);
        let (mut encoder, mut pressed, mut files) = (Encoder::new(), Vec::new(), Vec::new());
        for Sample { file, stat, key, lines, tree, parse_cpu } in samples {
            encoder.encode_into(&tree, book, &mut pressed);
            let put = store.put_tree(&key, language.fingerprint(), &pressed, dictionary)?;
            let nodes = tree.descendant_count() as u32;
            let stored_bytes = clamp(put.stored_bytes);
            let verdict = Ok(Pressed { key, nodes, lines, stored_bytes, new: put.new });
            let row = Some(language.row());
            let done = FileDone { file, stat: Some(stat), row, parsed: true, parse_cpu, verdict };
            files.extend(with_followers(done, self.flights.land(&key)));
        }
        Ok(files)
    }
}

struct Parsed {
    cpu: Duration,
    result: Result<(), Failure>,
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

impl LanguageTools {
    fn new(shelf: Arc<Shelf>) -> Self {
        let grammar = shelf.language.grammar();
        let (capturer, tree) = (Capturer::new(grammar), Tree::new(grammar));
        Self { shelf, capturer, tree }
    }
}

impl FileDone {
    fn new(file: u32) -> Self {
        Self {
            file,
            stat: None,
            row: None,
            parsed: false,
            parse_cpu: Duration::ZERO,
            verdict: Err(Failure::Unfit(Unfit::Unknown)),
        }
    }

    /// A file whose job ended without a word.
    pub(crate) fn failed(file: u32, stat: Option<Stat>, failure: Failure) -> Self {
        Self { stat, verdict: Err(failure), ..Self::new(file) }
    }
}

/// The files that waited have the same content, and so the same fate.
pub(crate) fn with_followers(leader: FileDone, waiting: Vec<Waiting>) -> Vec<FileDone> {
    let followers = waiting.into_iter().map(|waiting| FileDone {
        file: waiting.file,
        stat: Some(waiting.stat),
        row: leader.row,
        parsed: false,
        parse_cpu: Duration::ZERO,
        verdict: match &leader.verdict {
            Ok(pressed) => Ok(Pressed { new: false, ..*pressed }),
            Err(failure) => Err(failure.copy()),
        },
    });
    let mut all: Vec<FileDone> = followers.collect();
    all.push(leader);
    all
}

impl Failure {
    fn copy(&self) -> Self {
        match self {
            // Files wait only for one that could be read.
            Self::Unfit(_) => Self::Unfit(Unfit::Unknown),
            Self::TooDense { needed, limit } => Self::TooDense { needed: *needed, limit: *limit },
            Self::Parse(error) => Self::Parse(error.clone()),
            Self::Capture(words) => Self::Capture(words.clone()),
            Self::Panicked(words) => Self::Panicked(words.clone()),
            Self::Hung(step) => Self::Hung(step),
        }
    }
}

/// Lines of a text: one that does not end in a line end counts too.
pub(crate) fn count_lines(source: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', source).count();
    let open = source.last().is_some_and(|last| *last != b'\n');
    u32::try_from(ends + usize::from(open)).unwrap_or(u32::MAX)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn clamp(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
