//! Reading everything there is, to find what is damaged before it is needed.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use herbarium_codec::{Fingerprint, ParseTable};

use crate::compress::Scratch;
use crate::files::SegmentId;
use crate::quarantine::{Quarantine, WHOLE_SEGMENT};
use crate::record::{Kind, RECORD_HEADER, RecordHeader, RecordKey};
use crate::scan::scan;
use crate::segment::{Context, HEADER, Record, Segment};
use crate::store::{Fault, decode_grammar, parse_table_key};
use crate::{Dictionary, Store, StoreError, TreeKey};

/// How often the segments are listed anew while others seal and collect.
const ROUNDS: usize = 8;

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
    /// Whether it was noted in the store before: it counted as missing since
    /// then, so that whoever needed it has put it again.
    pub noted: bool,
    /// The key that the damaged record states, of whatever kind it is.
    pub(crate) record: Option<RecordKey>,
    /// Of a grammar table or dictionary: trees that were put with it, and whether the
    /// catalogue has a copy.
    pub(crate) table: Option<(u64, bool)>,
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
        if let Some(key) = self.key {
            write!(f, ", tree {key}")?;
        }
        let Some((trees, copied)) = self.table else { return Ok(()) };
        let what = match self.record.map(|record| record.kind) {
            Some(Kind::DICTIONARY) => "dictionary",
            _ => "grammar table",
        };
        write!(f, ", the {what} of {trees} stored trees: ")?;
        f.write_str(match copied {
            true => "they are opened with its copy in the catalogue, and the next index stores it again",
            false => "there is no copy, and the next index presses again what cannot be opened without it",
        })
    }
}

