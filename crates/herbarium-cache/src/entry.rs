//! What lies in the tiers in memory, and what it weighs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::bounded::Weighted;
use crate::compression::Packing;
use crate::{Group, Key};

/// What an allocator adds to one allocation, on average: its header, and rounding up.
const ALLOCATION: usize = 16;
/// The two counts of an `Arc`.
const COUNTS: usize = 2 * size_of::<usize>();

/// The tiers below that hold a value, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Below(u8);

impl Below {
    /// As many tiers as there are bits.
    pub(crate) const MOST: usize = u8::BITS as usize;

    pub(crate) fn only(tier: usize) -> Self {
        Self(1 << tier)
    }

    pub(crate) fn has(self, tier: usize) -> bool {
        self.0 & (1 << tier) != 0
    }

    pub(crate) fn with(self, tier: usize) -> Self {
        Self(self.0 | 1 << tier)
    }

    pub(crate) fn is_nowhere(self) -> bool {
        self.0 == 0
    }
}

/// A value that is ready to use.
pub(crate) struct Hot<V> {
    pub(crate) value: Arc<V>,
    /// The weight, and in the topmost byte the tiers below: an entry is read on every hit,
    /// and two words are copied faster than three.
    weight_and_below: u64,
}

impl<V> Clone for Hot<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), weight_and_below: self.weight_and_below }
    }
}

const WEIGHT_BITS: u32 = 56;
const MOST_WEIGHT: u64 = (1 << WEIGHT_BITS) - 1;

impl<V> Hot<V> {
    pub(crate) fn new(value: Arc<V>, weight: u64, below: Below) -> Self {
        let weight_and_below = weight.min(MOST_WEIGHT) | u64::from(below.0) << WEIGHT_BITS;
        Self { value, weight_and_below }
    }

    /// The weight of an entry, from what its value weighs by its codec.
    pub(crate) fn weigh(key: &impl Key, value: usize) -> u64 {
        let fixed = COUNTS + size_of::<V>() + ALLOCATION;
        (fixed as u64).saturating_add(allocated(value)).saturating_add(allocated(key.heap_bytes()))
    }

    pub(crate) fn below(&self) -> Below {
        Below((self.weight_and_below >> WEIGHT_BITS) as u8)
    }
}

impl<V> Weighted for Hot<V> {
    #[inline]
    fn weight(&self) -> u64 {
        self.weight_and_below & MOST_WEIGHT
    }
}

/// A value as the warm tier holds it.
pub(crate) struct Pressed<V> {
    pub(crate) form: Form<V>,
    pub(crate) below: Below,
    uses: AtomicU8,
    weight: u64,
}

/// What a value was made into.
pub(crate) enum Form<V> {
    /// Nothing: it is so small that there is little to gain.
    Whole(Arc<V>),
    /// Compressed bytes.
    Bytes { bytes: Box<[u8]>, packing: Packing, group: Group },
}

impl<V> Pressed<V> {
    pub(crate) fn new(
        key: &impl Key,
        bytes: &[u8],
        packing: Packing,
        group: Group,
        below: Below,
    ) -> Arc<Self> {
        let weight = Self::FIXED + allocated(bytes.len()) + allocated(key.heap_bytes());
        let form = Form::Bytes { bytes: bytes.into(), packing, group };
        Arc::new(Self { form, below, uses: AtomicU8::new(0), weight })
    }

    /// Of what was hot, as it is.
    pub(crate) fn whole(hot: Hot<V>) -> Arc<Self> {
        let (weight, below) = (Self::FIXED + hot.weight(), hot.below());
        Arc::new(Self { form: Form::Whole(hot.value), below, uses: AtomicU8::new(0), weight })
    }

    const FIXED: u64 = (COUNTS + size_of::<Self>() + ALLOCATION) as u64;

    /// Counts a use; returns how many there are, up to 255.
    pub(crate) fn count_use(&self) -> u8 {
        let uses = self.uses.load(Ordering::Relaxed).saturating_add(1);
        // Of two uses at one time one may get lost.
        self.uses.store(uses, Ordering::Relaxed);
        uses
    }
}

impl<V> Weighted for Arc<Pressed<V>> {
    fn weight(&self) -> u64 {
        self.weight
    }
}

/// Between large blocks that come and go an allocator loses more than between small ones:
/// of plain vectors in turn, glibc's was seen to take 1.04 of their bytes for up to 8 KB
/// each, 1.08 for up to 64 KB, 1.13 for up to 300 KB. So a block weighs this part more of what
/// it has beyond so many bytes.
const LARGE: u64 = 32 << 10;
const LOST_BY_LARGE: u64 = 12;

/// What bytes on the heap take there.
fn allocated(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    let lost = bytes.saturating_sub(LARGE) / LOST_BY_LARGE;
    if bytes == 0 { 0 } else { bytes.saturating_add(ALLOCATION as u64 + lost) }
}
