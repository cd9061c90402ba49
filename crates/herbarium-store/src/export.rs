//! Trees on their own: out of one store, into another, as `docs/format/export-v1.md`
//! describes them.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use herbarium_codec::{DecodeError, Decoder, Fingerprint, Grammar, Header, ShapeBook, Tree};
use xxhash_rust::xxh3::xxh3_64;

use crate::compress::check_length;
use crate::record::MAX_PAYLOAD;
use crate::wire::Reader;
use crate::{KeyParts, Put, Store, StoreError, TreeKey};

pub(crate) const MAGIC: [u8; 4] = *b"HRBT";
pub(crate) const MAJOR: u8 = 1;
pub(crate) const MINOR: u8 = 0;
/// Length of the fixed part.
pub(crate) const FIXED: usize = 112;
const CHECKSUM: usize = 8;
pub(crate) const MAX_TEXT: usize = 255;
pub(crate) const MAX_PATH: usize = 64 << 10;
pub(crate) const MAX_RANGES: usize = 65_536;
/// Level of zstd: files are read far from where they were written, and once.
const LEVEL: i32 = 12;

/// What a tree was made of, besides its grammar and the source: with these two it
/// gives the key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Provenance {
    /// Id of the language.
    pub language: String,
    /// Version of the tree-sitter runtime.
    pub runtime: String,
    /// Options, as in [`KeyParts::options`].
    pub options: u64,
    /// Byte ranges that were parsed, or none for the whole source.
    pub included_ranges: Vec<(u32, u32)>,
    /// Where the source was found: for people, may be empty.
    pub path: Vec<u8>,
}

/// A tree with all that is needed to open it.
///
/// ```
/// use std::sync::Arc;
/// use herbarium_store::{ExportedTree, KeyParts, Provenance, Store, StoreOptions, TreeKey};
///
/// # let dir = tempfile::tempdir()?;
/// # let (here, there) = (dir.path().join("here"), dir.path().join("there"));
/// # let grammar = Arc::new(herbarium_codec::doc::sums());
/// # let tree = herbarium_codec::doc::one_plus_two(&grammar);
/// # let (source, fingerprint) = (b"1 + 2", grammar.fingerprint());
/// let here = Store::open(here, StoreOptions::new())?;
/// # let key = KeyParts { runtime: "0.27.1", language: "sums", grammar: fingerprint, options: 0,
/// #     included_ranges: &[], source }.key();
/// # here.put_grammar(&grammar)?;
/// # here.put_tree(&key, fingerprint, &herbarium_codec::encode(&tree), None)?;
/// let of = Provenance { language: "sums".into(), runtime: "0.27.1".into(), ..Provenance::default() };
/// let file = here.export_tree(&key, of)?.ok_or("there is a tree")?.to_bytes();
///
/// let exported = ExportedTree::from_bytes(&file)?;
/// assert!(exported.is_of(source));
/// let there = Store::open(there, StoreOptions::new())?;
/// there.import_tree(&exported)?;
/// assert!(there.contains(&key)? && there.grammar(&fingerprint)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct ExportedTree {
    key: TreeKey,
    of: Provenance,
    grammar: Arc<Grammar>,
    header: Header,
    bytes: Vec<u8>,
}

