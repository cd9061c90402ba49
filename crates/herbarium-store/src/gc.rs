//! Collecting garbage: what no manifest needs, what is damaged, what is there twice.

mod plan;
mod rewrite;
mod room;

use std::time::Duration;

use crate::catalogue::Shrink;
use crate::hold::{exclude_all, only_one};
use crate::pen::Pen;
use crate::segment::Segment;
use crate::store::Needed;
use crate::{Store, StoreError};

use plan::Plan;
use rewrite::Rewriter;
use room::Room;

/// Locked by the one process that collects garbage.
const GC_LOCK: &str = "gc.lock";
/// How often it is tried to keep to a size limit.
const ROUNDS: u8 = 3;

/// What [`Store::gc`] may remove, and how long it waits.
///
/// ```
/// use std::time::Duration;
/// use herbarium_store::GcOptions;
///
/// let options = GcOptions::new().max_size(1 << 30).grace(Duration::ZERO).dry_run(true);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct GcOptions {
    pub(crate) max_size: Option<u64>,
    pub(crate) grace: Duration,
    pub(crate) wait: Duration,
    pub(crate) dry_run: bool,
    pub(crate) despite_lost_manifests: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self {
            max_size: None,
            grace: Duration::from_secs(3_600),
            wait: Duration::from_secs(30),
            dry_run: false,
            despite_lost_manifests: false,
        }
    }
}

impl GcOptions {
    /// The defaults: no size limit, an hour of grace, half a minute of waiting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes the least useful trees, too, until the store takes at most this many
    /// bytes. Useful is, first, what a manifest names, those of the manifest
    /// taken last before others; then what was written last. What is not named by any
    /// manifest goes first.
    ///
    /// All files count. If those besides segments take more than half of the limit, kept
    /// queries go, catalogues that were set aside as damaged, and manifests: first those
    /// that were taken longest ago, the newest only if it alone takes more than the limit.
    /// Trees get the rest. An empty catalogue takes some 60 KB, and grammar tables and
    /// dictionaries stay in it: a smaller limit cannot be kept.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// How long a tree stays that no manifest names, from when its segment was last
    /// written to. For those who put trees without a [`Hold`](crate::Hold): with
    /// holds around all indexing, zero is as safe.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long to wait for those who hold the store.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Changes nothing: says what would be done. Sizes are estimates then. That can be
    /// asked of a store that was opened for reading, too.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Removes trees that were there when the catalogue was lost, too. Which of
    /// them are needed is not known then, so that they are kept otherwise: say so once
    /// all workspaces were indexed anew.
    pub fn despite_lost_manifests(mut self, despite: bool) -> Self {
        self.despite_lost_manifests = despite;
        self
    }
}

/// What a collection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct GcReport {
    /// Whether nothing was changed: then what follows is what would be.
    pub dry_run: bool,
    /// Manifests that say what is needed.
    pub manifests: u64,
    /// Manifests that were removed as the size limit left no room for them: the next
    /// index of their workspaces reads all files, and presses those that have no tree.
    pub manifests_removed: u64,
    /// Manifests that cannot be read. If there is one, no tree is removed for not
    /// being needed.
    pub unreadable_manifests: u64,
    /// Segments before.
    pub segments_before: u64,
    /// Segments after.
    pub segments_after: u64,
    /// Segments that were removed, what was good in them written anew.
    pub segments_rewritten: u64,
    /// Trees that stay.
    pub trees_kept: u64,
    /// Trees that were removed, those of the next line included.
    pub trees_removed: u64,
    /// Trees that a manifest names and the size limit left no room for: they are
    /// pressed again when their workspaces are indexed next.
    pub needed_removed: u64,
    /// Trees that stay although no manifest names them: they are new, or it is not
    /// known whether they are needed, or their segment is not worth writing anew.
    pub unneeded_kept: u64,
    /// Damaged records that were removed.
    pub damaged_removed: u64,
    /// Copies of trees that were removed because there was another.
    pub copies_removed: u64,
    /// Trees that were stored as differences and are whole now.
    pub made_whole: u64,
    /// Bytes of all segments before.
    pub bytes_before: u64,
    /// Bytes of all segments after.
    pub bytes_after: u64,
    /// Bytes of all files of the store after, catalogue and kept queries included: what
    /// [`GcOptions::max_size`] limits. More than that where segments that others
    /// write to, or what stays of the catalogue, left no room.
    pub file_bytes_after: u64,
}

impl GcReport {
    /// What this and a later collection came to.
    fn and(&self, later: &Self) -> Self {
        Self {
            segments_before: self.segments_before,
            segments_rewritten: self.segments_rewritten + later.segments_rewritten,
            trees_removed: self.trees_removed + later.trees_removed,
            needed_removed: self.needed_removed + later.needed_removed,
            damaged_removed: self.damaged_removed + later.damaged_removed,
            copies_removed: self.copies_removed + later.copies_removed,
            made_whole: self.made_whole + later.made_whole,
            bytes_before: self.bytes_before,
            ..*later
        }
    }
}

