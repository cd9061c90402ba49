//! Writing anew what stays of a segment, before the segment goes.

use std::fs::{self, File};
use std::time::SystemTime;

use herbarium_codec::Fingerprint;

use super::plan::{Item, Plan};
use crate::compress::Scratch;
use crate::error::IoContext;
use crate::files::{SegmentFile, SegmentId, segment_file, sync_dir};
use crate::pen::{Belongs, Pen};
use crate::record::{RECORD_HEADER, RecordHeader, RecordKey};
use crate::segment::{Context, Record, Segment};
use crate::store::{dictionary_key, grammar_key};
use crate::{Durability, Store, StoreError};

/// Copies records into new segments.
pub(super) struct Rewriter<'a> {
    store: &'a Store,
    plan: &'a Plan,
    pen: Option<Pen>,
    /// When what lies in the segment being written was written first.
    written: SystemTime,
    /// Segments of which all that stays was written, since the last one was sealed.
    done: Vec<u32>,
    pub(super) made_whole: u64,
    /// Records that turned out to be damaged, and trees among them.
    pub(super) damaged: u64,
    pub(super) damaged_trees: u64,
}

/// What became of a record.
enum Copied {
    Yes,
    Damaged,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(store: &'a Store, plan: &'a Plan) -> Self {
        let written = SystemTime::UNIX_EPOCH;
        let done = Vec::new();
        Self { store, plan, pen: None, written, done, made_whole: 0, damaged: 0, damaged_trees: 0 }
    }

    /// Writes what has to be written, and removes each old segment once what stays of it
    /// is safe: it takes no more room than one segment, and what is made whole.
    pub(super) fn run(&mut self) -> Result<(), StoreError> {
        let done = self.rewrite();
        if done.is_err()
            && let Some(pen) = self.pen.take()
        {
            // Nothing in it but copies.
            pen.abandon();
        }
        done
    }

    fn rewrite(&mut self) -> Result<(), StoreError> {
        self.restore_tables()?;
        // What has to be made whole goes first: what it differs from may lie in any of the
        // segments that are going to be removed.
        for number in self.rewritten() {
            self.copy_items(number, |plan, item| !plan.can_stay_a_difference(item))?;
        }
        self.seal()?;
        for number in self.rewritten() {
            self.copy_items(number, Plan::can_stay_a_difference)?;
            self.done.push(number);
        }
        self.seal()
    }

    /// Numbers of the segments to write anew.
    fn rewritten(&self) -> Vec<u32> {
        let numbered = (0..).zip(&self.plan.shards);
        numbered.filter(|(_, shard)| shard.rewrite).map(|(number, _)| number).collect()
    }

    fn copy_items(
        &mut self,
        number: u32,
        wanted: impl Fn(&Plan, &Item) -> bool,
    ) -> Result<(), StoreError> {
        let plan = self.plan;
        let Some(shard) = plan.shards.get(number as usize) else { return Ok(()) };
        let mut buffer = Vec::new();
        for item in plan.items_of(number).iter().filter(|it| it.stays && wanted(plan, it)) {
            if let Copied::Damaged = self.copy(&shard.segment, item, &mut buffer)? {
                self.damaged += 1;
                self.damaged_trees += u64::from(item.is_tree());
                let path = shard.segment.path();
                let key = crate::TreeKey(item.key.key);
                let offset = Some(u64::from(item.offset));
                crate::report_damaged(path, offset, Some(&key), "found while collecting");
            }
        }
        Ok(())
    }

    fn copy(
        &mut self,
        segment: &Segment,
        item: &Item,
        buffer: &mut Vec<u8>,
    ) -> Result<Copied, StoreError> {
        // The index knows it: what cannot be read now may be good, and must not go.
        let bytes = segment.bytes_at(item.offset, item.len, buffer);
        let bytes = bytes.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        let bytes = bytes.at("read", segment.path())?;
        let Ok(mut record) = Record::check(item.offset, bytes, &item.key) else {
            return Ok(Copied::Damaged);
        };
        let Some(belongs) = item.belongs else { return Ok(Copied::Damaged) };
        record.context = Some(Context::new(belongs.0, belongs.1));
        self.begin(segment)?;
        if self.plan.can_stay_a_difference(item) {
            let mut bytes = bytes.to_vec();
            self.append(record.header, belongs, &mut bytes)?;
            return Ok(Copied::Yes);
        }
        let store = self.store;
        let made = store.with_scratch(|scratch| whole(store, &record, scratch));
        let Some((header, mut bytes)) = made else { return Ok(Copied::Damaged) };
        self.made_whole += 1;
        self.append(header, belongs, &mut bytes)?;
        Ok(Copied::Yes)
    }

    /// Writes the tables that trees need and that are in no good record any more, where
    /// the catalogue has a copy.
    fn restore_tables(&mut self) -> Result<(), StoreError> {
        for grammar in &self.plan.missing_grammars {
            let Some(table) = self.store.grammar(grammar)? else { continue };
            self.put_table(grammar_key(grammar), *grammar, &table.to_bytes())?;
        }
        for id in &self.plan.missing_dictionaries {
            let Some(dictionary) = self.store.dictionary(*id) else { continue };
            let (key, grammar) = (dictionary_key(&dictionary), dictionary.fingerprint());
            self.put_table(key, grammar, &dictionary.to_bytes())?;
        }
        Ok(())
    }

