//! Every size and share that was chosen because of a measurement, with the
//! figure that justifies it.
//!
//! The figures are of one machine with two cores and a virtual disk, in its page
//! cache; ratios between them are what they are used for.

/// Size at which a segment is sealed.
///
/// The same 57,000 trees (128 MB) in segments of 4, 16, 64 and 256 MiB: a store opened in
/// 0.46, 0.17, 0.09 and 0.07 ms, a key that is not there was looked up in 3.1, 1.7,
/// 1.6 and 1.8 us. Left open by a process that was killed they took 61 ms to scan, half
/// of that for 64 MiB; and a collection writes at most one segment before it removes
/// another.
pub const SEGMENT_SIZE: u64 = 64 << 20;

/// Smaller remains are continued by the next writer instead of being sealed.
///
/// Many short runs would leave many small segments, each of which is searched for
/// every key that is not there: with 32 of them that took twice as long as with 2. At
/// the rate above this much is scanned in 2 ms by the next process that opens the store.
pub const WORTH_SEALING: u64 = 4 << 20;

/// A segment below this share of the segment size, in percent, is merged with others by
/// [`Store::gc`](crate::Store::gc).
///
/// At a quarter, two that were merged are at most half full: what was merged is merged
/// again at most twice before it is left alone.
pub const SMALL_PERCENT: u64 = 25;

/// [`Store::gc`](crate::Store::gc) writes a segment anew if this many percent of it are
/// garbage.
///
/// Writing costs what is kept, and frees what is not: at a quarter three bytes are
/// written for one that is freed, at a tenth nine, at a half one. A store in which a
/// third was garbage (119 MB, 52,000 trees) was collected in 0.6 s, 130 MB written a
/// second: a store of a gigabyte at this threshold takes some six seconds, once, and is
/// never more than a third larger than it must be.
pub const GARBAGE_PERCENT: u64 = 25;

/// Differences that are opened one on the other at most.
///
/// Each costs about what opening a whole tree costs. Files of 4,000 bytes and more, in
/// us, whole and at depth 1, 2, 4 and 8: Python 14, 27, 43, 75, 141; Go 12, 30, 46,
/// 78, 147. With the decoding (1 to 1.5 percent of a parse of 8,600 and 6,100) a tree at
/// depth 4 is there in 1/42 of the time of parsing its file, one at 8 in 1/32: a
/// cold tree is to take no more than 1/35. Where a chain has become so long, the next
/// begins at its root.
pub const DELTA_DEPTH: u8 = 4;

/// A difference is stored if it takes at most this many percent of the whole tree's
/// record.
///
/// What pays, pays much: over ten point releases of one project (Django 5.0.1 to 5.0.11)
/// 174 files changed, 168 of which were stored as differences, all together in 7 percent
/// of the bytes of whole trees. What lies between 75 and 100 percent are small and
/// rewritten files, which gain little for a get that takes twice the time.
pub const DELTA_PERCENT: u64 = 75;

/// Level of zstd for differences.
///
/// What nine further releases of that project add, in percent of the first: 4.86 at level
/// 3, 4.71 at 9, 4.70 at 19 (67.7 without differences). With edits made up, of 5 percent
/// of the files each time, one to five hunks: Python 7.7, 7.1, 6.9; small Go programs
/// 18.8, 17.4, 17.0. A put took about 0.35 ms at 3, 0.47 at 9 and 1.4 at 19, on a busy
/// machine. The zstd dictionary before the base changed these by less than 0.4.
pub const DELTA_LEVEL: i32 = 9;

/// Samples that a dictionary of a language is made from, at most.
///
/// The bytes of other files with what 50, 100, 200 and 400 samples taught, in percent of
/// those without: Python 79.3, 78.5, 76.1 (there were no more than 208); Go 67.7, 66.5,
/// 64.8, 64.7; C 77.0, 74.5, 74.2, 71.8. Each costs a tree held in memory until then.
pub const SAMPLE_FILES: usize = 200;

/// Bytes of bytecode that the trainer looks at, at most.
///
/// It took 0.13 s for 1.6 MB, and grows in proportion: half a second for all of it.
pub const TRAINING_BYTES: usize = 5 << 20;

/// Sizes between which the zstd dictionary of a language is chosen.
///
/// The bytes of three quarters of up to 800 files at level 3, in percent of those
/// without book and dictionary; book and dictionary were learnt from the others:
///
/// | | book alone | 4 KiB | 16 KiB | 32 KiB | 64 KiB | 112 KiB | chosen |
/// |---|---|---|---|---|---|---|---|
/// | Python | 86.6 | 78.9 | 78.1 | 76.9 | 76.3 | 75.0 | 76.9 (30 KiB) |
/// | Go | 79.5 | 67.3 | 66.3 | 65.3 | 64.5 | 64.5 | 65.7 (27 KiB) |
/// | C | 84.0 | 75.3 | 73.7 | 72.7 | 71.7 | 71.0 | 71.9 (55 KiB) |
/// | Java | 81.3 | 68.3 | 66.9 | 67.3 | 67.3 | 67.3 | 67.6 (6 KiB) |
/// | Rust | 83.0 | 72.3 | 70.7 | 69.6 | 68.1 | 68.5 | 69.4 (29 KiB) |
/// | JavaScript | 79.3 | 66.2 | 64.1 | 62.5 | 61.1 | 60.1 | 63.5 (14 KiB) |
///
/// The dictionary itself is stored twice: the one to 1.3 points that 112 KiB gain for
/// Python and JavaScript are worth it from thousands of files on.
pub const DICTIONARY_BYTES: (usize, usize) = (4 << 10, 64 << 10);

