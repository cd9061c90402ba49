//! Deciding what stays, and which segments are worth writing anew.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use herbarium_codec::Fingerprint;

use super::room::Room;
use super::{GcOptions, GcReport};
use crate::delta::Front;
use crate::heuristics::{GARBAGE_PERCENT, SMALL_PERCENT};
use crate::hold::is_locked;
use crate::pen::Belongs;
use crate::quarantine::WHOLE_SEGMENT;
use crate::record::{Kind, RecordKey};
use crate::segment::{Record, Segment};
use crate::store::Needed;
use crate::{DictionaryId, Store, TreeKey};

/// A record of a segment.
pub(super) struct Item {
    /// Number of the segment in the plan.
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) key: RecordKey,
    pub(super) len: u64,
    pub(super) belongs: Option<Belongs>,
    /// Of a tree that is a difference.
    pub(super) front: Option<Front>,
    pub(super) stays: bool,
    damaged: bool,
    /// Of a tree with several copies, all but one.
    copy: bool,
}

impl Item {
    fn depth(&self) -> u8 {
        self.front.map_or(0, |front| front.depth)
    }

    pub(super) fn is_tree(&self) -> bool {
        self.key.kind == Kind::TREE
    }

    fn dictionary(&self) -> DictionaryId {
        DictionaryId(u64::from_le_bytes(self.key.prefix()))
    }
}

/// A segment as the plan sees it.
pub(super) struct Shard {
    pub(super) segment: Segment,
    /// Nobody writes to it, so that it may be removed.
    free: bool,
    recent: bool,
    bad: bool,
    pub(super) rewrite: bool,
}

impl Shard {
    /// Whether it is open, and nobody's.
    fn left_open(&self, store: &Store) -> bool {
        match &self.segment {
            Segment::Open(open) if !self.free => {
                !is_locked(&store.shelf.dir.join(open.id.lock_name()))
            }
            _ => false,
        }
    }
}

/// What is to be done.
pub(super) struct Plan {
    pub(super) shards: Vec<Shard>,
    /// Those of one segment together, in the order of the file.
    pub(super) items: Vec<Item>,
    /// Bases that can be opened when all is done, besides those written anew whole.
    pub(super) bases: HashSet<TreeKey>,
    /// Tables that trees need and that are in no good record.
    pub(super) missing_grammars: Vec<Fingerprint>,
    pub(super) missing_dictionaries: Vec<DictionaryId>,
    pub(super) report: GcReport,
}

impl Plan {
    pub(super) fn new(store: &Store, options: &GcOptions, room: &Room, needed: &Needed) -> Self {
        let shards = shards(store, options);
        let mut report = GcReport {
            dry_run: options.dry_run,
            manifests: needed.manifests,
            unreadable_manifests: needed.unreadable,
            segments_before: shards.len() as u64,
            bytes_before: shards.iter().map(|shard| shard.segment.file_len()).sum(),
            ..GcReport::default()
        };
        let mut items = items(store, &shards);
        mark_copies(&shards, &mut items);
        let lost_up_to = needed.lost_up_to.filter(|_| !options.despite_lost_manifests);
        for item in &mut items {
            let shard = &shards[item.segment as usize];
            let unknown = needed.unreadable > 0
                || lost_up_to.is_some_and(|lost| shard.segment.sequence() <= lost);
            let wanted = !item.is_tree()
                || shard.recent
                || unknown
                || needed.trees.contains_key(&TreeKey(item.key.key));
            item.stays = wanted && !item.copy && !item.damaged;
        }
        let mut plan = Self {
            shards,
            items,
            bases: HashSet::new(),
            missing_grammars: Vec::new(),
            missing_dictionaries: Vec::new(),
            report,
        };
        if let Some(max_size) = options.max_size {
            plan.keep_most_useful(room.for_trees(max_size), needed);
        }
        plan.choose(store);
        plan.keep_bases();
        plan.keep_tables(store);
        plan.count(&mut report, needed);
        report.file_bytes_after = report.bytes_after + room.beside;
        plan.report = report;
        plan
    }

