//! One `u32` per node in about two bytes.
//!
//! A [`Lane`] keeps a column of numbers as 16-bit values in blocks of 256.
//! What does not fit is written as a *wide code*: the low byte of the code is
//! the place, within the block's own list, where the full number stands. A
//! lookup is one load and one comparison, in the rare wide case two loads
//! more; it never searches. Within a block, equal neighbours share one wide
//! entry, so that ten thousand statements under one distant root cost next to
//! nothing.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// Nodes in a block. The low byte of a wide code numbers any of them.
pub(crate) const BLOCK: usize = 256;
/// Codes from here on are wide codes.
pub(crate) const WIDE: u16 = 0xff00;
/// Distances that have no higher bits are narrow: a way to ask many at once.
/// It may send a block of slightly longer ones the slow way, never the reverse.
const SURELY_NARROW: u32 = 0x8000;

/// What the 16-bit values of a lane count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// From zero: lengths, sizes, distances.
    Zero,
    /// From the first value of the block, or one before it: positions, which
    /// only grow.
    First,
    /// Backwards from the value's own place: numbers of nodes before it. Equal
    /// neighbours share a wide entry here too.
    Place,
}

/// A compact column of `u32` with constant-time lookup.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    low: Vec<u16>,
    /// For each block: where its list in `wide` begins, and its base. Empty as
    /// long as both are 0 for all of them.
    blocks: Vec<(u32, u32)>,
    wide: Vec<u32>,
    base: Base,
}

impl Lane {
    pub(crate) fn new(base: Base) -> Self {
        Self { low: Vec::new(), blocks: Vec::new(), wide: Vec::new(), base }
    }

    pub(crate) fn clear(&mut self) {
        self.low.clear();
        self.blocks.clear();
        self.wide.clear();
    }

