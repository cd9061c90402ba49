//! What a child does to a store, and says that it has done.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use herbarium_store::{
    Durability, GcOptions, MigrateOptions, QueryParts, RestoreOptions, Store, StoreError,
    StoreOptions,
};

use crate::content::{self, FINGERPRINT};
use crate::{Line, Random, indexing};

/// What there is to do.
#[derive(Debug, Clone)]
pub struct Work {
    /// In which way.
    pub kind: Kind,
    /// Where the store is.
    pub dir: PathBuf,
    /// When a put is durable.
    pub durability: Durability,
    /// The first tree to be put.
    pub from: u64,
    /// How many batches of trees are put.
    pub batches: u64,
    /// What the choices of [`Kind::Mixed`] follow from.
    pub seed: u64,
    /// The code to be indexed.
    pub code: PathBuf,
}

/// A way to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same steps each time, every deed of the store among them.
    Script,
    /// Many batches, with other deeds between them as the seed has it.
    Mixed,
    /// Indexing code that is parsed.
    Index,
    /// Garbage collection, backup, migration and restoring, of a store that is there.
    Keep,
}

/// Trees in a batch of [`Kind::Script`].
pub const BATCH: u64 = 3;
/// Most trees in a batch of [`Kind::Mixed`].
const LARGEST_BATCH: u64 = 12;
/// Longer than any clock here jumps.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// So small that a few batches fill several.
const SEGMENT: u64 = 6 << 10;

impl Work {
    /// The script, on a store in this folder.
    pub fn script(dir: impl Into<PathBuf>) -> Self {
        Self {
            kind: Kind::Script,
            dir: dir.into(),
            durability: Durability::Batch,
            from: 0,
            batches: 7,
            seed: 0,
            code: PathBuf::new(),
        }
    }

    /// All that a child is told when it is started.
    pub fn to_args(&self) -> Vec<OsString> {
        let kind = match self.kind {
            Kind::Script => "script",
            Kind::Mixed => "mixed",
            Kind::Index => "index",
            Kind::Keep => "keep",
        };
        let durability = match self.durability {
            Durability::None => "none",
            Durability::Each => "each",
            _ => "batch",
        };
        let mut args: Vec<OsString> = vec!["work".into(), kind.into(), durability.into()];
        args.extend([self.from, self.batches, self.seed].map(|number| number.to_string().into()));
        args.extend([self.dir.clone().into(), self.code.clone().into()]);
        args
    }

    /// Reads what [`Work::to_args`] gave, less the first.
    pub fn from_args(args: &[OsString]) -> Option<Self> {
        let [kind, durability, from, batches, seed, dir, code] = args else { return None };
        let number = |arg: &OsString| arg.to_str()?.parse().ok();
        Some(Self {
            kind: match kind.to_str()? {
                "script" => Kind::Script,
                "mixed" => Kind::Mixed,
                "index" => Kind::Index,
                "keep" => Kind::Keep,
                _ => return None,
            },
            durability: match durability.to_str()? {
                "none" => Durability::None,
                "each" => Durability::Each,
                _ => Durability::Batch,
            },
            from: number(from)?,
            batches: number(batches)?,
            seed: number(seed)?,
            dir: dir.into(),
            code: code.into(),
        })
    }

    /// One more than the last tree that may have been put.
    pub fn end(&self) -> u64 {
        let batch = if self.kind == Kind::Script { BATCH } else { LARGEST_BATCH };
        self.from.saturating_add(self.batches.saturating_mul(batch))
    }

    /// The options that the store is opened with.
    pub fn options(&self) -> StoreOptions {
        StoreOptions::new().durability(self.durability).segment_size(SEGMENT)
    }

