//! A value as the tiers below memory hold it: a header, and the payload.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `HbC` and the version, 1 |
//! | 1 | how the payload is compressed: 0 not, 1 LZ4, 2 zstd, 3 zstd with a dictionary |
//! | 3 | a stamp of the cache that wrote it, 0 for most; others ignore it |
//! | 4 | the dictionary, as the low half of the xxh3-64 of its content; 0: none |
//! | 4 | length of the payload when decompressed |
//! | 8 | xxh3-64 of the 16 bytes above, the key and the payload |
//!
//! Numbers are little-endian. The key is in the checksum, so a tier that mixes up two keys
//! makes a miss and not a wrong value. Checksums stop accidents; they do not stop somebody
//! who may write into the tier.

use xxhash_rust::xxh3::Xxh3;

use crate::compression::{Method, Packing};

/// Bytes before the payload.
pub(crate) const HEADER: usize = 24;
const CHECKED: usize = 16;
const MAGIC: [u8; 4] = *b"HbC\x01";

/// Writes the header of a record whose payload is in place behind it.
pub(crate) fn seal(key: &[u8], packing: Packing, stamp: u32, record: &mut [u8]) {
    let Some((header, payload)) = record.split_first_chunk_mut::<HEADER>() else { return };
    let fields = fields(packing, stamp);
    header[..CHECKED].copy_from_slice(&fields);
    header[CHECKED..].copy_from_slice(&checksum(&fields, key, payload).to_le_bytes());
}

/// The payload of a record of this key, how to unpack it, and its stamp.
pub(crate) fn open<'a>(
    key: &[u8],
    record: &'a [u8],
) -> Result<(Packing, u32, &'a [u8]), &'static str> {
    let (header, payload) = record.split_first_chunk::<HEADER>().ok_or("it is too short")?;
    let (fields, sum) = header.split_first_chunk::<CHECKED>().ok_or("it is too short")?;
    if fields[..4] != MAGIC {
        return Err("it does not begin as a record of this version does");
    }
    if *sum != checksum(fields, key, payload).to_le_bytes() {
        return Err("its checksum is wrong");
    }
    let method = Method::of(fields[4]).ok_or("its compression is not known")?;
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| fields[at + byte]));
    let packing = Packing { method, dictionary: number(8), raw_len: number(12) };
    Ok((packing, number(4) >> 8, payload))
}

fn fields(packing: Packing, stamp: u32) -> [u8; CHECKED] {
    let mut fields = [0; CHECKED];
    fields[..4].copy_from_slice(&MAGIC);
    fields[4..8].copy_from_slice(&(stamp << 8 | packing.method as u32).to_le_bytes());
    fields[8..12].copy_from_slice(&packing.dictionary.to_le_bytes());
    fields[12..16].copy_from_slice(&packing.raw_len.to_le_bytes());
    fields
}

fn checksum(fields: &[u8], key: &[u8], payload: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(fields);
    hash.update(key);
    hash.update(payload);
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &[u8], payload: &[u8]) -> Vec<u8> {
        let packing = Packing { method: Method::Raw, dictionary: 9, raw_len: payload.len() as u32 };
        let mut record = [&[0; HEADER], payload].concat();
        seal(key, packing, 0xABCDEF, &mut record);
        record
    }

    #[test]
    fn a_sealed_record_opens_with_its_key_and_no_other() {
        let record = sealed(b"key", b"payload");
        let (packing, stamp, payload) = open(b"key", &record).expect("its own key");
        assert_eq!((packing.dictionary, stamp, payload), (9, 0xABCDEF, &b"payload"[..]));
        assert_eq!(open(b"kez", &record), Err("its checksum is wrong"));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        let record = sealed(b"key", b"payload");
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"key", &flipped).is_err(), "bit {bit}");
        }
        for len in 0..record.len() {
            assert!(open(b"key", &record[..len]).is_err(), "cut to {len}");
        }
    }
}
