//! What a cache may be asked by.

use std::hash::Hash;
use std::sync::Arc;

/// A key: compared and hashed in memory, spelled as bytes for the tiers below.
///
/// Implemented for integers, byte arrays, and the usual owners of bytes and text. Hashing and
/// comparing must not panic: they are called where a key is being taken out.
///
/// ```
/// use herbarium_cache::Key;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Digest([u8; 32]);
///
/// impl Key for Digest {
///     fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
///         read(&self.0)
///     }
/// }
/// assert_eq!(Digest([7; 32]).with_bytes(|bytes| bytes.len()), 32);
/// ```
pub trait Key: Eq + Hash + Clone + Send + Sync + 'static {
    /// Lends the key as bytes. Keys that differ must differ in bytes, and a key must be
    /// spelled alike in every run of every program that shares a lower tier.
    fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R;

    /// Bytes that one clone of the key owns on the heap; they count against the budget.
    fn heap_bytes(&self) -> usize {
        0
    }
}

macro_rules! number_keys {
    ($($number:ty)*) => {$(
        impl Key for $number {
            fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
                read(&self.to_le_bytes())
            }
        }
    )*};
}

number_keys!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

impl<const N: usize> Key for [u8; N] {
    fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        read(self)
    }
}

macro_rules! owner_keys {
    ($($owner:ty, $size:expr;)*) => {$(
        impl Key for $owner {
            fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
                read(self.as_ref())
            }

            fn heap_bytes(&self) -> usize {
                let size: fn(&Self) -> usize = $size;
                size(self)
            }
        }
    )*};
}

// What is shared is counted with every key that shares it: rather too much than too little.
owner_keys! {
    Vec<u8>, |key| key.capacity();
    String, |key| key.capacity();
    Box<[u8]>, |key| key.len();
    Arc<[u8]>, |key| key.len();
}

macro_rules! text_keys {
    ($($owner:ty)*) => {$(
        impl Key for $owner {
            fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
                read(self.as_bytes())
            }

            fn heap_bytes(&self) -> usize {
                self.len()
            }
        }
    )*};
}

text_keys!(Box<str> Arc<str>);
