//! What is left of a store, beside what was said to be in it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use herbarium_store::{Durability, Store, StoreError, StoreOptions};

use crate::content::{self, FINGERPRINT, WORKSPACE};
use crate::{Told, Work};

/// What went before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The end of a process: all that was put is to be there, and nothing is to
    /// be damaged.
    Process,
    /// A power failure: all that was flushed is to be there, and damage is to be
    /// healed.
    Power,
    /// Damage from outside: anything may be gone, nothing may be wrong.
    Damage,
}

/// What a survey came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survey {
    /// Trees that were said to be put.
    pub acknowledged: u64,
    /// Of these, trees that are gone; none that had to be there.
    pub lost: u64,
    /// Of these, trees that are gone while some that were put later are there.
    pub holes: u64,
    /// Places that `verify` found damaged, before and after they were healed.
    pub damaged: u64,
}

/// Opens a store, looks for all that it should have, puts what is missing, looks
/// again, and verifies.
///
/// # Errors
/// Anything that the store promises and does not hold, as a sentence.
pub fn survey(work: &Work, told: &Told, loss: Loss) -> Result<Survey, String> {
    survey_range(work, told, loss, work.from..work.end())
}

/// As [`survey`], for these trees.
///
/// # Errors
/// As [`survey`].
pub fn survey_range(
    work: &Work,
    told: &Told,
    loss: Loss,
    trees: Range<u64>,
) -> Result<Survey, String> {
    if let Some(wrong) = told.wrong.first() {
        return Err(format!("tree {wrong} was wrong while the child worked"));
    }
    let needed = needed(work, told, loss);
    let mut survey = Survey { acknowledged: told.put.len() as u64, ..Survey::default() };
    if let Some(store) = open_reader(&work.dir, !needed.is_empty())? {
        look(&store, &needed, trees.clone())?;
        if loss == Loss::Process {
            check_manifest(&store, told, loss)?;
        }
    }
    let store = open(work)?;
    let there = look(&store, &needed, trees.clone())?;
    let lost: Vec<u64> = told.put.difference(&there).copied().collect();
    survey.lost = lost.len() as u64;
    survey.holes = lost.iter().filter(|n| there.range(*n..).next().is_some()).count() as u64;
    check_manifest(&store, told, loss)?;
    heal(&store, told, trees.clone())?;
    survey.damaged = findings(&store, loss)?;
    store.close().map_err(text("closing the store"))?;
    let store = open(work)?;
    // Verifying may have found more: put again, it is there to stay.
    heal(&store, told, trees.clone())?;
    let all: BTreeSet<u64> = told.put.iter().copied().collect();
    look(&store, &all, trees)?;
    sound(&store)?;
    store.close().map_err(text("closing the store"))?;
    Ok(survey)
}

fn text(what: &'static str) -> impl Fn(StoreError) -> String {
    move |error| {
        use std::error::Error;
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{what}: {error}: {cause}")
    }
}

/// Trees that have to be there.
fn needed(work: &Work, told: &Told, loss: Loss) -> BTreeSet<u64> {
    match (loss, work.durability) {
        (Loss::Process, _) | (Loss::Power, Durability::Each) => told.put.clone(),
        (Loss::Power, Durability::Batch) => told.flushed.clone(),
        _ => BTreeSet::new(),
    }
}

/// The store, opened for reading. There may be none yet if nothing has to be in
/// it.
fn open_reader(dir: &Path, must_be: bool) -> Result<Option<Store>, String> {
    match Store::open(dir, StoreOptions::new().read_only(true)) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::NotAStore { .. } | StoreError::Damaged { .. }) if !must_be => Ok(None),
        // Its folder of segments is the last that is made.
        Err(StoreError::Io { .. }) if !must_be => Ok(None),
        Err(error) => Err(text("opening for reading")(error)),
    }
}

