//! Every size and share that was chosen because of a measurement, with the
//! figure that justifies it.
//!
//! The figures are of one machine with two cores and a virtual disk, in its page
//! cache; ratios between them are what they are used for.

/// Size at which a segment is sealed.
///
/// Opening costs a mapping and a check of some kilobytes for each segment: at
/// 64 MiB a store of the Linux kernel's trees (some 70 MB) has two. A scan of a
/// segment left behind by a killed process takes about 15 ms for each 64 MiB; a
/// rewrite by `gc` writes at most that much at a time.
pub const SEGMENT_SIZE: u64 = 64 << 20;

/// Smaller remains are continued by the next writer instead of being sealed.
///
/// Many short runs would leave many small segments, each searched for every
/// miss. Scanning this much at the next open takes about a millisecond.
pub const WORTH_SEALING: u64 = 4 << 20;

/// A segment below this share of [`SEGMENT_SIZE`], in percent, is merged with
/// others by `gc`.
///
/// Below a quarter: two merged ones are at most half full, so that what was
/// merged once is merged again at most twice before it is left alone.
pub const SMALL_PERCENT: u64 = 25;

/// `gc` writes a segment anew if this many percent of its records are garbage.
///
/// Writing costs what is kept, and frees what is not: at a quarter three bytes
/// are written for one that is freed. At a tenth it would be nine, at a half
/// one, with up to as much garbage as trees left behind. RocksDB's blob files
/// and git's packs are collected at 25 and 50 percent.
pub const GARBAGE_PERCENT: u64 = 25;

/// Differences that are opened one on the other at most.
///
/// Each costs about what opening a whole tree costs: a get took 2 times that of the
/// whole tree at depth 1 and 3 to 5 times at depth 5 (17 us become 50). Over ten
/// point releases of one project (Django 5.0.1 to 5.0.11, 174 changed files) no
/// file reached 9: the bound is for those that are edited all day, whose gets stay
/// below a tenth of parsing them.
pub const DELTA_DEPTH: u8 = 8;

/// A difference is stored if it takes at most this many percent of the whole tree's
/// record.
///
/// What pays, pays much: over the same releases the median difference took 8
/// percent of the whole record, and 167 of 174 were stored so. Between 75 and
/// 100 percent lie small files and rewritten ones, that gain less than the record of
/// a small tree (200 bytes) for a get that takes twice the time.
pub const DELTA_PERCENT: u64 = 75;

/// Level of zstd for differences.
///
/// Trees added by nine further releases, in percent of the first: 4.86 at level
/// 3, 4.71 at 9, 4.70 at 19. With edits made up (5 percent of the files each
/// time, one to five hunks): Python 7.7, 7.1, 6.9; small Go programs 18.8, 17.4,
/// 17.0. A put took 0.3 ms at 3, 0.4 at 9 and 1.3 at 19, beside a parse of
/// several. The zstd dictionary before the base gained less than 0.3.
pub const DELTA_LEVEL: i32 = 9;