    /// Makes room for so many values in all, and no more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.low.reserve_exact(count.saturating_sub(self.low.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.low.len()
    }

    #[cfg(test)]
    fn get(&self, index: usize) -> u32 {
        self.get_from(self.base, index)
    }

    /// The value at `index`, 0 when there is none. `base` is that of the lane:
    /// who asks knows it when the program is compiled.
    #[inline]
    pub(crate) fn get_from(&self, base: Base, index: usize) -> u32 {
        debug_assert!(self.base == base);
        let Some(&low) = self.low.get(index) else { return 0 };
        if low < WIDE {
            return match base {
                Base::Zero => u32::from(low),
                Base::First => {
                    let base = self.blocks.get(index / BLOCK).map_or(0, |block| block.1);
                    base.wrapping_add(u32::from(low))
                }
                Base::Place => (index as u32).wrapping_sub(u32::from(low)),
            };
        }
        self.get_wide(index, low)
    }

    #[cold]
    fn get_wide(&self, index: usize, low: u16) -> u32 {
        let list = self.blocks.get(index / BLOCK).map_or(0, |block| block.0 as usize);
        let place = list.saturating_add(usize::from(low & 0xff));
        self.wide.get(place).copied().unwrap_or(0)
    }

    /// The 16-bit values as they lie in memory; wide codes included.
    #[inline]
    pub(crate) fn low(&self) -> &[u16] {
        &self.low
    }

    /// Appends the next block. Every block but the last has [`BLOCK`] values.
    pub(crate) fn push_block(&mut self, values: &[u32]) {
        let start = self.low.len();
        let first = self.base_of(values);
        self.begin_block(first);
        let bits = match self.base {
            Base::Zero => self.push_narrow(values.iter().copied()),
            Base::First => self.push_narrow(values.iter().map(|value| value.wrapping_sub(first))),
            Base::Place => {
                let places = start as u32..;
                self.push_narrow(
                    values.iter().zip(places).map(|(value, at)| at.wrapping_sub(*value)),
                )
            }
        };
        if bits >= SURELY_NARROW {
            self.widen(start, first, values.iter().copied());
        }
    }

    /// What the values of the next block count from: 0 where that will do,
    /// which takes no memory.
    fn base_of(&self, values: &[u32]) -> u32 {
        let (first, last) = (values.first().copied(), values.last().copied());
        match self.blocks.is_empty() && last < Some(SURELY_NARROW) {
            true => 0,
            false => first.unwrap_or(0),
        }
    }

    /// Keeps what is to be known of the next block.
    #[inline]
    fn begin_block(&mut self, first: u32) {
        if first != 0 || !self.wide.is_empty() || !self.blocks.is_empty() {
            self.push_block_start(first);
        }
    }

    #[inline(never)]
    fn push_block_start(&mut self, first: u32) {
        let before = self.low.len() / BLOCK;
        if self.blocks.is_empty() {
            self.blocks.reserve_exact(self.low.capacity().div_ceil(BLOCK));
            self.blocks.resize(before, (0, 0));
        }
        self.blocks.push((self.wide.len() as u32, first));
    }

    /// Appends a block of values that are a byte each, counted from zero.
    pub(crate) fn push_bytes(&mut self, values: &[u8]) {
        debug_assert!(self.base == Base::Zero);
        self.begin_block(0);
        self.low.extend(values.iter().map(|&value| u16::from(value)));
    }

    /// Changes a value of the block that was appended last, behind all that
    /// were changed before.
    #[inline]
    pub(crate) fn change(&mut self, index: usize, value: u32) {
        debug_assert!(self.base == Base::Zero);
        let code = match value < u32::from(WIDE) {
            true => value as u16,
            false => self.push_wide(value),
        };
        if let Some(low) = self.low.get_mut(index) {
            *low = code;
        }
    }

    /// Puts a value of the block that was appended last into its list.
    #[cold]
    fn push_wide(&mut self, value: u32) -> u16 {
        let list = self.blocks.last().map_or(0, |block| block.0 as usize);
        wide_code(&mut self.wide, list, value)
    }

    /// Appends distances as if all were narrow. Gives all their bits.
    #[inline]
    fn push_narrow(&mut self, distances: impl Iterator<Item = u32>) -> u32 {
        let mut bits = 0;
        self.low.extend(distances.map(|distance| {
            bits |= distance;
            distance as u16
        }));
        bits
    }

    /// Appends a block of distances that are all narrow.
    pub(crate) fn push_narrow_block(&mut self, distances: impl Iterator<Item = u16>) {
        self.begin_block(0);
        self.low.extend(distances);
    }

    /// Appends a block of narrow distances from `first`.
    pub(crate) fn push_growing(&mut self, first: u32, distances: &[u16]) {
        self.begin_block(first);
        self.low.extend_from_slice(distances);
    }

    /// Appends a block of distances from `first`.
    pub(crate) fn push_far_growing(&mut self, first: u32, distances: &[u32]) {
        debug_assert!(self.base == Base::First);
        let start = self.low.len();
        self.begin_block(first);
        if self.push_narrow(distances.iter().copied()) >= SURELY_NARROW {
            let values = distances.iter().map(|&distance| first.wrapping_add(distance));
            self.widen(start, first, values);
        }
    }

    /// Appends narrow values of any number, which count from zero.
    pub(crate) fn extend_narrow(&mut self, values: impl Iterator<Item = u16>) {
        debug_assert!(self.base == Base::Zero && self.low.len().is_multiple_of(BLOCK));
        let blocks = !self.blocks.is_empty() || !self.wide.is_empty();
        self.low.extend(values);
        if blocks {
            self.blocks.resize(self.low.len().div_ceil(BLOCK), (self.wide.len() as u32, 0));
        }
    }

    /// Appends values of any number, block by block.
    pub(crate) fn extend(&mut self, values: &[u32]) {
        debug_assert!(self.low.len().is_multiple_of(BLOCK));
        values.chunks(BLOCK).for_each(|block| self.push_block(block));
    }

    #[cold]
    fn widen(&mut self, start: usize, first: u32, values: impl Iterator<Item = u32>) {
        let list = self.wide.len();
        for ((at, low), value) in self.low.iter_mut().enumerate().skip(start).zip(values) {
            let distance = match self.base {
                Base::Zero => value,
                Base::First => value.wrapping_sub(first),
                Base::Place => (at as u32).wrapping_sub(value),
            };
            if distance < u32::from(WIDE) {
                continue;
            }
            *low = wide_code(&mut self.wide, list, value);
        }
    }

    /// Bytes on the heap, spare capacity included.
    pub(crate) fn heap_blocks(&self) -> [usize; 3] {
        [
            size_of::<u16>().saturating_mul(self.low.capacity()),
            size_of::<(u32, u32)>().saturating_mul(self.blocks.capacity()),
            size_of::<u32>().saturating_mul(self.wide.capacity()),
        ]
    }

    /// Gives spare capacity back.
    pub(crate) fn shrink(&mut self) {
        self.low.shrink_to_fit();
        self.blocks.shrink_to_fit();
        // The first few take no less.
        if self.wide.capacity() > 4 {
            self.wide.shrink_to_fit();
        }
    }
}

