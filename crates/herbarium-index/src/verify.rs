//! Whether what is stored is whole, and what a parser says.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use herbarium_capture::differences;
use herbarium_codec::Decoder;
use herbarium_languages::{Language, ParseError, ParseLimits, by_id};
use herbarium_store::{Outcome, StoreError, TreeKey, path_from_bytes};

use crate::crew::{Crew, Outcome as JobOutcome, Watch, Work};
use crate::engine::Shared;
use crate::press::parse_limit;
use crate::progress::Ticker;
use crate::read::{Unfit, read};
use crate::rows::tree_key;
use crate::weigh::parse_memory;
use crate::{
    Cancel, DamagedTree, Difference, EngineOptions, IndexError, Phase, Progress, VerifyReport,
};

pub(crate) fn verify(
    shared: &Arc<Shared>,
    deep: bool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<VerifyReport, IndexError> {
    let begun = Instant::now();
    let mut ticker = Ticker::new(progress);
    ticker.phase(Phase::Verify);
    let mut report = VerifyReport::default();
    let mut damaged = BTreeMap::new();
    for finding in shared.store.verify()?.findings {
        let key = finding.key;
        damaged.insert(finding.to_string(), key);
    }
    let mut verifying = Verifying::new(shared, cancel);
    verifying.list(deep)?;
    verifying.go(&mut ticker, &mut report, &mut damaged)?;
    let damaged = damaged.into_iter().map(|(message, key)| DamagedTree { key, message });
    report.damaged = damaged.collect();
    report.differences.sort_by(|a, b| (&a.path, a.node).cmp(&(&b.path, b.node)));
    report.cancelled = cancel.is_cancelled();
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// Reads trees, and compares them with their files.
struct Check {
    shared: Arc<Shared>,
    /// Those of the engine without its limits: what has a tree is compared.
    options: EngineOptions,
    limits: ParseLimits,
    trees: Vec<TreeKey>,
    files: Vec<Source>,
    /// Trees that were compared, whichever of their files it was with.
    compared: Mutex<HashSet<TreeKey>>,
}

/// A file that a manifest has a tree for.
struct Source {
    path: PathBuf,
    size: u64,
    key: TreeKey,
    language: Option<&'static Language>,
}

#[derive(Debug, Clone, Copy)]
enum Job {
    /// Decode trees, from this number on.
    Decode(u32),
    /// Compare the file of this number with its tree.
    Compare(u32),
}

/// Trees in one job: decoding one takes less time than handing it over.
const BATCH: usize = 64;

enum Done {
    Decoded { trees: u64, damaged: Vec<(TreeKey, String)> },
    Compared(Finding),
    Broken(StoreError),
}

/// What came of a file.
enum Finding {
    Same {
        nodes: u64,
    },
    Differs {
        nodes: u64,
        differences: Vec<herbarium_capture::Difference>,
    },
    /// Its tree was compared with another file of the same content.
    Known,
    MissingTree,
    MissingSource,
    ChangedSource,
    NotBuilt,
    NotParsed,
}

/// What a thread keeps.
#[derive(Default)]
struct Tools {
    source: Vec<u8>,
    bytes: Vec<u8>,
    decoder: Decoder,
}

/// Reading and decoding must not take longer.
const LIMIT: Duration = Duration::from_secs(60);
/// After a longer file the tools are put away, with the memory they grew to.
const LARGE: usize = 1 << 20;

impl Work for Check {
    type Job = Job;
    type Done = Done;
    type Tools = Tools;

    fn tools(&self) -> Tools {
        Tools::default()
    }

    fn work(&self, job: Job, tools: &mut Tools, watch: &Watch) -> Done {
        let done = match job {
            Job::Decode(first) => {
                watch.step("decoding", LIMIT);
                self.decode(first as usize, tools)
            }
            Job::Compare(file) => self.compare(file, tools, watch).map(Done::Compared),
        };
        if tools.source.len() > LARGE || tools.bytes.len() > LARGE {
            *tools = Tools::default();
        }
        done.unwrap_or_else(Done::Broken)
    }
}

impl Check {
    fn decode(&self, first: usize, tools: &mut Tools) -> Result<Done, StoreError> {
        let last = (first + BATCH).min(self.trees.len());
        let (mut trees, mut damaged) = (0, Vec::new());
        for key in self.trees.get(first..last).unwrap_or_default() {
            match self.decode_one(key, tools)? {
                Ok(()) => trees += 1,
                Err(why) => damaged.push((*key, why)),
            }
        }
        Ok(Done::Decoded { trees, damaged })
    }

    fn decode_one(
        &self,
        key: &TreeKey,
        tools: &mut Tools,
    ) -> Result<Result<(), String>, StoreError> {
        let store = &self.shared.store;
        let Some(info) = store.get_tree_into(key, &mut tools.bytes)? else {
            return Ok(Err("the record cannot be read".to_owned()));
        };
        let Some(grammar) = store.grammar(&info.fingerprint)? else {
            return Ok(Err(format!("the grammar table {} is missing", info.fingerprint)));
        };
        let tree = self.shared.decode(&tools.bytes, &info, &grammar, &mut tools.decoder);
        Ok(tree.map(drop).map_err(|error| error.to_string()))
    }

    fn compare(&self, file: u32, tools: &mut Tools, watch: &Watch) -> Result<Finding, StoreError> {
        let Some(file) = self.files.get(file as usize) else { return Ok(Finding::Known) };
        let Some(language) = file.language else { return Ok(Finding::NotBuilt) };
        watch.step("reading", LIMIT);
        match read(&file.path, &self.options, &mut tools.source).language {
            Ok(now) if now == language => {}
            Err(Unfit::Vanished(_) | Unfit::Unreadable(_) | Unfit::NotAFile(_)) => {
                return Ok(Finding::MissingSource);
            }
            _ => return Ok(Finding::ChangedSource),
        }
        if tree_key(language.id(), language.fingerprint(), &tools.source) != file.key {
            return Ok(Finding::ChangedSource);
        }
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if !compared.insert(file.key) {
            return Ok(Finding::Known);
        }
        drop(compared);
        self.compare_tree(file, language, tools, watch)
    }

    fn compare_tree(
        &self,
        file: &Source,
        language: &'static Language,
        tools: &mut Tools,
        watch: &Watch,
    ) -> Result<Finding, StoreError> {
        let store = &self.shared.store;
        let Some(info) = store.get_tree_into(&file.key, &mut tools.bytes)? else {
            return Ok(Finding::MissingTree);
        };
        watch.wait();
        watch.keep(self.shared.budget.acquire(parse_memory(&tools.source)));
        watch.step("parsing", parse_limit(&self.limits));
        let grammar = language.grammar();
        let decoded = self.shared.decode(&tools.bytes, &info, grammar, &mut tools.decoder);
        let Ok(stored) = decoded else { return Ok(Finding::MissingTree) };
        let live = match self.shared.parse(language, &tools.source, &self.limits) {
            Ok(live) => live,
            Err(ParseError::Cancelled) => return Ok(Finding::Known),
            Err(_) => return Ok(Finding::NotParsed),
        };
        let nodes = live.root_node().descendant_count() as u64;
        let differences = differences(&live, &stored);
        Ok(match differences.is_empty() {
            true => Finding::Same { nodes },
            false => Finding::Differs { nodes, differences },
        })
    }
}

struct Verifying<'a> {
    cancel: &'a Cancel,
    check: Check,
}

/// Trees of which each difference is told; of the others, only how many they are.
const TOLD: u64 = 1000;

impl<'a> Verifying<'a> {
    fn new(shared: &Arc<Shared>, cancel: &'a Cancel) -> Self {
        let limits = ParseLimits {
            max_bytes: usize::MAX,
            max_time: Some(shared.options.max_parse_time),
            cancel: Some(Arc::clone(cancel.flag())),
        };
        let options =
            EngineOptions { max_file_bytes: u64::MAX, languages: None, ..shared.options.clone() };
        let check = Check {
            shared: Arc::clone(shared),
            options,
            limits,
            trees: Vec::new(),
            files: Vec::new(),
            compared: Mutex::default(),
        };
        Self { cancel, check }
    }

    /// Lists what there is to check.
    fn list(&mut self, deep: bool) -> Result<(), StoreError> {
        let store = &self.check.shared.store;
        self.check.trees = store.iter_trees().map(|entry| entry.key).collect();
        if !deep {
            return Ok(());
        }
        for info in store.manifests()? {
            let Some(manifest) = store.manifest(&info.root)? else { continue };
            for row in manifest.rows() {
                let Outcome::Tree(key) = row.outcome else { continue };
                self.check.files.push(Source {
                    path: info.root.join(path_from_bytes(&row.path)),
                    size: row.size,
                    key,
                    language: row.language.as_deref().and_then(by_id),
                });
            }
        }
        Ok(())
    }

    fn go(
        self,
        ticker: &mut Ticker<'_>,
        report: &mut VerifyReport,
        damaged: &mut BTreeMap<String, Option<TreeKey>>,
    ) -> Result<(), IndexError> {
        let Self { cancel, check } = self;
        let check = Arc::new(check);
        let sizes: u64 = check.files.iter().map(|file| file.size).sum();
        ticker.expect((check.trees.len() + check.files.len()) as u64, sizes);
        let batches = (0..check.trees.len() as u32).step_by(BATCH).map(Job::Decode);
        let jobs: Vec<Job> =
            batches.chain((0..check.files.len() as u32).map(Job::Compare)).collect();
        let mut open = jobs.len();
        if open == 0 {
            return Ok(());
        }
        let threads = check.shared.options.workers.min(open);
        let mut crew = Crew::start(Arc::clone(&check), threads).map_err(IndexError::Thread)?;
        crew.give(jobs);
        let mut broken = None;
        while open > 0 {
            if cancel.is_cancelled() || broken.is_some() {
                open -= crew.take_back();
            }
            if let Some((job, outcome)) = crew.next(Ticker::STEP).map_err(IndexError::Thread)? {
                open = open.saturating_sub(1);
                match (job, outcome) {
                    (_, JobOutcome::Done(Done::Decoded { trees, damaged: bad })) => {
                        report.trees += trees + bad.len() as u64;
                        ticker.done_more(trees + bad.len() as u64, 0);
                        let named = bad
                            .into_iter()
                            .map(|(key, why)| (format!("tree {key}: {why}"), Some(key)));
                        damaged.extend(named);
                    }
                    (Job::Compare(file), JobOutcome::Done(Done::Compared(finding))) => {
                        if let Some(file) = check.files.get(file as usize) {
                            ticker.done_more(1, file.size);
                            count(report, file, finding);
                        }
                    }
                    (_, JobOutcome::Done(Done::Broken(error))) => {
                        broken.get_or_insert(IndexError::Store(error));
                    }
                    (_, JobOutcome::Done(Done::Compared(_))) => {}
                    (_, JobOutcome::Panicked(_) | JobOutcome::Hung(_)) => report.not_parsed += 1,
                }
            }
            ticker.tick();
        }
        broken.map_or(Ok(()), Err)
    }
}

fn count(report: &mut VerifyReport, file: &Source, finding: Finding) {
    match finding {
        Finding::Same { nodes } => {
            report.compared += 1;
            report.nodes += nodes;
        }
        Finding::Differs { nodes, differences } => {
            report.compared += 1;
            report.nodes += nodes;
            report.differing += 1;
            if report.differing <= TOLD {
                let named = differences.into_iter().map(|it| Difference {
                    path: file.path.clone(),
                    key: file.key,
                    node: it.node,
                    what: it.what,
                    expected: it.expected,
                    found: it.found,
                });
                report.differences.extend(named);
            }
        }
        Finding::Known => {}
        Finding::MissingTree => report.missing_tree += 1,
        Finding::MissingSource => report.missing_source += 1,
        Finding::ChangedSource => report.changed_source += 1,
        Finding::NotBuilt => report.not_built += 1,
        Finding::NotParsed => report.not_parsed += 1,
    }
}