    /// Whether there is something to remove, and all of it lies where it cannot be: in
    /// segments that nobody writes to and that are not sealed nevertheless.
    pub(super) fn is_stuck(&self, store: &Store, options: &GcOptions) -> bool {
        if self.shards.iter().any(|shard| shard.rewrite) {
            return false;
        }
        let left_open: Vec<bool> = self.shards.iter().map(|shard| shard.left_open(store)).collect();
        let garbage = |item: &Item| !item.stays && left_open[item.segment as usize];
        let too_large = options.max_size.is_some_and(|size| self.report.file_bytes_after > size);
        self.items.iter().any(garbage) || (too_large && left_open.contains(&true))
    }

    /// Drops the least useful trees until the rest fits.
    fn keep_most_useful(&mut self, room: u64, needed: &Needed) {
        let overhead = self.shards.iter().map(|shard| {
            let segment = &shard.segment;
            if shard.free { 0 } else { segment.file_len() }
        });
        let mut taken: u64 = overhead.sum::<u64>() + SEGMENT_OVERHEAD;
        let mut trees: Vec<usize> = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let shard = &self.shards[item.segment as usize];
            if !item.stays || !shard.free {
                continue;
            }
            let time = needed.trees.get(&TreeKey(item.key.key));
            if !item.is_tree() || (shard.recent && time.is_none()) {
                taken += item.len + ENTRY;
            } else {
                trees.push(number);
            }
        }
        let whole = self.whole_lens();
        let usefulness = |number: &usize| {
            let item = &self.items[*number];
            let time = needed.trees.get(&TreeKey(item.key.key));
            let sequence = self.shards[item.segment as usize].segment.sequence();
            std::cmp::Reverse((time.copied(), sequence, item.offset))
        };
        trees.sort_by_key(usefulness);
        let mut full = false;
        for number in trees {
            let item = &mut self.items[number];
            taken += whole.get(&number).copied().unwrap_or(item.len) + ENTRY;
            full |= taken > room;
            item.stays &= !full;
        }
        if full || self.shards.iter().map(|shard| shard.segment.file_len()).sum::<u64>() > room {
            // Whatever can be removed has to be.
            for item in &self.items {
                let shard = &mut self.shards[item.segment as usize];
                shard.rewrite |= shard.free && !item.stays;
            }
        }
    }

    /// Bytes that trees will take, about, that are differences and are made whole because
    /// what they differ from goes: what the tree at the root of the chain takes.
    fn whole_lens(&self) -> HashMap<usize, u64> {
        let bases: HashSet<TreeKey> =
            self.items.iter().filter_map(|item| item.front).map(|front| front.base).collect();
        let is_base = |item: &&Item| item.is_tree() && bases.contains(&TreeKey(item.key.key));
        let bases: HashMap<TreeKey, &Item> =
            self.items.iter().filter(is_base).map(|item| (TreeKey(item.key.key), item)).collect();
        let mut lens = HashMap::new();
        for (number, item) in self.items.iter().enumerate().filter(|(_, item)| item.stays) {
            let (mut at, mut goes) = (item, false);
            // Each base has less depth, and a damaged store may say otherwise.
            for _ in 0..=u8::MAX {
                let Some(base) = at.front.and_then(|front| bases.get(&front.base)) else { break };
                goes |= !base.stays;
                at = base;
            }
            if goes {
                lens.insert(number, at.len.max(item.len));
            }
        }
        lens
    }

    /// Grammar tables and dictionaries stay where a tree that is left needs them, and
    /// where they are new.
    fn keep_tables(&mut self, store: &Store) {
        let shards = &self.shards;
        let is_left =
            |item: &Item| !item.damaged && (item.stays || !shards[item.segment as usize].rewrite);
        let trees = self.items.iter().filter(|item| item.is_tree() && is_left(item));
        let used: HashSet<Belongs> = trees.filter_map(|item| item.belongs).collect();
        let mut grammars: HashSet<Fingerprint> = used.iter().map(|belongs| belongs.0).collect();
        let current = grammars.iter().filter_map(|grammar| store.current_dictionary(grammar));
        let mut dictionaries: HashSet<DictionaryId> =
            used.iter().filter_map(|belongs| belongs.1).chain(current).collect();
        for item in &mut self.items {
            let of_used = item.belongs.is_some_and(|belongs| grammars.contains(&belongs.0));
            let used = match item.key.kind {
                Kind::DICTIONARY => dictionaries.contains(&item.dictionary()),
                Kind::GRAMMAR | Kind::PARSE_TABLE => of_used,
                // Whatever it is, it is not ours to judge.
                _ => true,
            };
            item.stays &= used || shards[item.segment as usize].recent;
        }
        for item in self.items.iter().filter(|item| is_left(item)) {
            match item.key.kind {
                Kind::DICTIONARY => drop(dictionaries.remove(&item.dictionary())),
                Kind::GRAMMAR => drop(item.belongs.map(|belongs| grammars.remove(&belongs.0))),
                _ => {}
            }
        }
        self.missing_grammars = grammars.into_iter().collect();
        self.missing_dictionaries = dictionaries.into_iter().collect();
    }

    /// Chooses the segments to write anew.
    fn choose(&mut self, store: &Store) {
        let mut garbage = vec![0u64; self.shards.len()];
        for item in self.items.iter().filter(|item| !item.stays) {
            garbage[item.segment as usize] += item.len;
        }
        let small = store.options.segment_size.saturating_mul(SMALL_PERCENT) / 100;
        let mut merge = Vec::new();
        for (number, (shard, garbage)) in self.shards.iter_mut().zip(garbage).enumerate() {
            let len = shard.segment.file_len();
            let worth = garbage > 0 && garbage.saturating_mul(100) >= len * GARBAGE_PERCENT;
            shard.rewrite = shard.free && (shard.rewrite || shard.bad || worth);
            if shard.free && !shard.rewrite && len < small {
                merge.push(number);
            }
        }
        let rewritten = self.shards.iter().any(|shard| shard.rewrite);
        if merge.len() > 1 || (rewritten && !merge.is_empty()) {
            merge.into_iter().for_each(|number| self.shards[number].rewrite = true);
        }
    }

    /// Keeps what is not needed itself, but by a difference that stays as it is.
    fn keep_bases(&mut self) {
        let shards = &self.shards;
        let rewritten = |item: &Item| shards[item.segment as usize].rewrite;
        let left = self.items.iter().filter(|item| !rewritten(item) && !item.damaged);
        let needed: HashSet<TreeKey> =
            left.filter_map(|item| item.front).map(|front| front.base).collect();
        let all: HashSet<TreeKey> =
            self.items.iter().filter_map(|item| item.front).map(|front| front.base).collect();
        for item in self.items.iter_mut().filter(|item| all.contains(&TreeKey(item.key.key))) {
            let key = TreeKey(item.key.key);
            let good = item.is_tree() && !item.damaged && !item.copy;
            if good && !item.stays && needed.contains(&key) {
                item.stays = true;
            }
            if good && (item.stays || !shards[item.segment as usize].rewrite) {
                self.bases.insert(key);
            }
        }
    }

    fn count(&self, report: &mut GcReport, needed: &Needed) {
        let mut after = 0;
        for item in &self.items {
            let gone = self.shards[item.segment as usize].rewrite && !item.stays;
            report.damaged_removed += u64::from(gone && item.damaged);
            report.copies_removed += u64::from(gone && item.copy && !item.damaged);
            if self.shards[item.segment as usize].rewrite && item.stays {
                after += item.len + ENTRY;
            }
            if !item.is_tree() || item.copy || item.damaged {
                continue;
            }
            let is_needed = needed.trees.contains_key(&TreeKey(item.key.key));
            report.trees_removed += u64::from(gone);
            report.trees_kept += u64::from(!gone);
            report.needed_removed += u64::from(gone && is_needed);
            report.unneeded_kept += u64::from(!gone && !is_needed);
        }
        let (gone, left): (Vec<_>, Vec<_>) = self.shards.iter().partition(|shard| shard.rewrite);
        report.segments_rewritten = gone.len() as u64;
        report.segments_after = left.len() as u64 + u64::from(after > 0);
        let kept: u64 = left.iter().map(|shard| shard.segment.file_len()).sum();
        report.bytes_after = kept + after + if after > 0 { SEGMENT_OVERHEAD } else { 0 };
    }

    /// The records of a segment, in the order of the file.
    pub(super) fn items_of(&self, number: u32) -> &[Item] {
        let begin = self.items.partition_point(|item| item.segment < number);
        let end = self.items.partition_point(|item| item.segment <= number);
        self.items.get(begin..end).unwrap_or_default()
    }

    /// Whether a record can be copied as it is: it needs nothing that goes.
    pub(super) fn can_stay_a_difference(&self, item: &Item) -> bool {
        item.front.is_none_or(|front| self.bases.contains(&front.base))
    }
}

