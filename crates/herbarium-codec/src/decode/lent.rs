//! The codes that are lent to shapes whose numbers are too long to be one.

use super::steps::FIRST_LENT;

/// Codes that can be lent.
const CODES: usize = 1 + (u8::MAX - FIRST_LENT) as usize;

/// Who has which of them.
pub(super) struct Lent {
    /// The number of the shape that each code stands for.
    ids: [u32; CODES],
    /// How many are lent.
    len: usize,
    /// By the low bits of a number, which of the codes to look at; nobody
    /// tidies up here.
    places: [u8; SLOTS],
}

/// Shape numbers whose codes are found without getting in each other's way.
const SLOTS: usize = 256;

impl Lent {
    /// Takes all of them back.
    pub(super) fn forget(&mut self) {
        self.len = 0;
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.len >= CODES
    }

    /// The code that was lent to a shape.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    pub(super) fn code_of(&self, id: u32) -> Option<u8> {
        let place = self.places[id as usize & (SLOTS - 1)];
        let known = self.ids.get(..self.len).and_then(|ids| ids.get(usize::from(place)));
        (known == Some(&id)).then(|| FIRST_LENT.wrapping_add(place))
    }

    /// Lends a code that is free to a shape; there is one, or the last is taken
    /// away from another.
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    pub(super) fn lend(&mut self, id: u32) -> u8 {
        let place = self.len.min(CODES - 1);
        self.ids[place & (CODES - 1)] = id;
        self.places[id as usize & (SLOTS - 1)] = place as u8;
        self.len = place.wrapping_add(1);
        FIRST_LENT.wrapping_add(place as u8)
    }
}

impl Default for Lent {
    fn default() -> Self {
        const { assert!(CODES.is_power_of_two() && SLOTS.is_power_of_two()) }
        Self { ids: [0; CODES], len: 0, places: [0; SLOTS] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_stands_for_the_shape_it_was_lent_to(
            ids in prop::collection::vec(200..700u32, 0..CODES),
        ) {
            let mut lent = Lent::default();
            lent.lend(3);
            lent.forget();
            let mut known = Vec::new();
            for id in ids {
                prop_assert!(!lent.is_used_up());
                let code = lent.code_of(id).unwrap_or_else(|| {
                    let code = lent.lend(id);
                    known.push((code, id));
                    code
                });
                prop_assert!(known.contains(&(code, id)));
            }
            known.dedup_by_key(|known| known.0);
            prop_assert_eq!(known.len(), lent.len);
        }
    }
}
