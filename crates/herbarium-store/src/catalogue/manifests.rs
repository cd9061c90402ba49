//! Manifests in the catalogue: in parts, and those of releases of the same code with what
//! they have in common once, as a base that lasts as long as one of them needs it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction,
};

use super::{Bytes, LOST, NOTES, Trouble, checked, each, get, open_table, unchecked};
use crate::Manifest;
use crate::heuristics::{MANIFEST_CHUNK, MANIFEST_CHUNK_LEAST};
use crate::manifest::BaseId;
use crate::wire::Reader;

pub(super) const MANIFESTS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("manifests");
pub(super) const CHUNKS: TableDefinition<'_, ChunkKey, Bytes> =
    TableDefinition::new("manifest_chunks");

/// A root, or the name of a base, and the number of the part.
type ChunkKey = (Bytes, u32);

/// What stands before the id of a base where others have a root: no path begins with it.
const BASE: u8 = 0;
/// Bytes of a page that are neither root nor blob: the page's header and two ends (12), the
/// lengths and number in the key (9 at most), the checksum (8).
const VALUE_OVERHEAD: usize = 32;

/// What is known of a manifest without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ManifestHead {
    pub(crate) root: Vec<u8>,
    pub(crate) rows: u64,
    /// Bytes of its blob.
    pub(crate) len: u64,
    /// Parts of it; none if it is the base itself.
    pub(crate) chunks: u32,
    pub(crate) taken_ns: u64,
    /// What its blob is the difference to, or is.
    pub(crate) base: Option<BaseId>,
}

/// A manifest as the catalogue has it.
#[derive(Clone)]
pub(crate) struct StoredManifest {
    pub(crate) head: ManifestHead,
    /// Its own blob; empty if it is the base itself.
    pub(crate) own: Vec<u8>,
    pub(crate) base: Option<Base>,
}

/// The blob of a manifest that others are differences to.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) id: BaseId,
    pub(crate) blob: Arc<Vec<u8>>,
}

/// Every manifest, for those who have to know of each.
#[derive(Default)]
pub(crate) struct AllManifests {
    pub(crate) found: Vec<StoredManifest>,
    /// How many there are besides.
    pub(crate) unreadable: u64,
    /// The newest segment that there was when manifests were lost.
    pub(crate) lost_up_to: Option<u64>,
}

impl StoredManifest {
    /// `None` if it is damaged.
    pub(crate) fn read(&self) -> Option<Manifest> {
        let base = self.base.as_ref().map(|base| base.blob.as_slice());
        let manifest = match base {
            Some(base) if self.own.is_empty() => Manifest::from_bytes(base, None),
            _ => Manifest::from_bytes(&self.own, base),
        };
        manifest.filter(|manifest| crate::path_bytes(manifest.root()) == self.head.root)
    }
}

impl Base {
    pub(crate) fn new(blob: Vec<u8>) -> Self {
        Self { id: BaseId::of(&blob), blob: Arc::new(blob) }
    }
}

pub(super) fn read_heads(txn: &ReadTransaction) -> Result<Vec<ManifestHead>, Trouble> {
    let mut heads = Vec::new();
    each(txn, MANIFESTS, |key, value| heads.extend(manifest_head(key, value)))?;
    Ok(heads)
}

/// A manifest, if all of it is there.
pub(super) fn read_manifest(
    txn: &ReadTransaction,
    root: &[u8],
) -> Result<Option<StoredManifest>, Trouble> {
    let Some(head) = get(txn, MANIFESTS, root)? else { return Ok(None) };
    let Some(head) = manifest_head(root, &head) else { return Ok(None) };
    let Some(chunks) = open_table(txn.open_table(CHUNKS))? else { return Ok(None) };
    let base = match head.base {
        Some(id) => read_base_in(&chunks, id)?,
        None => None,
    };
    put_together(&chunks, head, base)
}

pub(super) fn read_base(txn: &ReadTransaction, id: BaseId) -> Result<Option<Base>, Trouble> {
    let Some(chunks) = open_table(txn.open_table(CHUNKS))? else { return Ok(None) };
    read_base_in(&chunks, id)
}