impl Store {
    /// Removes what no manifest needs, what is damaged and what is there twice, and
    /// merges small segments.
    ///
    /// Kept are the trees that a manifest names ([`Store::remove_manifest`] forgets a
    /// workspace), with the grammar tables, dictionaries and parse tables they
    /// need; trees that others were just putting, see [`GcOptions::grace`]; and trees
    /// in segments with too little garbage
    /// ([`GARBAGE_PERCENT`](crate::heuristics::GARBAGE_PERCENT)) to be worth writing
    /// anew. A segment with damage is always written anew: after what was damaged has
    /// been put again, [`Store::verify`] finds nothing.
    ///
    /// Other processes may read and write meanwhile. Those that have a segment
    /// open that is removed go on reading it; those that miss look again. Whoever
    /// wants to [hold](Store::hold) the store waits until the collection is done. A
    /// segment that another process is writing to is left alone.
    ///
    /// However it ends, nothing that is needed is lost: what stays of a segment is
    /// written elsewhere and synced before the segment is removed.
    ///
    /// ```
    /// use herbarium_store::{GcOptions, Store, StoreOptions};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let store = Store::open(dir.path().join("store"), StoreOptions::new())?;
    /// let report = store.gc(&GcOptions::new())?;
    /// assert_eq!((report.trees_kept, report.trees_removed), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Version`] for a store of a later minor version, in which things may
    /// be needed in ways that are not known here;
    /// [`StoreError::Busy`] if the store is held for longer than it may wait, or
    /// another process is collecting; [`StoreError::Catalogue`] if it cannot be known
    /// what is needed; [`StoreError::Io`] if a segment cannot be written, or could not be
    /// sealed and nothing else was to be removed. In all cases nothing is lost.
    pub fn gc(&self, options: &GcOptions) -> Result<GcReport, StoreError> {
        if options.dry_run {
            self.must_be_understood()?;
            let _hold = self.hold()?;
            let room = Room::reckon(self, options);
            let mut report = Plan::new(self, options, &room, &self.needed()?).report;
            report.manifests_removed = room.manifests;
            return Ok(report);
        }
        self.may_write("collect garbage")?;
        self.must_be_understood()?;
        let _one = only_one(self.dir(), GC_LOCK, "collecting garbage in it")?;
        let _alone = exclude_all(self.dir(), options.wait)?;
        self.seal()?;
        let mut sealed = self.seal_left_behind();
        self.refresh()?;
        // First, as what it takes is taken from what there is for trees.
        self.catalogue.shrink(Shrink::IfThereIsAny);
        // What a manifest needs that has to go is the least useful, and not new.
        let needed = self.needed()?;
        let manifests_removed = Room::make(self, options)?;
        let mut came_to = None;
        let mut all: Option<GcReport> = None;
        for _ in 0..ROUNDS {
            let room = Room { came_to, ..Room::reckon(self, options) };
            let sealed = std::mem::replace(&mut sealed, Ok(()));
            let report = self.collect(options, &room, &needed, sealed)?;
            let removed = report.trees_removed;
            let report = all.map_or(report, |before| before.and(&report));
            all = Some(report);
            // Trees that were made whole may take more than was reckoned.
            let limit = options.max_size.unwrap_or(u64::MAX);
            if report.file_bytes_after <= limit || removed == 0 {
                break;
            }
            came_to = Some((room.for_trees(limit), report.bytes_after));
        }
        let report = GcReport { manifests_removed, ..all.unwrap_or_default() };
        let GcReport { trees_removed, bytes_before, bytes_after, .. } = report;
        metrics::counter!("herbarium_store_trees_collected_total").increment(trees_removed);
        tracing::info!(trees_removed, bytes_before, bytes_after, "collected garbage");
        Ok(report)
    }

    /// Collects once.
    fn collect(
        &self,
        options: &GcOptions,
        room: &Room,
        needed: &Needed,
        sealed: Result<(), StoreError>,
    ) -> Result<GcReport, StoreError> {
        let mut plan = Plan::new(self, options, room, needed);
        if plan.is_stuck(self, options) {
            sealed?;
        }
        let mut rewriter = Rewriter::new(self, &plan);
        rewriter.run()?;
        let Rewriter { made_whole, damaged, damaged_trees, .. } = rewriter;
        plan.report.made_whole = made_whole;
        plan.report.damaged_removed += damaged;
        plan.report.trees_kept = plan.report.trees_kept.saturating_sub(damaged_trees);
        self.forget_missing()?;
        if options.despite_lost_manifests {
            self.forget_loss();
        }
        self.catalogue.shrink(Shrink::IfThereIsAny);
        self.refresh()?;
        let segments = self.shelf.segments();
        plan.report.segments_after = segments.len() as u64;
        plan.report.bytes_after = segments.iter().map(Segment::file_len).sum();
        plan.report.file_bytes_after = self.file_bytes();
        Ok(plan.report)
    }

    /// Seals what processes that ended left behind, so that it can be collected. The
    /// first error is given when all of them were tried.
    pub(crate) fn seal_left_behind(&self) -> Result<(), StoreError> {
        let mut all = Ok(());
        for segment in self.shelf.segments().iter() {
            let Segment::Open(open) = segment else { continue };
            if segment.is_salvaged() {
                continue;
            }
            let sealed = match Pen::take_over(&self.shelf, open.id) {
                Ok(Some(pen)) => pen.seal(&self.shelf, self.options.durability),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = sealed {
                tracing::warn!(%error, "could not seal a segment that a process left behind");
                all = all.and(Err(error));
            }
        }
        all
    }
}
