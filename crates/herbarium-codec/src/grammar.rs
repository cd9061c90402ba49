//! The grammar table: the names that turn numbers in a tree into words.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::HashMap;
use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::wire::{Reader, put_text, put_varint};
use crate::{DecodeError, GrammarError};

/// The kind id of an `ERROR` node, in every grammar.
pub const ERROR_KIND: u16 = u16::MAX;

/// The names of one grammar: kinds, fields and supertypes.
///
/// A tree stores numbers; its grammar table gives them names, so that a tree
/// can be read where the grammar itself is not linked. A store keeps a table
/// once for all trees of the grammar; a stand-alone file carries it inline.
///
/// ```
/// use herbarium_codec::{Grammar, GrammarParts, Kind};
///
/// let grammar = Grammar::new(GrammarParts {
///     name: "sums".into(),
///     version: "1.0.0".into(),
///     abi: 15,
///     states: 7,
///     kinds: vec![
///         Kind { name: "end".into(), named: false, visible: false, supertype: false },
///         Kind { name: "number".into(), named: true, visible: true, supertype: false },
///         Kind { name: "+".into(), named: false, visible: true, supertype: false },
///         Kind { name: "sum".into(), named: true, visible: true, supertype: false },
///     ],
///     fields: vec!["left".into(), "right".into()],
///     supertypes: vec![],
/// })?;
/// assert_eq!(grammar.kind_name(3), Some("sum"));
/// assert_eq!(grammar.field_id("right"), Some(2));
/// assert_eq!(Grammar::from_bytes(&grammar.to_bytes())?, grammar);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Grammar {
    parts: GrammarParts,
    fingerprint: Fingerprint,
    kind_ids: HashMap<(String, bool), u16>,
    field_ids: HashMap<String, u16>,
    supertype_kinds: Vec<u16>,
    /// Kinds that count as others, by number; empty in nearly every grammar.
    public_kinds: Vec<(u16, u16)>,
}

/// What a [`Grammar`] is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrammarParts {
    /// Name of the language that the grammar describes, as the registry calls it.
    pub name: String,
    /// Version of the package that the grammar came from.
    pub version: String,
    /// ABI version of the generated parser (13 to 15 today).
    pub abi: u32,
    /// Number of parse states: two grammars with the same names and different
    /// rules almost never agree in it.
    pub states: u32,
    /// Kinds by id.
    pub kinds: Vec<Kind>,
    /// Names of the fields. The first one has id 1: field id 0 means "no field".
    pub fields: Vec<String>,
    /// Supertypes and the kinds each of them stands for.
    pub supertypes: Vec<Supertype>,
}

/// One kind of node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The name as tree-sitter gives it, for instance `call_expression` or `+=`.
    pub name: String,
    /// Whether it is a named kind, as against a literal token.
    pub named: bool,
    /// Whether it appears in trees at all.
    pub visible: bool,
    /// Whether it stands for other kinds in queries.
    pub supertype: bool,
}

/// A supertype and its subtypes, by kind id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supertype {
    /// Kind id of the supertype.
    pub kind: u16,
    /// Kind ids of its direct subtypes, in the grammar's order.
    pub subtypes: Vec<u16>,
}

/// Identity of a grammar: a 128-bit XXH3 hash over its whole table.
///
/// Two grammars with the same fingerprint give the same meaning to the same
/// tree. It guards against mixing things up, not against an attacker who can
/// choose a grammar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

const MAGIC: [u8; 4] = *b"HRBG";
const MAJOR: u8 = 1;
const MINOR: u8 = 0;
const NAMED: u8 = 1;
const VISIBLE: u8 = 2;
const SUPERTYPE: u8 = 4;
/// Kind id 65535 is `ERROR`, 65534 tree-sitter's hidden error repetition.
pub(crate) const MAX_KINDS: usize = (ERROR_KIND - 1) as usize;
pub(crate) const MAX_FIELDS: usize = u16::MAX as usize;
/// Supertypes that a node can be told to stand for: bits of a number.
pub(crate) const MAX_SUPERTYPES: usize = 32;