pub(super) fn read_manifests(txn: &ReadTransaction) -> Result<AllManifests, Trouble> {
    let mut all = AllManifests::default();
    let lost = get(txn, NOTES, LOST)?;
    all.lost_up_to = lost.and_then(|bytes| Reader(&bytes).u64());
    let mut rows = 0;
    if let Some(table) = open_table(txn.open_table(MANIFESTS))? {
        rows = table.len()?;
    }
    if let Some(chunks) = open_table(txn.open_table(CHUNKS))? {
        let mut bases: HashMap<BaseId, Option<Base>> = HashMap::new();
        for head in read_heads(txn)? {
            let base = match head.base {
                Some(id) => match bases.get(&id) {
                    Some(known) => known.clone(),
                    None => bases.entry(id).or_insert(read_base_in(&chunks, id)?).clone(),
                },
                None => None,
            };
            all.found.extend(put_together(&chunks, head, base)?);
        }
    }
    all.unreadable = rows.saturating_sub(all.found.len() as u64);
    Ok(all)
}

/// Puts a manifest in place of the one before. If the base is that of another root, or is
/// the manifest of that, it is theirs in common from then on.
pub(super) fn insert_manifest(
    txn: &WriteTransaction,
    manifest: &StoredManifest,
    other: Option<&[u8]>,
) -> Result<(), Trouble> {
    let (mut heads, mut chunks) = (txn.open_table(MANIFESTS)?, txn.open_table(CHUNKS)?);
    let StoredManifest { head, own, base } = manifest;
    delete_chunks(&mut chunks, &head.root)?;
    let number = insert_chunks(&mut chunks, &head.root, own)?;
    if let Some(base) = base {
        keep_base(&mut chunks, base)?;
        if let Some(other) = other {
            stand_on(&mut heads, &mut chunks, other, base)?;
        }
    }
    let base = base.as_ref().map(|base| base.id);
    insert_head(&mut heads, &ManifestHead { chunks: number, base, ..head.clone() })?;
    drop_unused_bases(&heads, &mut chunks)
}

/// Says whether there was one.
pub(super) fn delete_manifest(txn: &WriteTransaction, root: &[u8]) -> Result<bool, Trouble> {
    let (mut heads, mut chunks) = (txn.open_table(MANIFESTS)?, txn.open_table(CHUNKS)?);
    delete_chunks(&mut chunks, root)?;
    let was_there = heads.remove(root)?.is_some();
    drop_unused_bases(&heads, &mut chunks)?;
    Ok(was_there)
}

/// The blob of a manifest, given its base, if all of it is there.
fn put_together(
    chunks: &impl ReadableTable<ChunkKey, Bytes>,
    head: ManifestHead,
    base: Option<Base>,
) -> Result<Option<StoredManifest>, Trouble> {
    if base.as_ref().map(|base| base.id) != head.base {
        return Ok(None);
    }
    let own = read_chunks(chunks, &head.root, head.chunks)?;
    let len = match &base {
        Some(base) if head.chunks == 0 => base.blob.len(),
        _ => own.len(),
    };
    Ok((len as u64 == head.len).then_some(StoredManifest { head, own, base }))
}

/// As many parts as there are, and no more than that.
fn read_chunks(
    chunks: &impl ReadableTable<ChunkKey, Bytes>,
    root: &[u8],
    most: u32,
) -> Result<Vec<u8>, Trouble> {
    let mut blob = Vec::new();
    for number in 0..most {
        let Some(chunk) = chunks.get((root, number))? else { break };
        blob.extend_from_slice(unchecked(chunk.value()).unwrap_or_default());
    }
    Ok(blob)
}

fn read_base_in(
    chunks: &impl ReadableTable<ChunkKey, Bytes>,
    id: BaseId,
) -> Result<Option<Base>, Trouble> {
    let base = Base::new(read_chunks(chunks, &base_key(id), u32::MAX)?);
    Ok((base.id == id).then_some(base))
}

fn base_key(id: BaseId) -> Vec<u8> {
    [&[BASE], &id.0[..]].concat()
}

/// Stores a base, unless it is there whole.
fn keep_base(chunks: &mut Table<'_, ChunkKey, Bytes>, base: &Base) -> Result<(), Trouble> {
    if read_base_in(chunks, base.id)?.is_none() {
        let key = base_key(base.id);
        delete_chunks(chunks, &key)?;
        insert_chunks(chunks, &key, &base.blob)?;
    }
    Ok(())
}

/// Makes the manifest of a root one that is the base, if it is still the one that the base
/// was made from.
fn stand_on(
    heads: &mut Table<'_, Bytes, Bytes>,
    chunks: &mut Table<'_, ChunkKey, Bytes>,
    root: &[u8],
    base: &Base,
) -> Result<(), Trouble> {
    let head = heads.get(root)?.and_then(|value| manifest_head(root, unchecked(value.value())?));
    let Some(head) = head.filter(|head| head.base.is_none()) else { return Ok(()) };
    if read_chunks(chunks, root, head.chunks)? != *base.blob {
        return Ok(());
    }
    delete_chunks(chunks, root)?;
    insert_head(heads, &ManifestHead { chunks: 0, base: Some(base.id), ..head })
}