/// Bytes of a sealed segment besides records and key table, about.
const SEGMENT_OVERHEAD: u64 = 2 << 10;
/// Bytes of a record in the key table.
const ENTRY: u64 = 12;

fn shards(store: &Store, options: &GcOptions) -> Vec<Shard> {
    let segments = store.shelf.segments();
    let mut shards: Vec<Shard> = segments.iter().map(|it| shard(store, options, it)).collect();
    // Oldest first: what is written anew keeps its order.
    shards.sort_by_key(|shard| (shard.segment.sequence(), shard.segment.id()));
    shards
}

fn shard(store: &Store, options: &GcOptions, segment: &Segment) -> Shard {
    let free = match segment {
        Segment::Sealed(_) => true,
        Segment::Open(_) if segment.is_salvaged() => true,
        // Those left behind were sealed, unless nothing is to be changed.
        Segment::Open(open) => {
            options.dry_run
                && (open.is_ours() || !is_locked(&store.shelf.dir.join(open.id.lock_name())))
        }
    };
    let bad = segment.is_salvaged() || store.shelf.quarantine.has_any_of(segment.id());
    let recent = is_recent(segment, options.grace);
    Shard { segment: segment.clone(), free, recent, bad, rewrite: false }
}

/// Whether it was written to within the time of grace. A time in the future, after
/// the clock was set back, says nothing: then it may be recent.
fn is_recent(segment: &Segment, grace: Duration) -> bool {
    let written = std::fs::metadata(segment.path()).and_then(|file| file.modified());
    let Ok(written) = written else { return true };
    SystemTime::now().duration_since(written).map_or(!grace.is_zero(), |age| age < grace)
}

