//! Dictionaries: what the trees of one grammar have in common, kept once.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use herbarium_codec::Fingerprint;
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::heuristics::TRAINING_BYTES;
use crate::key;
use crate::wire::Reader;

const DOMAIN: &[u8] = b"herbarium dictionary";

/// Identity of a dictionary: the first 8 bytes of the hash over its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DictionaryId(pub u64);

impl DictionaryId {
    /// Zero stands for "none" wherever an id is stored.
    pub(crate) fn named(id: u64) -> Option<Self> {
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for DictionaryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DictionaryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DictionaryId({self})")
    }
}

/// What trees of one grammar share: the codec's book of node shapes, and a
/// dictionary for zstd. Either may be empty.
///
/// A tree that was stored with a dictionary is a miss without it; the store
/// therefore keeps every dictionary twice. Its digested forms are computed once
/// and shared by all threads.
///
/// ```
/// use herbarium_codec::Fingerprint;
/// use herbarium_store::Dictionary;
///
/// let dictionary = Dictionary::new(Fingerprint([1; 16]), b"shapes".to_vec(), Vec::new());
/// let same = Dictionary::new(Fingerprint([1; 16]), b"shapes".to_vec(), Vec::new());
/// assert_eq!(dictionary.id(), same.id());
/// ```
pub struct Dictionary {
    key: [u8; 32],
    id: DictionaryId,
    fingerprint: Fingerprint,
    book: Vec<u8>,
    zstd: Vec<u8>,
    decoder: OnceLock<Option<DecoderDictionary<'static>>>,
    encoders: Mutex<Vec<(i32, Arc<EncoderDictionary<'static>>)>>,
}

impl Dictionary {
    /// Makes a dictionary for the trees of a grammar.
    ///
    /// `book` is opaque to the store; `zstd` is what [`train_zstd`] gives, or
    /// nothing.
    pub fn new(fingerprint: Fingerprint, book: Vec<u8>, zstd: Vec<u8>) -> Self {
        let (key, id) = identity(fingerprint, &book, &zstd);
        Self {
            key,
            id,
            fingerprint,
            book,
            zstd,
            decoder: OnceLock::new(),
            encoders: Mutex::new(Vec::new()),
        }
    }

    /// Its identity.
    pub fn id(&self) -> DictionaryId {
        self.id
    }

    /// The grammar whose trees it is for.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The book of node shapes, as it was given.
    pub fn book(&self) -> &[u8] {
        &self.book
    }

    /// The dictionary for zstd; may be empty.
    pub fn zstd(&self) -> &[u8] {
        &self.zstd
    }

    /// The key of its record.
    pub(crate) fn key(&self) -> [u8; 32] {
        self.key
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + self.book.len() + self.zstd.len());
        bytes.extend_from_slice(&self.fingerprint.0);
        bytes.extend_from_slice(&(self.book.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.zstd.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.book);
        bytes.extend_from_slice(&self.zstd);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let fingerprint = Fingerprint(reader.array()?);
        let (book, zstd) = (reader.u32()? as usize, reader.u32()? as usize);
        let book = reader.take(book)?.to_vec();
        let zstd = reader.take(zstd)?.to_vec();
        reader.0.is_empty().then(|| Self::new(fingerprint, book, zstd))
    }

    /// The digested form for decompression; `None` if there is nothing to digest.
    pub(crate) fn decoder(&self) -> Option<&DecoderDictionary<'static>> {
        let digest = || {
            let bytes = Some(&self.zstd).filter(|zstd| !zstd.is_empty())?;
            DecoderDictionary::try_copy(bytes).ok()
        };
        self.decoder.get_or_init(digest).as_ref()
    }

    /// The digested form for compression at a level.
    pub(crate) fn encoder(&self, level: i32) -> Option<Arc<EncoderDictionary<'static>>> {
        if self.zstd.is_empty() {
            return None;
        }
        let mut encoders = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoder)) = encoders.iter().find(|(at, _)| *at == level) {
            return Some(Arc::clone(encoder));
        }
        let encoder = Arc::new(EncoderDictionary::try_copy(&self.zstd, level).ok()?);
        encoders.push((level, Arc::clone(&encoder)));
        Some(encoder)
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary")
            .field("id", &self.id)
            .field("fingerprint", &self.fingerprint)
            .field("book", &self.book.len())
            .field("zstd", &self.zstd.len())
            .finish()
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Dictionary {}

fn identity(fingerprint: Fingerprint, book: &[u8], zstd: &[u8]) -> ([u8; 32], DictionaryId) {
    let mut hasher = blake3::Hasher::new();
    for part in [DOMAIN, &fingerprint.0, book, zstd] {
        key::put(&mut hasher, part);
    }
    for counter in 0..=u8::MAX {
        let key = *hasher.finalize().as_bytes();
        let id = key.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if id != 0 {
            return (key, DictionaryId(id));
        }
        hasher.update(&[counter]);
    }
    // 256 hashes in a row that begin with 8 zero bytes: not in this universe.
    ([1; 32], DictionaryId(u64::from_le_bytes([1; 8])))
}

/// Fewer samples say nothing about the next tree.
const MIN_SAMPLES: usize = 8;
/// Nor do fewer bytes: what they have in common fits zstd's own window.
const MIN_TRAINING: usize = 8 << 10;
/// zstd's trainer refuses smaller dictionaries.
const MIN_DICTIONARY: usize = 512;
/// Magic number of a trained zstd dictionary; 4 bytes of id follow.
const ZSTD_DICTIONARY_MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();

/// Trains a zstd dictionary of at most `size` bytes.
///
/// `None` where there is nothing to learn: too few samples, too small ones, or
/// all of them alike. Good samples are some hundred trees, as bytecode, together
/// about a hundred times `size`; what goes beyond 5 MiB is left out, which keeps
/// training under half a second of CPU time.
///
/// ```
/// use herbarium_store::train_zstd;
///
/// assert!(train_zstd(&[], 16 << 10).is_none());
/// ```
pub fn train_zstd(samples: &[Vec<u8>], size: usize) -> Option<Vec<u8>> {
    let mut total = 0usize;
    let fits = |sample: &&[u8]| {
        total = total.saturating_add(sample.len());
        total <= TRAINING_BYTES
    };
    let samples: Vec<&[u8]> = samples
        .iter()
        .map(Vec::as_slice)
        .filter(|sample| !sample.is_empty())
        .take_while(fits)
        .collect();
    let enough: usize = samples.iter().map(|sample| sample.len()).sum();
    if samples.len() < MIN_SAMPLES || enough < MIN_TRAINING || size < MIN_DICTIONARY {
        return None;
    }
    let mut trained = zstd::dict::from_samples(&samples, size).ok()?;
    // Every frame would repeat the id, 4 bytes of it: ours is in the context.
    let id = trained.get_mut(4..8)?;
    id.fill(0);
    trained.starts_with(&ZSTD_DICTIONARY_MAGIC).then_some(trained)
}
