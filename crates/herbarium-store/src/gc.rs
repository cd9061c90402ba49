//! Collecting garbage: what no manifest needs, what is damaged, what is there twice.

mod plan;
mod rewrite;

use std::time::Duration;

use crate::catalogue::Shrink;
use crate::hold::{exclude_all, only_one};
use crate::pen::Pen;
use crate::segment::Segment;
use crate::{Store, StoreError};

use plan::Plan;
use rewrite::Rewriter;

/// Locked by the one process that collects garbage.
const GC_LOCK: &str = "gc.lock";

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
    /// The catalogue and kept queries count, but half of the limit is always for
    /// trees: a limit smaller than the catalogue cannot be kept.
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
    /// write to, or the catalogue, left no room.
    pub file_bytes_after: u64,
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
            return Ok(Plan::new(self, options, &self.needed()?).report);
        }
        self.may_write("collect garbage")?;
        self.must_be_understood()?;
        let _one = only_one(self.dir(), GC_LOCK, "collecting garbage in it")?;
        let _alone = exclude_all(self.dir(), options.wait)?;
        self.seal()?;
        let sealed = self.seal_left_behind();
        self.refresh()?;
        // First, as what it takes is taken from what there is for trees.
        self.catalogue.shrink(Shrink::IfThereIsAny);
        let needed = self.needed()?;
        let mut plan = Plan::new(self, options, &needed);
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
        let GcReport { trees_removed, bytes_before, bytes_after, .. } = plan.report;
        metrics::counter!("herbarium_store_trees_collected_total").increment(trees_removed);
        tracing::info!(trees_removed, bytes_before, bytes_after, "collected garbage");
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