impl Grammar {
    /// Checks the parts and computes the fingerprint.
    ///
    /// # Errors
    /// More than 65,534 kinds or 65,535 fields, or a supertype that names a
    /// kind which does not exist.
    pub fn new(parts: GrammarParts) -> Result<Self, GrammarError> {
        check_parts(&parts)?;
        let fingerprint = fingerprint_of(&body(&parts, &[]));
        let mut kind_ids = HashMap::with_capacity(parts.kinds.len());
        for (id, kind) in parts.kinds.iter().enumerate() {
            if kind.visible || kind.supertype {
                kind_ids.entry((kind.name.clone(), kind.named)).or_insert(id as u16);
            }
        }
        let mut field_ids = HashMap::with_capacity(parts.fields.len());
        for (id, name) in (1u16..=u16::MAX).zip(&parts.fields) {
            field_ids.entry(name.clone()).or_insert(id);
        }
        let supertype_kinds = (0u16..)
            .zip(&parts.kinds)
            .filter(|(_, kind)| kind.supertype)
            .map(|(id, _)| id)
            .take(MAX_SUPERTYPES)
            .collect();
        let public_kinds = Vec::new();
        Ok(Self { parts, fingerprint, kind_ids, field_ids, supertype_kinds, public_kinds })
    }

    /// The grammar with kinds that count as others: see [`Grammar::public_kind`].
    /// Each pair is a kind and what it counts as.
    ///
    /// # Errors
    /// A kind that does not exist.
    pub fn with_public_kinds(
        mut self,
        pairs: impl IntoIterator<Item = (u16, u16)>,
    ) -> Result<Self, GrammarError> {
        self.public_kinds = pairs.into_iter().filter(|(kind, public)| kind != public).collect();
        self.public_kinds.sort_unstable();
        self.public_kinds.dedup_by_key(|pair| pair.0);
        let named = self.public_kinds.iter().flat_map(|&(kind, public)| [kind, public]);
        check_kinds(&self.parts, named)?;
        self.fingerprint = fingerprint_of(&body(&self.parts, &self.public_kinds));
        Ok(self)
    }

    /// Identity of the grammar.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Name of the language.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The parts it was made of.
    pub fn parts(&self) -> &GrammarParts {
        &self.parts
    }

    /// Number of kinds, `ERROR` not counted.
    pub fn kind_count(&self) -> usize {
        self.parts.kinds.len()
    }

    /// Number of fields.
    pub fn field_count(&self) -> usize {
        self.parts.fields.len()
    }

    /// Name of a kind. `ERROR` for [`ERROR_KIND`].
    pub fn kind_name(&self, kind: u16) -> Option<&str> {
        if kind == ERROR_KIND {
            return Some("ERROR");
        }
        self.parts.kinds.get(usize::from(kind)).map(|kind| kind.name.as_str())
    }

    /// Whether a kind is named. `ERROR` is.
    pub fn is_named(&self, kind: u16) -> bool {
        kind == ERROR_KIND || self.parts.kinds.get(usize::from(kind)).is_some_and(|kind| kind.named)
    }

    /// The first visible kind (or supertype) of that name, as
    /// `Language::id_for_node_kind` finds it.
    pub fn kind_id(&self, name: &str, named: bool) -> Option<u16> {
        if name == "ERROR" && named {
            return Some(ERROR_KIND);
        }
        self.kind_ids.get(&(name.to_owned(), named)).copied()
    }

    /// The kind that a kind counts as: what tree-sitter's `kind_id` gives, and
    /// what queries compare. Nearly always itself. A grammar that gives one
    /// token a named alias in most places and none in others may count both as
    /// one kind, of which only one can have the name: nodes of the other keep a
    /// kind of their own, for name and namedness.
    #[inline]
    pub fn public_kind(&self, kind: u16) -> u16 {
        if self.public_kinds.is_empty() { kind } else { self.listed_public_kind(kind) }
    }

    #[cold]
    fn listed_public_kind(&self, kind: u16) -> u16 {
        let found = self.public_kinds.binary_search_by_key(&kind, |pair| pair.0).ok();
        found.and_then(|at| self.public_kinds.get(at)).map_or(kind, |pair| pair.1)
    }

    /// Whether kinds that are named otherwise, or not, count as this one.
    pub fn is_shared(&self, kind: u16) -> bool {
        self.public_kinds.iter().any(|pair| pair.1 == kind)
    }