/// Why bytes are no exported tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// They do not begin as one.
    #[error("not an exported tree: expected the magic bytes {MAGIC:02x?}, found {found:02x?}")]
    Magic {
        /// The first bytes; zeroes where there were fewer.
        found: [u8; 4],
    },
    /// They are of a format that this library does not read.
    #[error(
        "the exported tree has format version {found_major}.{found_minor} with features {features:#x}, \
         this library reads {MAJOR}.{MINOR}: update Herbarium, or export it again with this version"
    )]
    Version {
        /// Major version of the bytes.
        found_major: u8,
        /// Minor version of the bytes.
        found_minor: u8,
        /// Required features of the bytes.
        features: u16,
    },
    /// They are damaged.
    #[error("the exported tree is damaged: expected {expected}, found {found}: export it again")]
    Damaged {
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The grammar table or the tree in it cannot be opened.
    #[error("the exported tree is whole, but {what} in it cannot be opened: export it again")]
    Content {
        /// Which part.
        what: &'static str,
        /// Why not.
        source: DecodeError,
    },
    /// It is longer than the one who reads it allows.
    #[error("the exported tree takes {len} bytes when it is unpacked, the limit is {limit}")]
    OverLimit {
        /// How long grammar table and tree are.
        len: u64,
        /// How long they may be.
        limit: u64,
    },
    /// Something in it is longer than the format allows.
    #[error("could not export {what} of {len} bytes or entries: the format allows {limit}")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// How long it is.
        len: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl ExportedTree {
    /// Puts one together. `bytes` is bytecode made without a shape book, for the tree
    /// with this key.
    ///
    /// # Errors
    /// [`ExportError::Content`] if the bytecode does not open with the grammar,
    /// [`ExportError::TooLarge`] beyond the limits of the format.
    pub fn new(
        key: TreeKey,
        of: Provenance,
        grammar: Arc<Grammar>,
        bytes: Vec<u8>,
    ) -> Result<Self, ExportError> {
        let limits = [
            ("a language id", of.language.len(), MAX_TEXT),
            ("a runtime version", of.runtime.len(), MAX_TEXT),
            ("a path", of.path.len(), MAX_PATH),
            ("included ranges", of.included_ranges.len(), MAX_RANGES),
            ("a tree", bytes.len(), MAX_PAYLOAD as usize),
        ];
        for (what, len, limit) in limits {
            if len > limit {
                return Err(ExportError::TooLarge { what, len, limit });
            }
        }
        let header = herbarium_codec::verify(&bytes, &grammar)
            .map_err(|source| ExportError::Content { what: "the tree", source })?;
        Ok(Self { key, of, grammar, header, bytes })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ExportError`]; whatever the bytes are, nothing else happens.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ExportError> {
        read(bytes, u64::MAX)
    }

    /// Reads one from whoever may have made it to harm: a few kilobytes can be unpacked to
    /// gigabytes. Nothing is unpacked if grammar table and tree are longer than `most` then.
    /// Opening the tree takes up to twelve times its length more.
    ///
    /// # Errors
    /// [`ExportError::OverLimit`], and those of [`ExportedTree::from_bytes`].
    pub fn from_bytes_within(bytes: &[u8], most: u64) -> Result<Self, ExportError> {
        read(bytes, most)
    }

    /// The file: magic number, version, what it is of, grammar table, tree and checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let table = self.grammar.to_bytes();
        // Can fail for want of memory only; what is read back then is damaged.
        let frame = |raw: &[u8]| zstd::bulk::compress(raw, LEVEL).unwrap_or_default();
        let (grammar, tree) = (frame(&table), frame(&self.bytes));
        let Provenance { language, runtime, options, included_ranges, path } = &self.of;
        let mut out = Vec::with_capacity(FIXED.saturating_add(tree.len()));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[MAJOR, MINOR, 0, 0]);
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.grammar.fingerprint().0);
        out.extend_from_slice(&options.to_le_bytes());
        out.extend_from_slice(&self.header.source_hash.to_le_bytes());
        out.extend_from_slice(&self.header.source_len.to_le_bytes());
        let counts = [language.len(), runtime.len(), path.len(), included_ranges.len()];
        let lengths = [table.len(), grammar.len(), self.bytes.len(), tree.len(), 0];
        for count in counts.into_iter().chain(lengths) {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        out.extend_from_slice(language.as_bytes());
        out.extend_from_slice(runtime.as_bytes());
        out.extend_from_slice(path);
        for (start, end) in included_ranges {
            out.extend_from_slice(&start.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(&grammar);
        out.extend_from_slice(&tree);
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The key that it states.
    pub fn key(&self) -> TreeKey {
        self.key
    }

    /// What it is of.
    pub fn provenance(&self) -> &Provenance {
        &self.of
    }

    /// The grammar that it was pressed with.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// The bytecode, which needs no shape book.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Opens the tree.
    ///
    /// # Errors
    /// None that reading it would not have found.
    pub fn tree(&self) -> Result<Tree, DecodeError> {
        herbarium_codec::decode(&self.bytes, &self.grammar)
    }

    /// Whether key and tree state that they are of this source.
    pub fn is_of(&self, source: &[u8]) -> bool {
        let parts = KeyParts {
            runtime: &self.of.runtime,
            language: &self.of.language,
            grammar: self.grammar.fingerprint(),
            options: self.of.options,
            included_ranges: &self.of.included_ranges,
            source,
        };
        parts.key() == self.key
            && source.len() as u64 == u64::from(self.header.source_len)
            && herbarium_codec::source_hash(source) == self.header.source_hash
    }
}

/// The numbers of the fixed part.
struct Fixed {
    key: TreeKey,
    fingerprint: Fingerprint,
    options: u64,
    source_hash: u64,
    source_len: u32,
    texts: [usize; 3],
    ranges: usize,
    grammar: Frame,
    tree: Frame,
}

struct Frame {
    raw: u32,
    stored: usize,
}

fn damaged(expected: &'static str, found: impl Into<String>) -> ExportError {
    ExportError::Damaged { expected, found: found.into() }
}

fn read(bytes: &[u8], limit: u64) -> Result<ExportedTree, ExportError> {
    let mut reader = Reader(bytes);
    let found: [u8; 4] = reader.array().unwrap_or_default();
    if found != MAGIC {
        return Err(ExportError::Magic { found });
    }
    let short = || damaged("at least 120 bytes", format!("{}", bytes.len()));
    let head = (reader.u8(), reader.u8(), reader.u16());
    let (Some(found_major), Some(found_minor), Some(features)) = head else { return Err(short()) };
    if found_major != MAJOR || features != 0 {
        return Err(ExportError::Version { found_major, found_minor, features });
    }
    let fixed = read_fixed(&mut reader).ok_or_else(short)?;
    let end = bytes.len().checked_sub(CHECKSUM).ok_or_else(short)?;
    let (checked, checksum) = bytes.split_at_checked(end).ok_or_else(short)?;
    let mut parts = Reader(checked.get(FIXED..).ok_or_else(short)?);
    let whole = fixed.rest().is_some_and(|len| len == parts.0.len());
    if !whole {
        return Err(damaged("the length that its parts add up to", format!("{}", bytes.len())));
    }
    if Reader(checksum).u64() != Some(xxh3_64(checked)) {
        return Err(damaged("another checksum", "other bytes"));
    }
    let len = u64::from(fixed.grammar.raw).saturating_add(u64::from(fixed.tree.raw));
    if len > limit {
        return Err(ExportError::OverLimit { len, limit });
    }
    read_parts(&fixed, &mut parts)
}

fn read_fixed(reader: &mut Reader<'_>) -> Option<Fixed> {
    let len = |reader: &mut Reader<'_>| reader.u32().map(|len| len as usize);
    let (key, fingerprint) = (TreeKey(reader.array()?), Fingerprint(reader.array()?));
    let (options, source_hash, source_len) = (reader.u64()?, reader.u64()?, reader.u32()?);
    let texts = [len(reader)?, len(reader)?, len(reader)?];
    let ranges = len(reader)?;
    let grammar = Frame { raw: reader.u32()?, stored: len(reader)? };
    let tree = Frame { raw: reader.u32()?, stored: len(reader)? };
    reader.u32()?;
    Some(Fixed { key, fingerprint, options, source_hash, source_len, texts, ranges, grammar, tree })
}

impl Fixed {
    /// Bytes between the fixed part and the checksum.
    fn rest(&self) -> Option<usize> {
        let [language, runtime, path] = self.texts;
        let texts = language.checked_add(runtime)?.checked_add(path)?;
        let frames = self.grammar.stored.checked_add(self.tree.stored)?;
        texts.checked_add(self.ranges.checked_mul(8)?)?.checked_add(frames)
    }
}

fn read_parts(fixed: &Fixed, parts: &mut Reader<'_>) -> Result<ExportedTree, ExportError> {
    let short = || damaged("more bytes", "the end");
    let mut take = |len| parts.take(len).ok_or_else(short);
    let [language, runtime, path] = fixed.texts;
    let (language, runtime, path) = (take(language)?, take(runtime)?, take(path)?);
    let (ranges, _) = take(fixed.ranges.saturating_mul(8))?.as_chunks::<8>();
    let (grammar, tree) = (take(fixed.grammar.stored)?, take(fixed.tree.stored)?);
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name in UTF-8", "other bytes"))
    };
    let range = |bytes: &[u8; 8]| {
        let mut reader = Reader(bytes);
        (reader.u32().unwrap_or_default(), reader.u32().unwrap_or_default())
    };
    let of = Provenance {
        language: text(language)?,
        runtime: text(runtime)?,
        options: fixed.options,
        included_ranges: ranges.iter().map(range).collect(),
        path: path.to_vec(),
    };
    let table = unpack(grammar, fixed.grammar.raw)?;
    let grammar = Grammar::from_bytes(&table)
        .map_err(|source| ExportError::Content { what: "the grammar table", source })?;
    if grammar.fingerprint() != fixed.fingerprint {
        return Err(damaged("the grammar table of its fingerprint", "another one"));
    }
    let bytes = unpack(tree, fixed.tree.raw)?;
    let exported = ExportedTree::new(fixed.key, of, Arc::new(grammar), bytes)?;
    let Header { source_hash, source_len, .. } = exported.header;
    if (source_hash, source_len) != (fixed.source_hash, fixed.source_len) {
        return Err(damaged("the tree of its source", "one of another"));
    }
    Ok(exported)
}

fn unpack(frame: &[u8], raw: u32) -> Result<Vec<u8>, ExportError> {
    let wrong = |why: &str| damaged("a zstd frame of its raw length", why);
    if raw > MAX_PAYLOAD {
        return Err(wrong("more than 1 GiB"));
    }
    check_length(frame, raw).map_err(wrong)?;
    let out = zstd::bulk::decompress(frame, raw as usize);
    let out = out.map_err(|_| wrong("one that cannot be decompressed"))?;
    if out.len() == raw as usize { Ok(out) } else { Err(wrong("another length")) }
}

impl Store {
    /// Takes a tree out of the store, with its grammar table; `None` if it or the table
    /// is missing, or it cannot be opened.
    ///
    /// # Errors
    /// As [`Store::get_tree`]; [`StoreError::TooLarge`] beyond the limits of the format.
    pub fn export_tree(
        &self,
        key: &TreeKey,
        of: Provenance,
    ) -> Result<Option<ExportedTree>, StoreError> {
        let Some(stored) = self.get_tree(key)? else { return Ok(None) };
        let Some(grammar) = self.grammar(&stored.info.fingerprint)? else { return Ok(None) };
        let book = stored.info.dictionary.as_ref().map(|it| it.book());
        let book = book.filter(|book| !book.is_empty());
        let book = book.and_then(|book| ShapeBook::from_bytes(book, &grammar).ok()).map(Arc::new);
        // As it is if it needs no book.
        let tree = Decoder::new().decode(&stored.bytes, &grammar, book.as_ref());
        let Ok(tree) = tree else { return Ok(None) };
        match ExportedTree::new(*key, of, grammar, herbarium_codec::encode(&tree)) {
            Ok(exported) => Ok(Some(exported)),
            Err(ExportError::TooLarge { what, len, limit }) => {
                Err(StoreError::TooLarge { what, len: len as u64, limit: limit as u64 })
            }
            Err(_) => Ok(None),
        }
    }

    /// Puts a tree from elsewhere, and its grammar table, unless they are there.
    ///
    /// It is put under the key that it states: import what you would believe, or check
    /// it with [`ExportedTree::is_of`] where the source is at hand. As with any put, what
    /// no manifest names may be [collected](Store::gc).
    ///
    /// # Errors
    /// As [`Store::put_tree`].
    pub fn import_tree(&self, exported: &ExportedTree) -> Result<Put, StoreError> {
        self.may_write("import a tree")?;
        self.put_grammar(&exported.grammar)?;
        self.put_tree(&exported.key, exported.grammar.fingerprint(), &exported.bytes, None)
    }
}
