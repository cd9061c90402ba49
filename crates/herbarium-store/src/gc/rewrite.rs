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
        Self { store, plan, pen: None, written, made_whole: 0, damaged: 0, damaged_trees: 0 }
    }

    /// Writes all that has to be written; the old segments are as they were.
    pub(super) fn run(&mut self) -> Result<(), StoreError> {
        let mut buffer = Vec::new();
        for item in self.plan.items.iter().filter(|item| item.stays) {
            let Some(shard) = self.plan.shards.get(item.segment as usize) else { continue };
            if !shard.rewrite {
                continue;
            }
            if let Copied::Damaged = self.copy(&shard.segment, item, &mut buffer)? {
                self.damaged += 1;
                self.damaged_trees += u64::from(item.is_tree());
                let path = shard.segment.path();
                let key = crate::TreeKey(item.key.key);
                let offset = Some(u64::from(item.offset));
                crate::report_damaged(path, offset, Some(&key), "found while collecting");
            }
        }
        self.restore_tables()?;
        self.seal()
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
        let stays = item.front.is_none_or(|front| self.plan.bases.contains(&front.base));
        if stays {
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

    fn seal(&mut self) -> Result<(), StoreError> {
        let Some(pen) = self.pen.take() else { return Ok(()) };
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
    /// Removes what was written anew, and what is noted of segments that are gone.
    pub(super) fn remove_segments(&self, plan: &Plan) -> Result<(), StoreError> {
        let doomed = plan.doomed();
        let dir = &self.shelf.dir;
        let rows = self.known_segments().into_iter().map(|row| row.id);
        let is_gone = |id: &SegmentId| {
            doomed.contains_key(id)
                || !(dir.join(id.pack_name()).exists() || dir.join(id.open_name()).exists())
        };
        // First the rows: a row without a segment is damage, a segment without a row
        // is not.
        let gone: Vec<SegmentId> = rows.filter(is_gone).collect();
        self.copy_to_catalogue(|| self.catalogue.remove_segments(&|| self.contents(), &gone));
        for (id, segment) in &doomed {
            if let Err(error) = fs::remove_file(segment.path()) {
                // Where it is open elsewhere (Windows): the next collection finds copies.
                let segment = segment.path().display();
                tracing::warn!(%segment, %error, "could not remove a segment");
                continue;
            }
            let _ = fs::remove_file(dir.join(id.bad_name()));
        }
        self.remove_notes().at("list", dir)?;
        if !doomed.is_empty() && self.options.durability != Durability::None {
            sync_dir(dir).at("sync", dir)?;
        }
        Ok(())
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