impl Store {
    /// Reads every record of every segment, checks every checksum and
    /// decompresses every tree. Whether a tree is the right one for its source
    /// is for those who can parse.
    ///
    /// What is damaged is noted, counts as missing from then on, in later
    /// processes too, so that the next index of its workspace heals it. The
    /// damaged bytes stay where they are until [`Store::gc`], and are found each time:
    /// see [`Store::is_replaced`] and [`VerifyFinding::noted`].
    ///
    /// # Errors
    /// [`StoreError::Io`] if the store's directory cannot be listed.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.refresh()?;
        let mut report = VerifyReport::default();
        let mut verified = HashSet::new();
        for round in 0..ROUNDS {
            let mut moved = false;
            for segment in self.shelf.segments().iter() {
                if verified.contains(&segment.id()) {
                    continue;
                }
                // Sealed or collected since it was listed: what was in it lies elsewhere.
                moved |= !segment.path().exists();
                if segment.path().exists() || round + 1 == ROUNDS {
                    report.segments += 1;
                    self.verify_segment(segment, &mut report);
                    verified.insert(segment.id());
                }
            }
            if !moved {
                break;
            }
            self.refresh()?;
        }
        for id in self.missing_segments() {
            let path = self.shelf.dir.join(id.pack_name());
            let damage = Damage::SegmentMissing;
            let noted = self.note_segment(id);
            let (offset, key, record) = (None, None, None);
            report.findings.push(VerifyFinding {
                path,
                offset,
                key,
                damage,
                noted,
                record,
                table: None,
            });
        }
        Ok(report)
    }

    /// Sealed segments that the catalogue knows and that are not there.
    pub(crate) fn missing_segments(&self) -> Vec<SegmentId> {
        let names = |id: SegmentId| [id.pack_name(), id.open_name()];
        let is_there = |id| names(id).iter().any(|name| self.shelf.dir.join(name).exists());
        let rows = self.known_segments();
        let missing: HashSet<SegmentId> =
            rows.into_iter().map(|row| row.id).filter(|id| !is_there(*id)).collect();
        if missing.is_empty() {
            return Vec::new();
        }
        // A collection forgets a segment before it removes it: one that went on purpose
        // is no longer known.
        let rows = self.known_segments().into_iter().map(|row| row.id);
        rows.filter(|id| missing.contains(id)).collect()
    }

    /// Whether the record that a finding is about is in the store once more,
    /// under the key that the damaged one states: the damage is healed.
    ///
    /// ```
    /// use herbarium_store::{Store, StoreOptions};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let store = Store::open(dir.path().join("store"), StoreOptions::new())?;
    /// let findings = store.verify()?.findings;
    /// let open = findings.iter().filter(|finding| !store.is_replaced(finding));
    /// assert_eq!(open.count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_replaced(&self, finding: &VerifyFinding) -> bool {
        finding.record.is_some_and(|key| self.shelf.contains(&key))
    }

    fn verify_segment(&self, segment: &Segment, report: &mut VerifyReport) {
        let path = || segment.path().to_owned();
        match self.damaged_records(segment, report) {
            Ok(bad) => {
                for whole in whole_damage(segment, bad.is_empty()) {
                    report.findings.push(VerifyFinding {
                        path: path(),
                        offset: None,
                        key: None,
                        damage: Damage::Index(whole),
                        noted: self.note_segment(segment.id()),
                        record: None,
                        table: None,
                    });
                }
                for Bad { offset, header, damage } in bad {
                    let record = header.map(|header| header.key);
                    let noted = self.note_record(segment, offset, record.as_ref(), damage);
                    let table = record.filter(|key| !self.shelf.contains(key));
                    let table = table.and_then(|key| self.table_lost(&key));
                    let of_tree = record.filter(|key| key.kind == Kind::TREE);
                    report.findings.push(VerifyFinding {
                        path: path(),
                        offset: Some(offset),
                        key: of_tree.map(|key| TreeKey(key.key)),
                        damage,
                        // What can be stored again is not healed by being noted.
                        noted: noted && !table.is_some_and(|(_, copied)| copied),
                        record,
                        table,
                    });
                }
            }
            Err(_) => report.findings.push(VerifyFinding {
                path: path(),
                offset: None,
                key: None,
                damage: Damage::Unreadable,
                noted: false,
                record: None,
                table: None,
            }),
        }
    }

    /// Reads all records of a segment and counts them; gives those that are
    /// damaged, and the places where none can be read.
    fn damaged_records(
        &self,
        segment: &Segment,
        report: &mut VerifyReport,
    ) -> io::Result<Vec<Bad>> {
        let file = File::open(segment.path())?;
        let (contexts, end) = (segment.contexts(), segment.records_end());
        let (mut bad, mut places) = (Vec::new(), Vec::new());
        let mut good = HashSet::new();
        let scanned = self.with_scratch(|scratch| {
            let found = |offset, header: &RecordHeader, record: &[u8]| {
                good.insert(offset);
                report.records += 1;
                report.stored_bytes += record.len() as u64;
                if header.key.kind == Kind::TREE {
                    report.trees += 1;
                    report.raw_bytes += u64::from(header.raw);
                }
                if let Err(why) = self.check(header, record, &contexts, scratch) {
                    let damage = Damage::Payload(why);
                    bad.push(Bad { offset, header: Some(*header), damage });
                }
            };
            scan(&file, HEADER as u64, end, found, |offset| places.push(offset))
        })?;
        if scanned.end < end {
            places.push(scanned.end);
        }
        places.extend(self.astray(segment, &good, &places));
        bad.extend(places.into_iter().map(|offset| {
            let header = u32::try_from(offset).ok().and_then(|it| segment.header_at(it));
            Bad { offset, header, damage: Damage::Record }
        }));
        Ok(bad)
    }

    /// Offsets at which the index says that a record is, and none is: where one place
    /// was passed over there may have been several. Told only if the index is good.
    fn astray(&self, segment: &Segment, good: &HashSet<u64>, places: &[u64]) -> Vec<u64> {
        let Segment::Sealed(sealed) = segment else { return Vec::new() };
        let known = |offset: &u64| good.contains(offset) || places.contains(offset);
        let offsets = sealed.all_offsets().into_iter().map(u64::from);
        let mut astray: Vec<u64> = offsets.filter(|offset| !known(offset)).collect();
        astray.sort_unstable();
        if sealed.check_table().is_err() {
            for offset in astray.drain(..) {
                self.note_record(segment, offset, None, Damage::Record);
            }
        }
        astray
    }

    /// Notes a damaged record, so that it counts as missing; says whether that
    /// was done before.
    fn note_record(
        &self,
        segment: &Segment,
        offset: u64,
        key: Option<&RecordKey>,
        damage: Damage,
    ) -> bool {
        let why = match damage {
            Damage::Payload(why) => why,
            _ => "wrong checksum",
        };
        // Records lie below 4 GiB.
        let Ok(offset) = u32::try_from(offset) else { return false };
        let noted = self.shelf.quarantine.has(segment.id(), offset);
        self.condemn(segment, offset, key, &Fault::Damaged(why));
        noted
    }

    /// Notes that there was something wrong with a segment as a whole; says
    /// whether that was done before.
    fn note_segment(&self, id: SegmentId) -> bool {
        let noted = !self.shelf.quarantine.add(id, WHOLE_SEGMENT);
        if !noted && !self.is_read_only() {
            // Best effort: without it the next process finds out for itself.
            let _ = Quarantine::persist(&self.shelf.dir, id, WHOLE_SEGMENT);
        }
        noted
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
                let offset = 0; // Not looked at.
                let record = Record { offset, header: *header, payload, context: Some(*context) };
                self.open_tree(&record, scratch, &mut out).map(drop).map_err(|fault| match fault {
                    Fault::Damaged(why) | Fault::Unavailable(why) => why,
                    Fault::AnotherCopy => "not the tree that was looked for",
                })
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
            Kind::PARSE_TABLE => {
                scratch.unpack(header.codec, payload, header.raw, None, &mut out)?;
                let key = parse_table_key(&context.fingerprint);
                let grammar = self.grammar(&context.fingerprint).ok().flatten();
                let grammar = grammar.ok_or("its grammar table is missing")?;
                let table = ParseTable::from_bytes(&out, &grammar).ok();
                let table = table.filter(|_| key == header.key);
                table.map(drop).ok_or("not that grammar's parse table")
            }
            // A context has nothing in it; other kinds are for others to know.
            _ => Ok(()),
        }
    }
}

/// A damaged record, or a place where none can be read.
struct Bad {
    offset: u64,
    /// What lies there, if it looks like a header.
    header: Option<RecordHeader>,
    damage: Damage,
}

/// What is wrong with a segment besides its records.
fn whole_damage(segment: &Segment, records_are_good: bool) -> Vec<&'static str> {
    let Segment::Sealed(sealed) = segment else {
        return if segment.is_salvaged() { vec!["searched record by record"] } else { Vec::new() };
    };
    let mut wrong: Vec<_> = sealed.check_table().err().into_iter().collect();
    // A damaged record, which is told by itself, changes this checksum, too.
    if records_are_good {
        wrong.extend(sealed.check_content().err());
    }
    wrong
}
