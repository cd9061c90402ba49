//! How much there is.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::path::Path;

use herbarium_codec::Fingerprint;

use crate::marker::QUERIES;
use crate::record::{Kind, RecordHeader};
use crate::segment::Segment;
use crate::{Store, StoreError};

/// What a store holds. A tree that two processes put at the same moment is
/// stored twice and counted once, and one that is known to be damaged is not
/// counted; `file_bytes` alone has them all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Trees.
    pub trees: u64,
    /// Different grammar tables.
    pub grammars: u64,
    /// Different dictionaries.
    pub dictionaries: u64,
    /// Segments, sealed or open.
    pub segments: u64,
    /// Sealed segments.
    pub sealed_segments: u64,
    /// Bytes of all trees, uncompressed.
    pub raw_bytes: u64,
    /// Bytes of all trees as they are stored, record headers included.
    pub stored_bytes: u64,
    /// Bytes of all files of the store, the catalogue included.
    pub file_bytes: u64,
    /// The trees of each grammar, most bytes first.
    pub per_grammar: Vec<GrammarStats>,
}

/// The trees of one grammar.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GrammarStats {
    /// The grammar.
    pub fingerprint: Fingerprint,
    /// Its name, if its table is in the store.
    pub name: Option<String>,
    /// Its trees.
    pub trees: u64,
    /// Their bytes, uncompressed.
    pub raw_bytes: u64,
    /// Their bytes as they are stored, record headers included.
    pub stored_bytes: u64,
}

fn bytes_of_files(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.metadata().ok()).filter(Metadata::is_file);
    files.map(|file| file.len()).sum()
}

impl Store {
    /// Bytes of the catalogue and of kept queries.
    pub(crate) fn bytes_beside_segments(&self) -> u64 {
        bytes_of_files(self.dir()) + bytes_of_files(&self.dir().join(QUERIES))
    }

    /// Bytes of all files of the store.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.bytes_beside_segments() + bytes_of_files(&self.shelf.dir)
    }

    /// Counts what is there, from the segments' own tables: no tree is read.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory cannot be listed.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        self.refresh()?;
        let mut stats = Stats::default();
        let mut grammars: BTreeMap<Fingerprint, GrammarStats> = BTreeMap::new();
        for segment in self.shelf.segments().iter() {
            stats.segments += 1;
            stats.sealed_segments += u64::from(segment.is_sealed());
            stats.file_bytes += segment.file_len();
            for context in segment.contexts() {
                let row = grammars.entry(context.fingerprint).or_insert_with(|| GrammarStats {
                    fingerprint: context.fingerprint,
                    name: None,
                    trees: 0,
                    raw_bytes: 0,
                    stored_bytes: 0,
                });
                row.trees += u64::from(context.trees);
                row.raw_bytes += context.raw;
                row.stored_bytes += context.stored;
            }
        }
        self.take_off_surplus(&mut grammars);
        self.count_specials(&mut stats);
        stats.file_bytes += fs::metadata(self.catalogue_path()).map_or(0, |file| file.len());
        for row in grammars.into_values().filter(|row| row.trees > 0) {
            stats.trees += row.trees;
            stats.raw_bytes += row.raw_bytes;
            stats.stored_bytes += row.stored_bytes;
            let grammar = self.grammar(&row.fingerprint)?;
            let name = grammar.map(|grammar| grammar.name().to_owned());
            stats.per_grammar.push(GrammarStats { name, ..row });
        }
        stats.per_grammar.sort_by_key(|row| std::cmp::Reverse(row.stored_bytes));
        Ok(stats)
    }

    /// Takes off what the segments' own figures count once too often.
    fn take_off_surplus(&self, grammars: &mut BTreeMap<Fingerprint, GrammarStats>) {
        let segments = self.shelf.segments();
        let contexts: Vec<_> = segments.iter().map(Segment::contexts).collect();
        for (place, header) in self.surplus(&segments) {
            let context = contexts.get(place).and_then(|of| of.get(usize::from(header.context)));
            let Some(row) = context.and_then(|context| grammars.get_mut(&context.fingerprint))
            else {
                continue;
            };
            row.trees = row.trees.saturating_sub(1);
            row.raw_bytes = row.raw_bytes.saturating_sub(u64::from(header.raw));
            row.stored_bytes = row.stored_bytes.saturating_sub(header.record_len() as u64);
        }
    }

    /// Trees of which another copy is found first, and those that are known to be
    /// damaged: the number of their segment and their header.
    ///
    /// Only the key tables are looked at, a 256th part of them at a time, and
    /// the few records that they give reason to.
    fn surplus(&self, segments: &[Segment]) -> Vec<(usize, RecordHeader)> {
        let mut surplus = Vec::new();
        if segments.len() < 2 && self.shelf.quarantine.is_empty() {
            return surplus;
        }
        for first in 0..=u8::MAX {
            let mut entries: Vec<([u8; 8], usize, u32)> = Vec::new();
            for (place, segment) in segments.iter().enumerate() {
                let found = segment.places_from(first);
                entries.extend(found.into_iter().map(|(prefix, offset)| (prefix, place, offset)));
            }
            entries.sort_unstable();
            for alike in entries.chunk_by(|a, b| a.0 == b.0) {
                self.surplus_among(segments, alike, &mut surplus);
            }
        }
        surplus
    }

    /// The same among entries whose keys begin alike.
    fn surplus_among(
        &self,
        segments: &[Segment],
        alike: &[([u8; 8], usize, u32)],
        surplus: &mut Vec<(usize, RecordHeader)>,
    ) {
        let quarantine = &self.shelf.quarantine;
        let mut seen = HashSet::new();
        for &(_, place, offset) in alike {
            let Some(segment) = segments.get(place) else { continue };
            let damaged = quarantine.has(segment.id(), offset);
            if alike.len() == 1 && !damaged {
                return;
            }
            let header = segment.header_at(offset).filter(|it| it.key.kind == Kind::TREE);
            if let Some(header) = header.filter(|it| damaged || !seen.insert(it.key)) {
                surplus.push((place, header));
            }
        }
    }

    fn count_specials(&self, stats: &mut Stats) {
        let mut seen = HashSet::new();
        for segment in self.shelf.segments().iter() {
            let specials = segment.specials();
            seen.extend(
                specials.iter().filter_map(|offset| segment.header_at(*offset)).map(|it| it.key),
            );
        }
        let count = |kind| seen.iter().filter(|key| key.kind == kind).count() as u64;
        stats.grammars = count(Kind::GRAMMAR);
        stats.dictionaries = count(Kind::DICTIONARY);
    }
}
