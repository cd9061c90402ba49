//! How much there is.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use herbarium_codec::Fingerprint;

use crate::{Store, StoreError};

/// What a store holds. A tree that two processes put at the same moment may be
/// stored, and counted, twice.
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

impl Store {
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

    fn count_specials(&self, stats: &mut Stats) {
        use crate::record::Kind;
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
