//! The container: header and section table, around whatever sections there are.
//!
//! ```text
//! 0   magic "HRBT"      4
//! 4   major, minor      2
//! 6   flags             1   reserved, 0
//! 7   section count     1
//! 8   grammar           16  fingerprint
//! 24  book              8   shape book, 0 for none
//! 32  source hash       8   XXH3-64 of the source
//! 40  source length     4   bytes
//! 44  node count        4
//! 48  section table     16 an entry: id 1, encoding 1, reserved 2, length 4, checksum 8
//! ```
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::wire::Reader;
use crate::{BookId, DecodeError, Fingerprint, MAX_SOURCE_LEN};

/// First four bytes of a pressed tree.
pub const MAGIC: [u8; 4] = *b"HRBT";
/// Major version of the format: other majors are refused.
pub const FORMAT_MAJOR: u8 = 1;
/// Minor version of the format: newer minors are read, what they added is skipped.
pub const FORMAT_MINOR: u8 = 0;
/// Length of the header before the section table.
pub(crate) const HEADER_LEN: usize = 48;
/// Length of an entry of the section table.
pub(crate) const ENTRY_LEN: usize = 16;
/// The tree itself. Required.
pub(crate) const SECTION_TREE: u8 = 1;
/// Sections from here on may be skipped by a reader that does not know them.
pub(crate) const FIRST_OPTIONAL: u8 = 128;
/// Kept free for what a parser needs to go on from a tree. Optional.
pub(crate) const SECTION_RESUME: u8 = 129;
/// The grammar table, inline: makes the file readable on its own. Optional.
pub(crate) const SECTION_GRAMMAR: u8 = 130;
/// The only encoding of the sections known here: as they are.
pub(crate) const PLAIN: u8 = 0;

/// What the first bytes of a pressed tree say about it, without opening it.
///
/// ```
/// # let grammar = std::sync::Arc::new(herbarium_codec::doc::sums());
/// # let tree = herbarium_codec::doc::one_plus_two(&grammar);
/// let bytes = herbarium_codec::encode(&tree);
/// let header = herbarium_codec::Header::read(&bytes)?;
/// assert_eq!(header.node_count, 4);
/// assert_eq!(header.grammar, grammar.fingerprint());
/// # Ok::<(), herbarium_codec::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Major version of the format.
    pub major: u8,
    /// Minor version of the format.
    pub minor: u8,
    /// Grammar that the tree was pressed with.
    pub grammar: Fingerprint,
    /// Shape book needed to open it, if any.
    pub book: Option<BookId>,
    /// XXH3-64 of the source, see [`crate::source_hash`].
    pub source_hash: u64,
    /// Length of the source, in bytes.
    pub source_len: u32,
    /// Number of nodes.
    pub node_count: u32,
    pub(crate) sections: u8,
}