/// The code of a value behind the others of the block whose list begins at
/// `list`.
fn wide_code(wide: &mut Vec<u32>, list: usize, value: u32) -> u16 {
    if wide.len() == list || wide.last() != Some(&value) {
        wide.push(value);
    }
    let place = wide.len().wrapping_sub(list).wrapping_sub(1);
    WIDE | (place as u16 & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(base: Base, values: &[u32]) {
        let mut lane = Lane::new(base);
        lane.extend(values);
        assert_eq!(lane.len(), values.len());
        for (index, &value) in values.iter().enumerate() {
            assert_eq!(lane.get(index), value, "value {index}");
        }
    }

    #[test]
    fn values_at_the_edge_of_16_bits_come_back() {
        let edges = [0, 1, 0x7fff, 0x8000, 0xfeff, 0xff00, 0xff01, 0xffff, 0x10000, u32::MAX];
        check(Base::Zero, &edges);
        check(Base::First, &edges);
        check(Base::Zero, &[]);
    }

    #[test]
    fn a_block_of_nothing_but_wide_values_comes_back() {
        let values: Vec<u32> = (0..1000).map(|i| 0x20000 + i).collect();
        check(Base::Zero, &values);
    }

    #[test]
    fn a_wide_value_behind_blocks_without_one_comes_back() {
        for base in [Base::Zero, Base::First] {
            check(base, &[&[7; 2 * BLOCK + 1][..], &[0x10_0000], &[0x10_0001; 300]].concat());
        }
    }

    #[test]
    fn children_of_one_distant_node_share_one_wide_entry() {
        let mut lane = Lane::new(Base::Place);
        lane.extend(&vec![7; 70_000 + BLOCK]);
        assert!(lane.wide.len() <= 70_000 / BLOCK, "{}", lane.wide.len());
        assert!((8..70_256).all(|index| lane.get(index) == 7));
    }

    #[test]
    fn equal_neighbours_share_one_wide_entry() {
        let mut lane = Lane::new(Base::Zero);
        lane.extend(&[70_000; BLOCK]);
        assert_eq!(lane.wide.len(), 1);
    }

    proptest! {
        #[test]
        fn any_column_comes_back(values in prop::collection::vec(prop_oneof![0u32..300, any::<u32>()], 0..1500)) {
            check(Base::Zero, &values);
        }

        #[test]
        fn any_column_of_earlier_places_comes_back(back in prop::collection::vec(any::<u32>(), 0..1500)) {
            let values = (1u32..).zip(&back).filter_map(|(places, back)| back.checked_rem(places));
            let values: Vec<u32> = values.collect();
            check(Base::Place, &values);
        }

        #[test]
        fn any_growing_column_comes_back(steps in prop::collection::vec(prop_oneof![0u32..30, 0u32..200_000], 0..1500)) {
            let values: Vec<u32> = steps.iter().scan(0u32, |at, step| { *at = at.wrapping_add(*step); Some(*at) }).collect();
            check(Base::First, &values);
        }
    }
}