    fn put_table(
        &mut self,
        key: RecordKey,
        grammar: Fingerprint,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let compression = self.store.options.compression;
        let (codec, mut record) = self.store.with_scratch(|scratch| {
            (scratch.pack(bytes, compression, None), std::mem::take(&mut scratch.record))
        });
        let header = header_of(key, codec, bytes.len(), record.len());
        if self.pen.is_none() {
            let pen = Pen::begin(&self.store.shelf, self.store.options.durability, None)?;
            self.pen = Some(pen);
        }
        self.append(header, (grammar, None), &mut record)
    }

    /// Sees to it that there is a segment to write to, as old as what is written.
    fn begin(&mut self, source: &Segment) -> Result<(), StoreError> {
        let written = fs::metadata(source.path()).and_then(|file| file.modified());
        self.written = self.written.max(written.unwrap_or_else(|_| SystemTime::now()));
        if self.pen.is_none() {
            let durability = self.store.options.durability;
            let pen = Pen::begin(&self.store.shelf, durability, Some(source.sequence()))?;
            self.pen = Some(pen);
        }
        Ok(())
    }

    fn append(
        &mut self,
        header: RecordHeader,
        belongs: Belongs,
        record: &mut [u8],
    ) -> Result<(), StoreError> {
        let Some(pen) = &mut self.pen else { return Ok(()) };
        pen.append(header, belongs, record)?;
        if pen.is_full(self.store.options.segment_size) {
            self.seal()?;
        }
        Ok(())
    }

    /// Seals what was written, and removes what is of no use any more then.
    fn seal(&mut self) -> Result<(), StoreError> {
        if let Some(pen) = self.pen.take() {
            self.seal_segment(pen)?;
        }
        let done = std::mem::take(&mut self.done);
        let doomed = done.iter().filter_map(|number| self.plan.shards.get(*number as usize));
        self.store.remove_segments(&doomed.map(|shard| &shard.segment).collect::<Vec<_>>())
    }

    fn seal_segment(&mut self, pen: Pen) -> Result<(), StoreError> {
        let path = self.store.shelf.dir.join(pen.segment.id.pack_name());
        self.store.seal_segment(pen)?;
        // What was no longer new is not new again for having been moved. Where that
        // cannot be noted it stays a little longer.
        if self.written > SystemTime::UNIX_EPOCH {
            let _ = File::open(path).and_then(|file| file.set_modified(self.written));
        }
        self.written = SystemTime::UNIX_EPOCH;
        Ok(())
    }
}

/// The record of a tree that was stored as a difference, without its base.
fn whole(
    store: &Store,
    record: &Record<'_>,
    scratch: &mut Scratch,
) -> Option<(RecordHeader, Vec<u8>)> {
    let mut bytes = Vec::new();
    let info = store.open_tree(record, scratch, &mut bytes).ok()?;
    let codec = scratch.pack(&bytes, store.options.compression, info.dictionary.as_deref());
    let packed = std::mem::take(&mut scratch.record);
    let key = record.header.key;
    Some((header_of(key, codec, bytes.len(), packed.len()), packed))
}

fn header_of(key: RecordKey, codec: u8, raw: usize, record: usize) -> RecordHeader {
    let stored = record.saturating_sub(RECORD_HEADER) as u32;
    RecordHeader { checksum: 0, key, codec, context: 0, flags: 0, raw: raw as u32, stored }
}

impl Store {
    /// Removes segments of which all that stays was written elsewhere.
    fn remove_segments(&self, doomed: &[&Segment]) -> Result<(), StoreError> {
        if doomed.is_empty() {
            return Ok(());
        }
        let dir = &self.shelf.dir;
        // First the rows: a row without a segment is damage, a segment without a row
        // is not.
        let ids: Vec<SegmentId> = doomed.iter().map(|segment| segment.id()).collect();
        self.copy_to_catalogue(|| self.catalogue.remove_segments(&|| self.contents(), &ids));
        for segment in doomed {
            if let Err(error) = fs::remove_file(segment.path()) {
                // Where it is open elsewhere (Windows): the next collection finds copies.
                let segment = segment.path().display();
                tracing::warn!(%segment, %error, "could not remove a segment");
                continue;
            }
            let _ = fs::remove_file(dir.join(segment.id().bad_name()));
        }
        if self.options.durability != Durability::None {
            sync_dir(dir).at("sync", dir)?;
        }
        Ok(())
    }

    /// Forgets what is noted of segments that are gone.
    pub(super) fn forget_missing(&self) -> Result<(), StoreError> {
        let missing = self.missing_segments();
        self.copy_to_catalogue(|| self.catalogue.remove_segments(&|| self.contents(), &missing));
        self.remove_notes().at("list", &self.shelf.dir)
    }

    /// Removes notes about segments that are gone.
    fn remove_notes(&self) -> std::io::Result<()> {
        let dir = &self.shelf.dir;
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name();
            let Some(SegmentFile::Bad(id)) = name.to_str().and_then(segment_file) else { continue };
            if !dir.join(id.pack_name()).exists() && !dir.join(id.open_name()).exists() {
                let _ = fs::remove_file(dir.join(name));
            }
        }
        Ok(())
    }
}
