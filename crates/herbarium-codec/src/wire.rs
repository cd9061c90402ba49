//! Reading and writing the few primitive shapes of the format: fixed
//! little-endian integers, LEB128 varints, length-prefixed text.
//!
//! Every read compares with what is left before it touches or allocates
//! anything; the offset of a failure is always known.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::DecodeError;

/// Appends `value` as an LEB128 varint: seven bits a byte, low bits first.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-prefixed UTF-8 text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

/// A cursor over untrusted bytes. `base` is the offset of the first byte in
/// the whole file, so that errors name absolute places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Absolute offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.base.saturating_add(self.at)
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// All that is left, without taking it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(len);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(slice) => {
                self.at = self.at.saturating_add(len);
                Ok(slice)
            }
            None => Err(DecodeError::Truncated {
                what,
                offset: self.offset(),
                needed: len as u64,
                left: self.left() as u64,
            }),
        }
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    #[inline]
    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        match self.bytes.get(self.at) {
            Some(&byte) => {
                // Below the length of a slice.
                self.at = self.at.wrapping_add(1);
                Ok(byte)
            }
            None => Ok(u8::from_le_bytes(self.array(what)?)),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                // Below the length of a slice.
                self.at = self.at.wrapping_add(1);
                Ok(u32::from(byte))
            }
            _ => self.long_varint(what),
        }
    }

    /// Reads a varint for each; nearly always each of them is one byte.
    #[inline]
    pub(crate) fn varints<T>(
        &mut self,
        of: impl ExactSizeIterator<Item = T>,
        what: &'static str,
        mut each: impl FnMut(T, u32),
    ) -> Result<(), DecodeError> {
        let bytes = self.rest().get(..of.len()).unwrap_or_default();
        let bits = bytes.iter().fold(0, |bits, byte| bits | byte);
        if bytes.len() == of.len() && bits < 0x80 {
            self.at = self.at.saturating_add(bytes.len());
            of.zip(bytes).for_each(|(one, &byte)| each(one, u32::from(byte)));
            return Ok(());
        }
        let bytes = self.bytes;
        let mut at = self.at;
        for one in of {
            match bytes.get(at) {
                Some(&byte) if byte < 0x80 => {
                    // Below the length of a slice.
                    at = at.wrapping_add(1);
                    each(one, u32::from(byte));
                }
                _ => {
                    self.at = at;
                    each(one, self.long_varint(what)?);
                    at = self.at;
                }
            }
        }
        self.at = at;
        Ok(())
    }

    #[inline(never)]
    fn long_varint(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let start = self.offset();
        let mut value: u32 = 0;
        for shift in [0u32, 7, 14, 21, 28] {
            let byte = self.u8(what)?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Invalid {
            what,
            offset: start,
            expected: "a varint of at most 32 bits".into(),
            found: "a longer one".into(),
        })
    }

    /// A count of things that take at least one byte each: never more than
    /// what is left, so that it is safe to allocate for.
    pub(crate) fn count(&mut self, what: &'static str) -> Result<usize, DecodeError> {
        let start = self.offset();
        let count = self.varint(what)? as usize;
        if count > self.left() {
            return Err(DecodeError::Truncated {
                what,
                offset: start,
                needed: count as u64,
                left: self.left() as u64,
            });
        }
        Ok(count)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let len = self.count(what)?;
        let start = self.offset();
        std::str::from_utf8(self.take(len, what)?).map_err(|error| DecodeError::Invalid {
            what,
            offset: start.saturating_add(error.valid_up_to()),
            expected: "UTF-8".into(),
            found: "other bytes".into(),
        })
    }
}