    /// Does the work.
    pub fn run(&self) -> ExitCode {
        herbarium_store::hush_caught_panics();
        if self.kind == Kind::Index {
            return indexing::run(self);
        }
        let mut session = Session { work: self, store: None, next: self.from };
        // A second try: one fault is over by then. Endless work waits for whoever frees
        // the disk.
        let mut tries = if self.batches >= ENDLESS { 4_000 } else { 2 };
        while !session.open() {
            tries -= 1;
            if tries == 0 {
                return ExitCode::from(3);
            }
            std::thread::sleep(PAUSE);
        }
        match self.kind {
            Kind::Mixed => session.mixed(),
            Kind::Keep => session.keep(),
            _ => session.script(),
        }
        session.close();
        ExitCode::SUCCESS
    }
}

/// Says a line; that nobody listens is no reason to stop.
pub(crate) fn say(line: &Line) {
    // One write for each line, so that it is whole or not there.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// As many batches are endless work: it is killed.
pub const ENDLESS: u64 = 1_000_000;
/// Between two tries to open a store.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

struct Session<'a> {
    work: &'a Work,
    store: Option<Store>,
    next: u64,
}

impl Session<'_> {
    fn open(&mut self) -> bool {
        let store = said("open", Store::open(&self.work.dir, self.work.options()));
        self.store = store;
        if self.store.is_some() {
            say(&Line::Opened);
        }
        self.store.is_some()
    }

    fn close(&mut self) {
        if let Some(store) = self.store.take()
            && said("close", store.close()).is_some()
        {
            say(&Line::Closed);
        }
    }

    fn script(&mut self) {
        for batch in 0..self.work.batches {
            self.put(BATCH);
            self.look(self.next.saturating_sub(2));
            match batch % 7 {
                0 => self.grammar(),
                1 => self.flush(),
                2 => self.manifest(batch + 1),
                3 => self.dictionary(),
                4 => self.seal(),
                5 => {
                    self.query();
                    self.collect();
                }
                _ => self.reopen(),
            }
        }
    }

    fn mixed(&mut self) {
        let mut random = Random::new(self.work.seed);
        for batch in 0..self.work.batches {
            self.put(1 + random.below(LARGEST_BATCH));
            self.look(self.work.from + random.below(self.next - self.work.from));
            match random.below(16) {
                0 | 1 => self.flush(),
                2 => self.manifest(self.work.from + batch + 1),
                3 => self.dictionary(),
                4 => self.seal(),
                5 => self.query(),
                6 => self.reopen(),
                7 => self.grammar(),
                8 if random.once_in(4) => self.verify(),
                9 if random.once_in(4) => self.collect(),
                10 if random.once_in(8) => self.back_up_and_look(),
                _ => {}
            }
        }
    }

    fn put(&mut self, count: u64) {
        if self.store.is_none() {
            // What was in the way when it was to be opened again may be gone.
            self.open();
        }
        for n in self.next..self.next + count {
            let (key, bytes) = (content::key(n), content::bytes(n));
            let dictionary = content::dictionary_of(n);
            let before = content::predecessor(n).map(content::key);
            let put = |store: &Store| {
                let (bytes, dictionary) = (&bytes[..], dictionary.as_ref());
                match &before {
                    Some(before) => {
                        store.put_revision(&key, FINGERPRINT, bytes, dictionary, before)
                    }
                    None => store.put_tree(&key, FINGERPRINT, bytes, dictionary),
                }
                .map(drop)
            };
            if self.twice(&format!("put {n}"), put) {
                say(&Line::Put(n));
            }
        }
        self.next += count;
    }

    /// Reads a tree that was put.
    fn look(&self, n: u64) {
        let Some(store) = &self.store else { return };
        match said("get", store.get_tree(&content::key(n))) {
            Some(Some(found)) if found.bytes != content::bytes(n) => say(&Line::Wrong(n)),
            Some(None) => say(&Line::Missing(n)),
            _ => {}
        }
    }

    fn flush(&self) {
        if self.twice("flush", Store::flush) {
            say(&Line::Flushed);
        }
    }

    fn seal(&self) {
        if self.twice("seal", Store::seal) && self.twice("flush", Store::flush) {
            say(&Line::Flushed);
        }
    }

    fn manifest(&self, n: u64) {
        say(&Line::Trying(n));
        if self.twice("put a manifest", |store| store.put_manifest(&content::manifest(n))) {
            say(&Line::Manifest(n));
        }
    }

    fn dictionary(&self) {
        let put = |store: &Store| store.put_dictionary(&content::dictionary()).map(drop);
        self.twice("put a dictionary", put);
    }

    fn grammar(&self) {
        let put = |store: &Store| match content::grammar() {
            Ok(grammar) => store.put_grammar(&grammar).map(drop),
            Err(_) => Ok(()),
        };
        self.twice("put a grammar table", put);
    }

    fn query(&self) {
        let Some(store) = &self.store else { return };
        let text = format!("({})", self.next);
        let parts = QueryParts { engine: "1", grammar: FINGERPRINT, text: &text };
        store.keep_query(&parts, text.as_bytes());
        if store.kept_query(&parts).is_some_and(|kept| kept != text.as_bytes()) {
            say(&Line::Failed("a kept query is another".into()));
        }
    }

    fn verify(&self) {
        let found = self.store.as_ref().and_then(|store| said("verify", store.verify()));
        for finding in found.into_iter().flat_map(|report| report.findings) {
            say(&Line::Failed(format!("verify found {finding}")));
        }
    }

    /// Nothing is so old that it may go: what is collected are small segments,
    /// which become one.
    fn collect(&self) {
        let options = GcOptions::new().grace(A_CENTURY);
        self.twice("collect garbage", |store| store.gc(&options).map(drop));
    }

    /// Everything that is done to a store as a whole.
    fn keep(&mut self) {
        self.collect();
        let (backup, restored) = (self.beside("backup"), self.beside("restored"));
        self.back_up(&backup);
        self.close();
        let options = MigrateOptions::new();
        let migrate = || Store::migrate(&self.work.dir, &options).map(drop);
        if said("migrate", migrate()).is_none() {
            said("migrate", migrate());
        }
        let overwrite = RestoreOptions::new().overwrite(true);
        if said("restore", Store::restore(&backup, &restored, overwrite)).is_some() {
            say(&Line::Backup(restored.display().to_string()));
        }
        self.open();
    }

    /// A folder beside the store.
    fn beside(&self, name: &str) -> PathBuf {
        let mut path = self.work.dir.clone().into_os_string();
        path.push(".");
        path.push(name);
        path.into()
    }

    /// Makes a backup, if there is none of that name.
    fn back_up(&self, to: &Path) {
        let done = self.twice("back up", |store| match store.backup(to) {
            Err(StoreError::Occupied { .. }) => Ok(()),
            result => result.map(drop),
        });
        if done {
            say(&Line::Backup(to.display().to_string()));
        }
    }

    /// Makes a backup, looks for the newest tree in it, and removes it.
    fn back_up_and_look(&self) {
        let Some(last) = self.next.checked_sub(1) else { return };
        let to = self.beside(&format!("backup-{last}"));
        self.back_up(&to);
        let copy = said("open a backup", Store::open(&to, StoreOptions::new().read_only(true)));
        let found = copy.map(|copy| copy.get_tree(&content::key(last)));
        match found.and_then(|found| said("get from a backup", found)) {
            Some(Some(found)) if found.bytes == content::bytes(last) => {}
            Some(Some(_)) => say(&Line::Wrong(last)),
            _ => say(&Line::Missing(last)),
        }
        // Whoever kills this one finds the rest of it.
        let _ = std::fs::remove_dir_all(to);
    }

    fn reopen(&mut self) {
        self.close();
        if !self.open() {
            self.open();
        }
    }

    /// Does something; if it is refused, once more.
    fn twice(&self, what: &str, deed: impl Fn(&Store) -> Result<(), StoreError>) -> bool {
        let Some(store) = &self.store else { return false };
        said(what, deed(store)).is_some() || said(what, deed(store)).is_some()
    }
}

/// The result, or `None` once its error is told.
fn said<T>(what: &str, result: Result<T, StoreError>) -> Option<T> {
    result.map_err(|error| say(&Line::Failed(format!("{what}: {error}")))).ok()
}
