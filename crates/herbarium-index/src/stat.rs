//! What a file looks like from outside, and whether that can be trusted.

use std::fs::Metadata;

use herbarium_store::ManifestRow;

/// Size, times and inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stat {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    /// 0 where the system does not tell.
    pub(crate) ctime_ns: i64,
    /// 0 where the system does not tell.
    pub(crate) inode: u64,
}

/// How far behind the clock a file system's times may be. Linux stamps files by
/// a clock that ticks every 1 to 10 ms.
const FINE_STEP_NS: i64 = 20_000_000;
/// FAT counts in steps of two seconds, HFS+ and old ext3 in seconds.
const COARSE_STEP_NS: i64 = 2_000_000_000;

impl Stat {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            size: metadata.len(),
            mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    /// As the system itself tells it.
    #[cfg(unix)]
    #[allow(clippy::unnecessary_cast, reason = "the types of the fields differ between systems")]
    pub(crate) fn of_system(stat: &rustix::fs::Stat) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            size: stat.st_size as u64,
            mtime_ns: ns(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: ns(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(std::time::UNIX_EPOCH);
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mtime_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        Self { size: metadata.len(), mtime_ns, ctime_ns: 0, inode: 0 }
    }

    /// What a manifest says of a file.
    pub(crate) fn recorded(row: &ManifestRow) -> Self {
        Self { size: row.size, mtime_ns: row.mtime_ns, ctime_ns: row.ctime_ns, inode: row.inode }
    }

    /// Whether the file may have changed after `taken_ns` without showing it.
    ///
    /// git's rule for a "racily clean" file: who writes to a file after it was
    /// read gives it a time that is not before the reading, give or take a step
    /// of the clock. If the recorded time is that late, the recorded content may
    /// be an older one of the same size. The time of the last change of anything
    /// (ctime) counts as well: it catches those who set the other one back.
    pub(crate) fn is_racy(&self, taken_ns: i64) -> bool {
        let late = |time: i64| time >= taken_ns.saturating_sub(step(time));
        late(self.mtime_ns) || (self.ctime_ns != 0 && late(self.ctime_ns))
    }
}

/// A time without a fraction of a second may come from a coarse clock.
fn step(time_ns: i64) -> i64 {
    if time_ns % 1_000_000_000 == 0 { COARSE_STEP_NS } else { FINE_STEP_NS }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn check(mtime_ns: i64, ctime_ns: i64, racy: bool) {
        let taken_ns = 100 * SECOND + 500_000_000;
        let stat = Stat { size: 1, mtime_ns, ctime_ns, inode: 1 };
        assert_eq!(stat.is_racy(taken_ns), racy, "mtime {mtime_ns}, ctime {ctime_ns}");
    }

    #[test]
    fn only_times_clearly_before_the_reading_are_trusted() {
        check(99 * SECOND + 1, 99 * SECOND + 1, false);
        check(100 * SECOND + 470_000_000, 0, false);
        check(100 * SECOND + 490_000_000, 0, true);
        check(100 * SECOND + 500_000_000, 0, true);
        check(500 * SECOND + 1, 0, true);
    }

    #[test]
    fn whole_seconds_need_more_distance() {
        check(98 * SECOND, 0, false);
        check(99 * SECOND, 0, true);
        check(100 * SECOND, 0, true);
    }

    #[test]
    fn a_late_change_of_anything_counts() {
        check(SECOND + 1, 100 * SECOND + 499_000_000, true);
        check(SECOND + 1, 90 * SECOND + 1, false);
    }
}