    /// Name of a field; ids start at 1.
    pub fn field_name(&self, field: u16) -> Option<&str> {
        let index = usize::from(field).checked_sub(1)?;
        self.parts.fields.get(index).map(String::as_str)
    }

    /// Id of a field; ids start at 1.
    pub fn field_id(&self, name: &str) -> Option<u16> {
        self.field_ids.get(name).copied()
    }

    /// The kinds that are supertypes, by id: the first 32 of them, which is
    /// more than any known grammar has.
    pub fn supertype_kinds(&self) -> &[u16] {
        &self.supertype_kinds
    }

    /// The kinds that a supertype stands for; empty for any other kind.
    pub fn subtypes(&self, supertype: u16) -> &[u16] {
        self.parts
            .supertypes
            .iter()
            .find(|entry| entry.kind == supertype)
            .map_or(&[], |entry| &entry.subtypes)
    }

    /// The table as bytes: what a store keeps and a stand-alone file carries.
    /// The layout is in `docs/format/v1.md`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(MAJOR);
        out.push(MINOR);
        out.extend_from_slice(&self.fingerprint.0);
        out.extend_from_slice(&body(&self.parts, &self.public_kinds));
        out
    }

    /// Reads what [`Grammar::to_bytes`] wrote.
    ///
    /// # Errors
    /// Wrong magic, another major version, truncation, values out of range, or
    /// a fingerprint that is not that of the names.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        read_magic(&mut reader)?;
        let expected = Fingerprint(reader.array("grammar fingerprint")?);
        let start = reader.offset();
        let parts = read_parts(&mut reader)?;
        let public_kinds = read_public_kinds(&mut reader)?;
        let grammar = Self::new(parts).and_then(|it| it.with_public_kinds(public_kinds));
        let grammar = grammar.map_err(|error| invalid(start, error))?;
        if reader.left() != 0 {
            return Err(invalid(
                reader.offset(),
                format!("{} bytes after the table", reader.left()),
            ));
        }
        if grammar.fingerprint != expected {
            return Err(DecodeError::Invalid {
                what: "grammar table",
                offset: start,
                expected: format!("fingerprint {expected}"),
                found: format!("{}", grammar.fingerprint),
            });
        }
        Ok(grammar)
    }
}

fn check_parts(parts: &GrammarParts) -> Result<(), GrammarError> {
    let too_many = |what, found, limit| GrammarError::TooMany {
        grammar: parts.name.clone(),
        what,
        found,
        limit,
    };
    if parts.kinds.len() > MAX_KINDS {
        return Err(too_many("kinds", parts.kinds.len(), MAX_KINDS));
    }
    if parts.fields.len() > MAX_FIELDS {
        return Err(too_many("fields", parts.fields.len(), MAX_FIELDS));
    }
    let named = parts
        .supertypes
        .iter()
        .flat_map(|entry| std::iter::once(&entry.kind).chain(&entry.subtypes));
    check_kinds(parts, named.copied())
}

fn check_kinds(
    parts: &GrammarParts,
    named: impl IntoIterator<Item = u16>,
) -> Result<(), GrammarError> {
    let kinds = parts.kinds.len();
    match named.into_iter().find(|kind| usize::from(*kind) >= kinds) {
        Some(kind) => Err(GrammarError::UnknownKind { grammar: parts.name.clone(), kind, kinds }),
        None => Ok(()),
    }
}

fn fingerprint_of(body: &[u8]) -> Fingerprint {
    Fingerprint(xxh3_128(body).to_le_bytes())
}

fn body(parts: &GrammarParts, public_kinds: &[(u16, u16)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, &parts.name);
    put_text(&mut out, &parts.version);
    put_varint(&mut out, parts.abi);
    put_varint(&mut out, parts.states);
    put_varint(&mut out, parts.kinds.len() as u32);
    for kind in &parts.kinds {
        let flags = [(kind.named, NAMED), (kind.visible, VISIBLE), (kind.supertype, SUPERTYPE)];
        out.push(flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum());
        put_text(&mut out, &kind.name);
    }
    put_varint(&mut out, parts.fields.len() as u32);
    for field in &parts.fields {
        put_text(&mut out, field);
    }
    put_varint(&mut out, parts.supertypes.len() as u32);
    for entry in &parts.supertypes {
        put_varint(&mut out, u32::from(entry.kind));
        put_varint(&mut out, entry.subtypes.len() as u32);
        for &kind in &entry.subtypes {
            put_varint(&mut out, u32::from(kind));
        }
    }
    // Left out where there are none.
    if !public_kinds.is_empty() {
        put_varint(&mut out, public_kinds.len() as u32);
    }
    for &(kind, public) in public_kinds {
        put_varint(&mut out, u32::from(kind));
        put_varint(&mut out, u32::from(public));
    }
    out
}