/// Removes what no manifest stands on.
fn drop_unused_bases(
    heads: &Table<'_, Bytes, Bytes>,
    chunks: &mut Table<'_, ChunkKey, Bytes>,
) -> Result<(), Trouble> {
    let mut keys = HashSet::new();
    for entry in chunks.range((&[BASE][..], 0)..(&[BASE + 1][..], 0))? {
        keys.insert(entry?.0.value().0.to_vec());
    }
    if keys.is_empty() {
        return Ok(());
    }
    for entry in heads.iter()? {
        let (root, value) = entry?;
        let head = unchecked(value.value()).and_then(|value| manifest_head(root.value(), value));
        if let Some(id) = head.and_then(|head| head.base) {
            keys.remove(&base_key(id));
        }
    }
    keys.iter().try_for_each(|key| delete_chunks(chunks, key))
}

/// Gives how many parts there are.
fn insert_chunks(
    chunks: &mut Table<'_, ChunkKey, Bytes>,
    root: &[u8],
    blob: &[u8],
) -> Result<u32, Trouble> {
    let (mut rest, mut number) = (blob, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_len(rest.len(), root.len()));
        chunks.insert((root, number), &checked(chunk)[..])?;
        (rest, number) = (after, number + 1);
    }
    Ok(number)
}

fn delete_chunks(chunks: &mut Table<'_, ChunkKey, Bytes>, root: &[u8]) -> Result<(), Trouble> {
    let mut number = 0;
    while chunks.remove((root, number))?.is_some() {
        number += 1;
    }
    Ok(())
}

fn insert_head(heads: &mut Table<'_, Bytes, Bytes>, head: &ManifestHead) -> Result<(), Trouble> {
    heads.insert(&head.root[..], &checked(&head_bytes(head))[..])?;
    Ok(())
}

/// How much of what is left of a blob goes into the next value: what fills a power of two
/// of bytes together with key and checksum, as redb gives it no less.
fn chunk_len(left: usize, root: usize) -> usize {
    let beside = VALUE_OVERHEAD + root;
    let least = MANIFEST_CHUNK_LEAST.max(4 * beside);
    let mut whole = MANIFEST_CHUNK;
    while whole > least && whole - beside > left {
        whole /= 2;
    }
    whole.saturating_sub(beside).clamp(1, left.max(1))
}

fn manifest_head(root: &[u8], value: &[u8]) -> Option<ManifestHead> {
    let mut reader = Reader(value);
    Some(ManifestHead {
        root: root.to_vec(),
        rows: reader.u64()?,
        len: reader.u64()?,
        chunks: reader.u32()?,
        taken_ns: reader.u64()?,
        base: reader.array().map(BaseId),
    })
}

fn head_bytes(head: &ManifestHead) -> Vec<u8> {
    let mut bytes = head.rows.to_le_bytes().to_vec();
    bytes.extend_from_slice(&head.len.to_le_bytes());
    bytes.extend_from_slice(&head.chunks.to_le_bytes());
    bytes.extend_from_slice(&head.taken_ns.to_le_bytes());
    bytes.extend(head.base.iter().flat_map(|base| base.0));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(mut left: usize, root: usize) -> Vec<usize> {
        let mut chunks = Vec::new();
        while left > 0 {
            chunks.push(chunk_len(left, root));
            left -= chunks[chunks.len() - 1];
        }
        chunks
    }

    #[test]
    fn parts_of_a_manifest_fill_the_bytes_that_they_are_given() {
        for root in [0, 15, 300, 4_095] {
            for len in [0, 1, 5_000, 82_517, 250_000, 1_000_000, 5_300_000] {
                let parts = chunks(len, root);
                assert_eq!(parts.iter().sum::<usize>(), len);
                let given = |part: &usize| (part + root + VALUE_OVERHEAD).next_power_of_two();
                let given: usize = parts.iter().map(given).sum();
                let beside = parts.len() * (root + VALUE_OVERHEAD);
                let last = MANIFEST_CHUNK_LEAST.max(8 * (root + VALUE_OVERHEAD));
                assert!(given <= len + beside + last, "{root} {len}: {parts:?}");
                assert!(parts.len() <= len / 50_000 + 7, "{root} {len}: {parts:?}");
            }
        }
    }

    #[test]
    fn a_root_of_any_length_leaves_room_for_a_manifest() {
        for root in [30_000, 65_536, 1 << 20] {
            assert_eq!(chunks(1_000, root).iter().sum::<usize>(), 1_000);
        }
    }
}
