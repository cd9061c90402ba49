//! Reading everything there is, to find what is damaged before it is needed.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use herbarium_codec::Fingerprint;

use crate::compress::Scratch;
use crate::record::{Kind, RECORD_HEADER, RecordHeader};
use crate::scan::scan;
use crate::segment::{Context, HEADER, Segment};
use crate::store::{Fault, decode_grammar};
use crate::{Dictionary, DictionaryId, Store, StoreError, TreeKey};

/// What a verification came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Segments looked at.
    pub segments: u64,
    /// Whole records found.
    pub records: u64,
    /// Trees among them.
    pub trees: u64,
    /// Bytes of all records, headers included.
    pub stored_bytes: u64,
    /// Bytes of all trees after decompression.
    pub raw_bytes: u64,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<VerifyFinding>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VerifyFinding {
    /// The file.
    pub path: PathBuf,
    /// Where in it, if it is one place.
    pub offset: Option<u64>,
    /// The key that the damaged record states, if it states one.
    pub key: Option<TreeKey>,
    /// What is wrong.
    pub damage: Damage,
}

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Damage {
    /// No whole record lies there, or its checksum is wrong.
    Record,
    /// The record is whole, but what is in it cannot be used.
    Payload(&'static str),
    /// The index of a sealed segment.
    Index(&'static str),
    /// The file cannot be read.
    Unreadable,
    /// A sealed segment that the catalogue knows is gone.
    SegmentMissing,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("damaged record"),
            Self::Payload(why) => write!(f, "record that cannot be used: {why}"),
            Self::Index(why) => write!(f, "damaged index: {why}"),
            Self::Unreadable => f.write_str("file that cannot be read"),
            Self::SegmentMissing => f.write_str("segment is gone"),
        }
    }
}

impl fmt::Display for VerifyFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(f, ": {}", self.damage)?;
        match self.key {
            Some(key) => write!(f, ", tree {key}"),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Reads every record of every segment, checks every checksum and
    /// decompresses every tree. Whether a tree is the right one for its source
    /// is for those who can parse.
    ///
    /// A damaged record counts as missing from then on, in later processes too,
    /// so that the next index of its workspace heals it.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory cannot be listed.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.refresh()?;
        let mut report = VerifyReport::default();
        let segments = self.shelf.segments();
        for segment in segments.iter() {
            report.segments += 1;
            self.verify_segment(segment, &mut report);
        }
        let here: HashSet<_> = segments.iter().map(Segment::id).collect();
        for row in self.known_segments() {
            if !here.contains(&row.id) {
                report.findings.push(VerifyFinding {
                    path: self.shelf.dir.join(row.id.pack_name()),
                    offset: None,
                    key: None,
                    damage: Damage::SegmentMissing,
                });
            }
        }
        Ok(report)
    }

    fn verify_segment(&self, segment: &Segment, report: &mut VerifyReport) {
        let finding = |offset, key, damage| VerifyFinding {
            path: segment.path().to_owned(),
            offset,
            key,
            damage,
        };
        match segment {
            Segment::Sealed(sealed) => {
                if let Err(why) = sealed.check_whole() {
                    report.findings.push(finding(None, None, Damage::Index(why)));
                }
            }
            Segment::Open(_) if segment.is_salvaged() => {
                let why = "searched record by record";
                report.findings.push(finding(None, None, Damage::Index(why)));
            }
            Segment::Open(_) => {}
        }
        let mut bad = Vec::new();
        let scanned = self.with_scratch(|scratch| {
            let file = File::open(segment.path())?;
            let contexts = segment.contexts();
            let end = segment.records_end();
            let mut places = Vec::new();
            let result = scan(
                &file,
                HEADER as u64,
                end,
                |offset, header, record| {
                    report.records += 1;
                    report.stored_bytes += record.len() as u64;
                    if header.key.kind == Kind::TREE {
                        report.trees += 1;
                        report.raw_bytes += u64::from(header.raw);
                    }
                    if let Err(why) = self.check(header, record, &contexts, scratch) {
                        bad.push((offset, Some(*header), Damage::Payload(why)));
                    }
                },
                |offset| places.push(offset),
            )?;
            if result.end < end {
                places.push(result.end);
            }
            for offset in places {
                let header = u32::try_from(offset).ok().and_then(|it| segment.header_at(it));
                bad.push((offset, header, Damage::Record));
            }
            Ok::<_, std::io::Error>(())
        });
        if scanned.is_err() {
            report.findings.push(finding(None, None, Damage::Unreadable));
        }
        for (offset, header, damage) in bad {
            self.condemn_found(segment, offset, header.as_ref(), damage);
            let of_tree = header.filter(|header| header.key.kind == Kind::TREE);
            let key = of_tree.map(|header| TreeKey(header.key.key));
            report.findings.push(finding(Some(offset), key, damage));
        }
    }

    fn condemn_found(
        &self,
        segment: &Segment,
        offset: u64,
        header: Option<&RecordHeader>,
        damage: Damage,
    ) {
        let why = match damage {
            Damage::Payload(why) => why,
            _ => "wrong checksum",
        };
        if let (Ok(offset), Some(header)) = (u32::try_from(offset), header) {
            self.condemn(segment, offset, &header.key, &Fault::Damaged(why));
        }
    }

    /// Whether what is in a record can be used.
    fn check(
        &self,
        header: &RecordHeader,
        record: &[u8],
        contexts: &[Context],
        scratch: &mut Scratch,
    ) -> Result<(), &'static str> {
        let context = contexts.get(usize::from(header.context)).filter(|it| it.is_known());
        let context = context.ok_or("its context is unknown")?;
        let payload = record.get(RECORD_HEADER..).unwrap_or_default();
        let mut out = Vec::new();
        match header.key.kind {
            Kind::TREE => {
                let dictionary = self.dictionary_of(context.dictionary)?;
                let dictionary = dictionary.as_deref();
                scratch.unpack(header.codec, payload, header.raw, dictionary, &mut out)
            }
            Kind::GRAMMAR => {
                scratch.unpack(header.codec, payload, header.raw, None, &mut out)?;
                let id: Option<[u8; 16]> = header.key.key.first_chunk().copied();
                let grammar = id.and_then(|id| decode_grammar(&out, &Fingerprint(id)));
                grammar.map(drop).ok_or("not that grammar's table")
            }
            Kind::DICTIONARY => {
                scratch.unpack(header.codec, payload, header.raw, None, &mut out)?;
                let found = Dictionary::from_bytes(&out);
                let found = found.filter(|found| found.key() == header.key.key);
                found.map(drop).ok_or("not that dictionary")
            }
            // A context has nothing in it; other kinds are for others to know.
            _ => Ok(()),
        }
    }

    fn dictionary_of(
        &self,
        id: Option<DictionaryId>,
    ) -> Result<Option<std::sync::Arc<Dictionary>>, &'static str> {
        match id {
            Some(id) => self.dictionary(id).map(Some).ok_or("its dictionary is missing"),
            None => Ok(None),
        }
    }
}