fn open(work: &Work) -> Result<Store, String> {
    let options = work.options().durability(Durability::None);
    Store::open(&work.dir, options).map_err(text("opening for writing"))
}

/// The trees that are there; each of them right.
fn look(store: &Store, needed: &BTreeSet<u64>, trees: Range<u64>) -> Result<BTreeSet<u64>, String> {
    let mut there = BTreeSet::new();
    for n in trees {
        let found = store.get_tree(&content::key(n)).map_err(text("getting a tree"))?;
        match found {
            Some(found) if found.bytes != content::bytes(n) => {
                return Err(format!("tree {n} has other bytes than were put"));
            }
            Some(found) if found.info.fingerprint != FINGERPRINT => {
                return Err(format!("tree {n} is of another grammar than was said"));
            }
            Some(_) => drop(there.insert(n)),
            None if needed.contains(&n) => return Err(format!("tree {n} is lost")),
            None => {}
        }
    }
    Ok(there)
}

/// A manifest that was put is there, or one that was put later, and is whole.
fn check_manifest(store: &Store, told: &Told, loss: Loss) -> Result<(), String> {
    let found = store.manifest(WORKSPACE.as_ref()).map_err(text("getting the manifest"))?;
    let Some(found) = found else {
        return match told.manifest {
            0 => Ok(()),
            _ if loss == Loss::Damage => Ok(()),
            n => Err(format!("manifest {n} is lost")),
        };
    };
    let n = found.taken_ns() as u64;
    if found != content::manifest(n) {
        return Err(format!("manifest {n} is not as it was put"));
    }
    let last = told.tried_manifest.max(told.manifest);
    if n > last || (n < told.manifest && loss != Loss::Damage) {
        return Err(format!("manifest {n} where {} to {last} was put", told.manifest));
    }
    Ok(())
}

/// Puts what was put and is not there, as the next index would.
fn heal(store: &Store, told: &Told, trees: Range<u64>) -> Result<(), String> {
    for n in trees.filter(|n| told.put.contains(n)) {
        let key = content::key(n);
        let dictionary = content::dictionary_of(n);
        store
            .put_tree(&key, FINGERPRINT, &content::bytes(n), dictionary.as_ref())
            .map_err(text("putting a tree again"))?;
        let found = store.get_tree(&key).map_err(text("getting a tree"))?;
        if found.is_none() {
            // It was known to be there and turned out to be damaged: now it can be put.
            let dictionary = dictionary.as_ref();
            store
                .put_tree(&key, FINGERPRINT, &content::bytes(n), dictionary)
                .map_err(text("putting a tree again"))?;
        }
    }
    store.restore_tables().map_err(text("storing tables again"))?;
    if let Some(n) = trees_to_add(told) {
        store.put_manifest(&content::manifest(n)).map_err(text("putting the manifest"))?;
        let found = store.manifest(WORKSPACE.as_ref()).map_err(text("getting the manifest"))?;
        if found != Some(content::manifest(n)) {
            return Err(format!("manifest {n} was put and is not there"));
        }
    }
    Ok(())
}

/// The manifest to be put again, if there was any.
fn trees_to_add(told: &Told) -> Option<u64> {
    (told.tried_manifest != 0).then_some(told.tried_manifest)
}

/// How many damaged places there are; after the end of a process none may be.
fn findings(store: &Store, loss: Loss) -> Result<u64, String> {
    let report = store.verify().map_err(text("verifying"))?;
    match report.findings.first() {
        Some(finding) if loss == Loss::Process => Err(format!("verify found {finding}")),
        _ => Ok(report.findings.len() as u64),
    }
}

/// Nothing is wrong any more, but what is known and replaced.
fn sound(store: &Store) -> Result<(), String> {
    let report = store.verify().map_err(text("verifying"))?;
    let mut open = report.findings.iter().filter(|it| !it.noted && !store.is_replaced(it));
    open.next().map_or(Ok(()), |finding| Err(format!("verify still finds {finding}")))
}