impl Header {
    /// Reads the header. Cost: constant; the sections are not looked at.
    ///
    /// # Errors
    /// Wrong magic, another major version, a source length of 2^32 - 1, or
    /// fewer than 48 bytes. Damage to other fields shows when the tree is
    /// opened: the header is part of every section's checksum.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        let mut found = [0; 4];
        found.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        if found != MAGIC {
            return Err(DecodeError::Magic { what: "a pressed tree", expected: MAGIC, found });
        }
        reader.take(MAGIC.len(), "magic")?;
        let (major, minor) = (reader.u8("major version")?, reader.u8("minor version")?);
        if major != FORMAT_MAJOR {
            return Err(DecodeError::Version {
                what: "pressed tree",
                found_major: major,
                found_minor: minor,
                supported: FORMAT_MAJOR,
            });
        }
        let flags = reader.u8("flags")?;
        let newer = minor > FORMAT_MINOR;
        if flags != 0 && !newer {
            return Err(invalid("flags", 6, "0", format!("{flags:#04x}")));
        }
        let sections = reader.u8("section count")?;
        let grammar = Fingerprint(reader.array("grammar fingerprint")?);
        let book = u64::from_le_bytes(reader.array("shape book")?);
        let source_hash = u64::from_le_bytes(reader.array("source hash")?);
        let source_len = u32::from_le_bytes(reader.array("source length")?);
        if u64::from(source_len) > MAX_SOURCE_LEN {
            let limit = format!("at most {MAX_SOURCE_LEN}");
            return Err(invalid("source length", 40, &limit, source_len.to_string()));
        }
        let node_count = u32::from_le_bytes(reader.array("node count")?);
        let book = (book != 0).then_some(BookId(book));
        Ok(Self { major, minor, grammar, book, source_hash, source_len, node_count, sections })
    }

    /// Starts a container in `out`; [`finish`] completes it.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.major, self.minor, 0, self.sections]);
        out.extend_from_slice(&self.grammar.0);
        out.extend_from_slice(&self.book.map_or(0, |book| book.0).to_le_bytes());
        out.extend_from_slice(&self.source_hash.to_le_bytes());
        out.extend_from_slice(&self.source_len.to_le_bytes());
        out.extend_from_slice(&self.node_count.to_le_bytes());
    }
}

/// A section of a container: its place and its bytes, checksum verified.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

/// The sections of a container that this library knows.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'a> {
    pub(crate) tree: Section<'a>,
    pub(crate) grammar: Option<Section<'a>>,
}

/// Reads the section table and verifies the checksum of every section, known
/// or not.
pub(crate) fn read_sections<'a>(
    bytes: &'a [u8],
    header: &Header,
) -> Result<Sections<'a>, DecodeError> {
    let seed = header_hash(bytes)?;
    let table = bytes.get(HEADER_LEN..).unwrap_or_default();
    let mut reader = Reader::new(table, HEADER_LEN);
    let (mut tree, mut grammar) = (None, None);
    let mut next =
        HEADER_LEN.saturating_add(ENTRY_LEN.saturating_mul(usize::from(header.sections)));
    for left in (0..header.sections).rev() {
        let entry = Entry::read(&mut reader)?;
        let section = entry.section(bytes, next, left == 0, seed)?;
        next = section.offset.saturating_add(section.bytes.len());
        let place = match entry.id {
            SECTION_TREE => &mut tree,
            SECTION_GRAMMAR => &mut grammar,
            FIRST_OPTIONAL.. => {
                entry.check_reserved(header)?;
                continue;
            }
            _ => return Err(entry.unknown(header)),
        };
        entry.check_plain(header)?;
        if place.replace(section).is_some() {
            let found = format!("section {} twice", entry.id);
            return Err(invalid("section table", entry.offset, "each section once", found));
        }
    }
    let tree =
        tree.ok_or_else(|| invalid("section table", HEADER_LEN, "a tree section", "none".into()))?;
    Ok(Sections { tree, grammar })
}

/// An entry of the section table.
struct Entry {
    /// Where the entry itself stands.
    offset: usize,
    id: u8,
    encoding: u8,
    reserved: [u8; 2],
    /// Length of the section; 0 in the last entry, whose section is the rest.
    len: u32,
    checksum: u64,
}

