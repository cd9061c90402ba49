//! Checking stored trees: what a thread does with some of them, or with one file.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use herbarium_capture::{Difference, differences};
use herbarium_codec::Decoder;
use herbarium_languages::{Language, ParseError, ParseLimits};
use herbarium_store::{StoreError, TreeKey};

use crate::crew::{Watch, Work};
use crate::engine::Shared;
use crate::press::parse_limit;
use crate::progress::LARGE;
use crate::read::{Unfit, read};
use crate::rows::tree_key;
use crate::tongue::{Foreign, Tongue};
use crate::weigh::parse_memory;
use crate::{Cancel, EngineOptions};

/// Reads trees, and compares them with their files.
pub(crate) struct Check {
    pub(crate) shared: Arc<Shared>,
    /// Those of the engine without its limits: what has a tree is compared.
    options: EngineOptions,
    limits: ParseLimits,
    pub(crate) trees: Vec<TreeKey>,
    pub(crate) files: Vec<Source>,
    /// Trees that were compared, whichever of their files it was with.
    compared: Mutex<HashSet<TreeKey>>,
}

/// A file that a manifest has a tree for.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) key: TreeKey,
    pub(crate) language: Option<&'static Language>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    /// Decode trees, from this number on.
    Decode(u32),
    /// Compare the file of this number with its tree.
    Compare(u32),
}

/// Trees in one job: decoding one takes less time than handing it over.
const BATCH: usize = 64;

pub(crate) enum Done {
    Decoded { trees: u64, damaged: Vec<(TreeKey, String)> },
    Compared(Finding),
    Broken(StoreError),
}

/// What came of a file.
pub(crate) enum Finding {
    /// It was parsed again, and compared.
    Compared {
        nodes: u64,
        differences: Vec<Difference>,
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
pub(crate) struct Tools {
    source: Vec<u8>,
    bytes: Vec<u8>,
    decoder: Decoder,
}

/// Reading and decoding must not take longer.
const LIMIT: Duration = Duration::from_secs(60);

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
        // With the memory that they grew to.
        if tools.source.len().max(tools.bytes.len()) as u64 > LARGE {
            *tools = Tools::default();
        }
        done.unwrap_or_else(Done::Broken)
    }
}

impl Check {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        trees: Vec<TreeKey>,
        files: Vec<Source>,
        cancel: &Cancel,
    ) -> Self {
        let options =
            EngineOptions { max_file_bytes: u64::MAX, languages: None, ..shared.options.clone() };
        let (shared, compared) = (Arc::clone(shared), Mutex::default());
        let limits = shared.limits(cancel);
        Self { shared, options, limits, trees, files, compared }
    }

    /// All there is to do.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let batches = (0..self.trees.len() as u32).step_by(BATCH).map(Job::Decode);
        batches.chain((0..self.files.len() as u32).map(Job::Compare)).collect()
    }

    fn decode(&self, first: usize, tools: &mut Tools) -> Result<Done, StoreError> {
        let last = (first + BATCH).min(self.trees.len());
        let keys = self.trees.get(first..last).unwrap_or_default();
        let mut damaged = Vec::new();
        for key in keys {
            if let Err(why) = self.decode_one(key, tools)? {
                damaged.push((*key, why));
            }
        }
        Ok(Done::Decoded { trees: keys.len() as u64, damaged })
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
        let foreign = Foreign::new(&self.shared.store);
        match read(&file.path, &self.options, &foreign, &mut tools.source).language {
            Ok(Tongue::Built(now)) if now == language => {}
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
        Ok(Finding::Compared { nodes, differences })
    }
}
