//! What the catalogue holds copies of: all that the segments know.

use crate::catalogue::{Contents, SegmentRow};
use crate::segment::{Sealed, Segment};
use crate::{Store, StoreError};

use super::tables::Special;

impl Store {
    /// What a new catalogue is filled with: all that the segments know.
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        let mut dictionaries = Vec::new();
        for (age, special) in self.specials(|_| true) {
            match special {
                Special::Grammar(id, bytes) => contents.grammars.push((id, bytes)),
                Special::Dictionary(dictionary) => dictionaries.push((age, dictionary)),
            }
        }
        dictionaries.sort_by_key(|(age, _)| *age);
        contents.dictionaries = dictionaries
            .into_iter()
            .map(|(_, it)| (it.id(), it.fingerprint(), it.to_bytes()))
            .collect();
        contents.newest = self.shelf.segments().iter().map(Segment::sequence).max();
        contents.found = self.found;
        contents.segments = self
            .shelf
            .segments()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Sealed(sealed) => Some(segment_row(sealed)),
                Segment::Open(_) => None,
            })
            .collect();
        contents
    }

    /// The catalogue holds copies: that one could not be made is no failure.
    pub(crate) fn copy_to_catalogue(&self, copy: impl FnOnce() -> Result<(), StoreError>) {
        if let Err(error) = copy() {
            tracing::warn!(%error, "going on without a copy in the catalogue");
        }
    }

    pub(crate) fn known_segments(&self) -> Vec<SegmentRow> {
        self.catalogue.segments(&|| self.contents())
    }
}

pub(super) fn segment_row(sealed: &Sealed) -> SegmentRow {
    SegmentRow {
        id: sealed.id,
        sequence: sealed.sequence(),
        file_len: sealed.file_len(),
        records: sealed.entries(),
    }
}
