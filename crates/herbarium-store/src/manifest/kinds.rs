//! What rows note of the kinds in their trees, as bytes.
//!
//! Many trees have the same kinds, and those that differ differ little: each
//! set is written once, and all sets together byte by byte across.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::wire::{Reader, put_varint};

/// Longest set.
const MAX_SET: usize = 64 << 10;

/// Nothing is known.
const UNKNOWN: u64 = 0;
/// A set that none of the rows before had.
const NEW: u64 = 1;

/// Appends the sets of rows; longer ones count as unknown.
pub(super) fn put_kinds<'a>(
    columns: &mut Vec<u8>,
    rows: impl Iterator<Item = Option<&'a Arc<[u8]>>>,
) {
    let mut sets = Vec::new();
    let mut numbers = HashMap::new();
    for row in rows {
        let Some(set) = row.filter(|set| set.len() <= MAX_SET) else {
            put_varint(columns, UNKNOWN);
            continue;
        };
        match numbers.entry(&**set) {
            Entry::Occupied(known) => {
                // From the last one back: neighbours are alike.
                let number: &usize = known.get();
                put_varint(columns, NEW.saturating_add(sets.len().saturating_sub(*number) as u64));
            }
            Entry::Vacant(place) => {
                place.insert(sets.len());
                sets.push(&**set);
                put_varint(columns, NEW);
            }
        }
    }
    sets.iter().for_each(|set| put_varint(columns, set.len() as u64));
    let longest = sets.iter().map(|set| set.len()).max().unwrap_or(0);
    for at in 0..longest {
        columns.extend(sets.iter().filter_map(|set| set.get(at)));
    }
}

/// Reads the sets of rows; of no bytes, that nothing is known.
pub(super) fn read_kinds<'a>(
    columns: &[u8],
    rows: impl Iterator<Item = &'a mut Option<Arc<[u8]>>>,
) -> Option<()> {
    if columns.is_empty() {
        return Some(());
    }
    let mut reader = Reader(columns);
    let (mut rows, mut numbers, mut count) = (rows.collect::<Vec<_>>(), Vec::new(), 0usize);
    for _ in &rows {
        numbers.push(match reader.varint()? {
            UNKNOWN => None,
            NEW => {
                count = count.checked_add(1)?;
                count.checked_sub(1)
            }
            back => Some(count.checked_sub(usize::try_from(back.checked_sub(NEW)?).ok()?)?),
        });
    }
    let sets = read_sets(&mut reader, count)?;
    for (row, number) in rows.iter_mut().zip(numbers) {
        if let Some(number) = number {
            **row = Some(Arc::clone(sets.get(number)?));
        }
    }
    reader.0.is_empty().then_some(())
}

fn read_sets(reader: &mut Reader<'_>, count: usize) -> Option<Vec<Arc<[u8]>>> {
    let (mut sets, mut lens) = (Vec::new(), Vec::new());
    let mut total = 0usize;
    for _ in 0..count {
        let len = usize::try_from(reader.varint()?).ok().filter(|len| *len <= MAX_SET)?;
        total = total.checked_add(len)?;
        // Before anything of that length is allocated.
        if total > reader.0.len() {
            return None;
        }
        lens.push(len);
        sets.push(Vec::with_capacity(len));
    }
    for at in 0..lens.iter().copied().max().unwrap_or(0) {
        for (set, len) in sets.iter_mut().zip(&lens) {
            if at < *len {
                set.push(reader.u8()?);
            }
        }
    }
    Some(sets.into_iter().map(Arc::from).collect())
}