impl Entry {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            offset: reader.offset(),
            id: reader.u8("section id")?,
            encoding: reader.u8("section encoding")?,
            reserved: reader.array("reserved bytes of a section")?,
            len: u32::from_le_bytes(reader.array("section length")?),
            checksum: u64::from_le_bytes(reader.array("section checksum")?),
        })
    }

    /// The section, which starts at `offset`: sections lie one after another,
    /// and the last goes on to the end.
    fn section<'a>(
        &self,
        bytes: &'a [u8],
        offset: usize,
        last: bool,
        seed: u64,
    ) -> Result<Section<'a>, DecodeError> {
        if last && self.len != 0 {
            let place = self.offset.saturating_add(4);
            return Err(invalid("length of the last section", place, "0", self.len.to_string()));
        }
        let left = bytes.len().saturating_sub(offset);
        let len = if last { left } else { self.len as usize };
        let section = bytes.get(offset..offset.saturating_add(len));
        let section = section.ok_or(DecodeError::Truncated {
            what: "section",
            offset,
            needed: len as u64,
            left: left as u64,
        })?;
        let (expected, found) = (self.checksum, xxh3_64_with_seed(section, seed));
        if found != expected {
            return Err(DecodeError::Checksum { what: "section", offset, expected, found });
        }
        Ok(Section { bytes: section, offset })
    }

    fn check_plain(&self, header: &Header) -> Result<(), DecodeError> {
        if self.encoding != PLAIN {
            let offset = self.offset.saturating_add(1);
            return Err(invalid("section encoding", offset, "0", self.encoding.to_string()));
        }
        self.check_reserved(header)
    }

    /// A newer minor may have given the reserved bytes a meaning.
    fn check_reserved(&self, header: &Header) -> Result<(), DecodeError> {
        let newer = header.minor > FORMAT_MINOR;
        if self.reserved != [0; 2] && !newer {
            let (offset, found) = (self.offset.saturating_add(2), format!("{:?}", self.reserved));
            return Err(invalid("reserved bytes of a section", offset, "0", found));
        }
        Ok(())
    }

    fn unknown(&self, header: &Header) -> DecodeError {
        DecodeError::UnknownSection {
            id: self.id,
            offset: self.offset,
            found_major: header.major,
            found_minor: header.minor,
            supported_major: FORMAT_MAJOR,
            supported_minor: FORMAT_MINOR,
        }
    }
}

/// The header is guarded by seeding every section's checksum with its hash.
fn header_hash(bytes: &[u8]) -> Result<u64, DecodeError> {
    let header = bytes.get(..HEADER_LEN).ok_or(DecodeError::Truncated {
        what: "header",
        offset: 0,
        needed: HEADER_LEN as u64,
        left: bytes.len() as u64,
    })?;
    Ok(xxh3_64(header))
}

fn invalid(what: &'static str, offset: usize, expected: &str, found: String) -> DecodeError {
    DecodeError::Invalid { what, offset, expected: expected.to_owned(), found }
}

/// Writes a container: the header, then each section behind its table entry.
/// `body` fills the tree section straight into the output.
pub(crate) fn write(
    out: &mut Vec<u8>,
    header: &Header,
    grammar: Option<&[u8]>,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    header.put(out);
    let seed = xxh3_64(out.get(start..).unwrap_or_default());
    let table = out.len();
    let entries = usize::from(header.sections).saturating_mul(ENTRY_LEN);
    out.resize(table.saturating_add(entries), 0);
    let tree = out.len();
    body(out);
    let inline = out.len();
    out.extend_from_slice(grammar.unwrap_or_default());
    put_entry(out, table, SECTION_TREE, tree..inline, seed);
    if grammar.is_some() {
        let (entry, end) = (table.saturating_add(ENTRY_LEN), out.len());
        put_entry(out, entry, SECTION_GRAMMAR, inline..end, seed);
    }
}

/// Fills the table entry at `entry` for a section.
fn put_entry(out: &mut [u8], entry: usize, id: u8, section: Range<usize>, seed: u64) {
    let len = if section.end == out.len() { 0 } else { section.len() };
    let checksum = xxh3_64_with_seed(out.get(section).unwrap_or_default(), seed);
    let mut bytes = [0; ENTRY_LEN];
    let parts = [&[id, PLAIN, 0, 0], &(len as u32).to_le_bytes()[..], &checksum.to_le_bytes()];
    bytes.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    if let Some(to) = out.get_mut(entry..entry.saturating_add(ENTRY_LEN)) {
        to.copy_from_slice(&bytes);
    }
}