/// Bytes of samples for each byte of a dictionary: see [`dictionary_bytes`].
pub const SAMPLE_PER_BYTE: usize = 16;

/// How large a dictionary to make for a language, given the bytes of bytecode of all its
/// samples: what a language needs follows from what it shows of itself.
///
/// A sixteenth: of the six languages of [`DICTIONARY_BYTES`] this chose 6 to 55 KiB,
/// within 2.4 percentage points of the best up to 64 KiB, with dictionaries of half the
/// size together.
///
/// ```
/// use herbarium_store::heuristics::dictionary_bytes;
///
/// assert_eq!(dictionary_bytes(480 << 10), 30 << 10);
/// assert_eq!(dictionary_bytes(1_000), 4 << 10);
/// ```
pub fn dictionary_bytes(sample_bytes: usize) -> usize {
    let (least, most) = DICTIONARY_BYTES;
    (sample_bytes / SAMPLE_PER_BYTE).clamp(least, most)
}

/// Level of zstd for whole trees.
///
/// With the dictionary that is chosen, in percent as there, at levels 1, 3, 9 and 19:
/// Python 80.2, 76.9, 70.2, 66.2; Go 69.2, 65.7, 60.1, 56.9; C 76.4, 71.9, 66.1,
/// 61.5; Java 70.6, 67.6, 62.4, 60.4; Rust 73.0, 69.4, 62.8, 59.8; JavaScript
/// 66.4, 63.5, 59.3, 57.4. Compressing a tree of 7 KB took 0.04 ms at 3, 0.3 at 9,
/// 4.5 at 19, beside a parse of one to three.
pub const LEVEL: i32 = 3;

/// Bytes that a part of a manifest takes in the catalogue at most, key and checksum
/// included.
///
/// redb gives a value a power of two of pages, side by side, and moves it only where so
/// many are free. A catalogue with a manifest of 20,000 files (0.75 MB), replaced nine times,
/// was 1.00, 1.00, 0.92 and 0.92 MB at most afterwards with parts of 256, 128, 64 and 32 KiB,
/// and 1.05, 0.82, 0.82 and 0.82 MB at least in the last five. A manifest of 100,000 files takes
/// some 80 parts.
pub const MANIFEST_CHUNK: usize = 64 << 10;

/// Bytes that a part of a manifest takes at least, unless its root is so long that it
/// would be a quarter of that.
///
/// A page of redb. A manifest of 82 KB (3,481 files of Django 4.2.10) took 128 KiB as one
/// value, and takes 84 KiB in parts of 64, 16 and 4.
pub const MANIFEST_CHUNK_LEAST: usize = 4 << 10;

/// A manifest is stored as the difference to that of another release if that takes at
/// most this many percent of it.
///
/// Ten point releases of one project (Django 4.2.1 to 4.2.10) in a folder each: by itself each
/// manifest takes 80 KB, as a difference 10 to 13, two thirds of that the times at which files
/// were written. The whole store was 1.61 times that of the first release, and is 1.075 times.
/// Put in 1.6 to 2.4 ms and read in 0.5, where one by itself takes 0.85. What takes half or more
/// has other trees: keys are two thirds of a manifest, and do not compress.
pub const MANIFEST_DIFFERENCE_PERCENT: usize = 50;

/// Bytes of a manifest below which it is stored by itself.
///
/// A part takes a page of 4 KiB: what is left of 16 KiB and its base take no less.
pub const MANIFEST_DIFFERENCE_LEAST: usize = 16 << 10;

/// Level of zstd for differences between manifests.
///
/// Those of the second and tenth of these releases at 1, 3, 9 and 19: 16.8, 9.6, 9.4 and 9.3
/// KB, and 20.1, 12.5, 12.0 and 11.6, put in 1.6, 1.6, 2.9 and 20 ms. A copy of the C files of
/// Linux 6.12 (24,829, 1.25 MB by itself): 15, 15.6, 196 and 12 KB in 20, 20, 33 and 142 ms;
/// at 9 zstd looks at the end of so long a base only.
pub const MANIFEST_DIFFERENCE_LEVEL: i32 = 3;

/// Whoever closes a store makes the catalogue smaller if it wrote to it and this many
/// percent of it are free.
///
/// Ten point releases of one project (Django 4.2.1 to 4.2.10), indexed one after the other in
/// one place: segments of 0.935 MB grew to 0.946. The catalogue took 397 or 528 KB after each,
/// as a manifest is written before the one that it replaces goes; all files 1.10 times
/// those after the first. Made smaller, it takes 221 to 266 KB, all files never more than 1.01
/// times. That takes 6 to 11 ms, of a run that parsed something; where nothing changed, nothing
/// is written. What can be free in a tenth is not worth it: a whole store is then a
/// thirtieth larger.
pub const CATALOGUE_SPARE_PERCENT: u64 = 10;

/// Bytes that a scan of a segment reads at once.
///
/// Records of whole trees took 2.3 KB on average: a hundred for each system call, and no
/// more memory than that however long the segment.
pub const SCAN_WINDOW: usize = 256 << 10;