fn read_magic(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let found = reader.array("grammar magic")?;
    if found != MAGIC {
        return Err(DecodeError::Magic { what: "a grammar table", expected: MAGIC, found });
    }
    let (found_major, found_minor) = (reader.u8("grammar version")?, reader.u8("grammar version")?);
    if found_major != MAJOR {
        return Err(DecodeError::Version {
            what: "grammar table",
            found_major,
            found_minor,
            supported: MAJOR,
        });
    }
    Ok(())
}

fn read_parts(reader: &mut Reader<'_>) -> Result<GrammarParts, DecodeError> {
    let name = reader.text("grammar name")?.to_owned();
    let version = reader.text("grammar package version")?.to_owned();
    let abi = reader.varint("grammar ABI")?;
    let states = reader.varint("grammar state count")?;
    let count = reader.count("number of kinds")?;
    let mut kinds = Vec::with_capacity(count);
    for _ in 0..count {
        kinds.push(read_kind(reader)?);
    }
    let count = reader.count("number of fields")?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        fields.push(reader.text("field name")?.to_owned());
    }
    let count = reader.count("number of supertypes")?;
    let mut supertypes = Vec::with_capacity(count);
    for _ in 0..count {
        supertypes.push(read_supertype(reader)?);
    }
    Ok(GrammarParts { name, version, abi, states, kinds, fields, supertypes })
}

fn read_kind(reader: &mut Reader<'_>) -> Result<Kind, DecodeError> {
    let offset = reader.offset();
    let flags = reader.u8("kind flags")?;
    if flags & !(NAMED | VISIBLE | SUPERTYPE) != 0 {
        return Err(DecodeError::Invalid {
            what: "kind flags",
            offset,
            expected: "bits 0 to 2 only".into(),
            found: format!("{flags:#04x}"),
        });
    }
    Ok(Kind {
        name: reader.text("kind name")?.to_owned(),
        named: flags & NAMED != 0,
        visible: flags & VISIBLE != 0,
        supertype: flags & SUPERTYPE != 0,
    })
}

fn read_supertype(reader: &mut Reader<'_>) -> Result<Supertype, DecodeError> {
    let kind = read_kind_id(reader)?;
    let count = reader.count("number of subtypes")?;
    let mut subtypes = Vec::with_capacity(count);
    for _ in 0..count {
        subtypes.push(read_kind_id(reader)?);
    }
    Ok(Supertype { kind, subtypes })
}

/// Left out where there are none.
fn read_public_kinds(reader: &mut Reader<'_>) -> Result<Vec<(u16, u16)>, DecodeError> {
    if reader.left() == 0 {
        return Ok(Vec::new());
    }
    let (offset, left) = (reader.offset(), reader.left());
    let count = reader.count("number of kinds that count as others")?;
    if count == 0 {
        return Err(invalid(offset, format!("{left} bytes after the table")));
    }
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push((read_kind_id(reader)?, read_kind_id(reader)?));
    }
    Ok(pairs)
}

fn read_kind_id(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let offset = reader.offset();
    let id = reader.varint("kind id")?;
    u16::try_from(id).map_err(|_| DecodeError::Invalid {
        what: "kind id",
        offset,
        expected: "at most 65535".into(),
        found: id.to_string(),
    })
}

fn invalid(offset: usize, found: impl fmt::Display) -> DecodeError {
    DecodeError::Invalid {
        what: "grammar table",
        offset,
        expected: "a consistent table".into(),
        found: found.to_string(),
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar")
            .field("name", &self.parts.name)
            .field("version", &self.parts.version)
            .field("kinds", &self.parts.kinds.len())
            .field("fields", &self.parts.fields.len())
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
