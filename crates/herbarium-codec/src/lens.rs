//! Lengths of tokens, nearly all of them a byte.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// Lengths from here on stand in a list.
pub(crate) const LONG_LEN: u8 = 255;

/// The length of each token; 0 for nodes with children. A lookup is one load,
/// for the few long ones a search among those.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lens {
    short: Vec<u8>,
    /// Node and length of each that no byte holds; sorted.
    long: Vec<(u32, u32)>,
}

impl Lens {
    pub(crate) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }

    /// Makes room for so many lengths in all, and no more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.short.reserve_exact(count.saturating_sub(self.short.len()));
    }

    /// The length at `index`, 0 when there is none.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> u32 {
        match self.short.get(index as usize) {
            Some(&LONG_LEN) => self.get_long(index),
            Some(&len) => u32::from(len),
            None => 0,
        }
    }

    #[cold]
    fn get_long(&self, index: u32) -> u32 {
        let found = self.long.binary_search_by_key(&index, |long| long.0);
        found.ok().and_then(|place| self.long.get(place)).map_or(u32::from(LONG_LEN), |long| long.1)
    }

    /// Appends lengths; [`Lens::push_long`] says those that are [`LONG_LEN`].
    pub(crate) fn push_short(&mut self, lens: &[u8]) {
        self.short.extend_from_slice(lens);
    }

    /// A length of at least [`LONG_LEN`]; in order.
    pub(crate) fn push_long(&mut self, index: u32, len: u32) {
        self.long.push((index, len));
    }

    /// Appends lengths of any size, for the nodes from `first` on.
    pub(crate) fn extend(&mut self, first: u32, lens: impl Iterator<Item = u32>) {
        for (index, len) in (first..).zip(lens) {
            let short = u8::try_from(len).unwrap_or(LONG_LEN);
            self.short.push(short);
            if short == LONG_LEN {
                self.push_long(index, len);
            }
        }
    }

    /// Bytes on the heap, spare capacity included.
    pub(crate) fn heap_blocks(&self) -> [usize; 2] {
        [self.short.capacity(), size_of::<(u32, u32)>().saturating_mul(self.long.capacity())]
    }

    /// Gives spare capacity back.
    pub(crate) fn shrink(&mut self) {
        self.short.shrink_to_fit();
        // The first few hardly take less.
        if self.long.capacity() > 4 {
            self.long.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size_come_back() {
        let values = [0, 1, 127, 128, 254, 255, 256, 0, 65_535, 7, u32::MAX];
        let mut lens = Lens::default();
        lens.extend(0, values.iter().copied());
        for (index, value) in (0..).zip(values) {
            assert_eq!(lens.get(index), value, "length {index}");
        }
        assert_eq!(lens.get(values.len() as u32), 0, "behind the last");
    }
}
