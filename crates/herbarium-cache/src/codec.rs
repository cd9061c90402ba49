//! How values become bytes, and what they weigh.

use std::error::Error;
use std::fmt;

/// Values of one kind, for instance of one language. Picks the dictionary that they are
/// compressed with; see [`Dictionaries`](crate::Dictionaries).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(pub u32);

/// What the cache must know of its values: their weight, and how they become bytes and
/// come back.
///
/// ```
/// use herbarium_cache::{Codec, CodecError};
///
/// struct Words;
///
/// impl Codec for Words {
///     type Value = Vec<String>;
///
///     fn weigh(&self, words: &Vec<String>) -> usize {
///         let texts: usize = words.iter().map(String::capacity).sum();
///         words.capacity() * size_of::<String>() + texts
///     }
///
///     fn encode(&self, words: &Vec<String>, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         out.extend_from_slice(words.join("\n").as_bytes());
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<Vec<String>, CodecError> {
///         let text = std::str::from_utf8(bytes).map_err(CodecError::new)?;
///         Ok(text.lines().map(str::to_owned).collect())
///     }
/// }
/// ```
///
/// The methods run on the thread that asked the cache, never under a lock that a hot hit
/// takes. One that panics is treated as one that failed. A value may be dropped under a lock:
/// its `Drop` must not ask the cache.
pub trait Codec: Send + Sync + 'static {
    /// What the hot tier holds, behind an `Arc`.
    type Value: Send + Sync + 'static;

    /// Bytes that the value owns on the heap; not its own `size_of`, which the cache adds,
    /// with the bookkeeping of an entry. The budget holds as far as this is true. Asked
    /// once for each time the value enters the hot tier.
    fn weigh(&self, value: &Self::Value) -> usize;

    /// Appends the value's bytes to `out`, a buffer that is used again.
    ///
    /// # Errors
    /// If the value has no bytes. It then lives in the hot tier only.
    fn encode(&self, value: &Self::Value, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Makes a value of what [`Codec::encode`] wrote.
    ///
    /// # Errors
    /// If these are no such bytes. For the caller of the cache that is a miss.
    fn decode(&self, bytes: &[u8]) -> Result<Self::Value, CodecError>;

    /// The kind of value, where a dictionary for each kind pays.
    fn group(&self, value: &Self::Value) -> Group {
        let _ = value;
        Group::default()
    }
}

/// Why a value did not become bytes, or bytes did not become a value.
#[derive(Debug)]
pub struct CodecError(Box<dyn Error + Send + Sync>);

impl CodecError {
    /// Any error, or a message.
    pub fn new(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Values that are bytes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes;

impl Codec for Bytes {
    type Value = Vec<u8>;

    fn weigh(&self, value: &Vec<u8>) -> usize {
        value.capacity()
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}