fn items(store: &Store, shards: &[Shard]) -> Vec<Item> {
    let mut items = Vec::new();
    for (number, shard) in (0..).zip(shards) {
        let segment = &shard.segment;
        let contexts = segment.contexts();
        // What could not be read may be good.
        let known = |offset| store.shelf.quarantine.has_damaged(segment.id(), offset);
        let damaged = |offset| offset == WHOLE_SEGMENT || known(offset);
        for (offset, header) in segment.headers() {
            let context = contexts.get(usize::from(header.context)).filter(|it| it.is_known());
            items.push(Item {
                segment: number,
                offset,
                key: header.key,
                len: header.record_len() as u64,
                belongs: context.map(|context| (context.fingerprint, context.dictionary)),
                front: segment.front_at(offset, &header),
                stays: false,
                damaged: damaged(offset) || context.is_none(),
                copy: false,
            });
        }
    }
    items
}

/// Marks all copies of a record but the best: one that is whole, takes the fewest
/// differences, and lies in a segment that stays if there is one.
fn mark_copies(shards: &[Shard], items: &mut [Item]) {
    let mut by_key: HashMap<RecordKey, u32> = HashMap::with_capacity(items.len());
    let mut several: HashMap<RecordKey, Vec<u32>> = HashMap::new();
    for (number, item) in (0u32..).zip(items.iter()).filter(|(_, item)| !item.damaged) {
        if let Some(first) = by_key.insert(item.key, number) {
            several.entry(item.key).or_insert_with(|| vec![first]).push(number);
        }
    }
    for mut copies in several.into_values() {
        copies.sort_unstable();
        copies.dedup();
        let order = |number: &u32| {
            let item = &items[*number as usize];
            let shard = &shards[item.segment as usize];
            (!is_whole(shard, item), item.depth(), shard.free, shard.bad)
        };
        copies.sort_by_key(order);
        copies.into_iter().skip(1).for_each(|number| items[number as usize].copy = true);
    }
}

fn is_whole(shard: &Shard, item: &Item) -> bool {
    let mut buffer = Vec::new();
    let bytes = shard.segment.bytes_at(item.offset, item.len, &mut buffer);
    bytes.is_some_and(|bytes| Record::check(item.offset, bytes, &item.key).is_ok())
}
