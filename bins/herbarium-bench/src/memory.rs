//! How much memory this process has.

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Memory of this process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// All that is resident, shared file pages included, as every system counts it.
    pub(crate) resident: u64,
    /// Anonymous pages: what no file backs, and so what only this process pays
    /// for. Linux only.
    pub(crate) anonymous: Option<u64>,
}

impl Memory {
    /// What the process has now.
    pub(crate) fn now() -> Self {
        // `smaps_rollup` counts pages; `status` gives counters that lag behind
        // by up to 64 pages a thread. "Private" there is no help: it has the
        // pages of a program that was just built, too.
        let anonymous = linux::smaps("Anonymous").or_else(|| linux::status("RssAnon"));
        Self { anonymous, resident: resident() }
    }

    /// What came on top since.
    pub(crate) fn growth_since(&self, before: &Self) -> Self {
        let grown = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            resident: self.resident.saturating_sub(before.resident),
            anonymous: grown(self.anonymous, before.anonymous),
        }
    }

    /// Memory that only this process pays for, by the best count there is.
    pub(crate) fn private(&self) -> u64 {
        self.anonymous.unwrap_or(self.resident)
    }
}

/// Resident memory of this process; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let Ok(mut system) = System::new() else { return 0 };
    let this = Pid::from_u32(std::process::id());
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, what);
    system.process(this).map_or(0, sysinfo::Process::memory)
}

/// The most that was ever resident; Linux only.
pub(crate) fn peak() -> Option<u64> {
    linux::status("VmHWM")
}

mod linux {
    use std::fs;

    pub(super) fn status(field: &str) -> Option<u64> {
        field_of(&fs::read_to_string("/proc/self/status").ok()?, field)
    }

    pub(super) fn smaps(field: &str) -> Option<u64> {
        field_of(&fs::read_to_string("/proc/self/smaps_rollup").ok()?, field)
    }

    /// `RssAnon:      1234 kB`, in bytes.
    pub(super) fn field_of(text: &str, field: &str) -> Option<u64> {
        let value = |line: &str| {
            let rest = line.strip_prefix(field)?.strip_prefix(':')?;
            rest.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()
        };
        text.lines().find_map(value).map(|kilobytes| kilobytes * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(linux::field_of(text, "RssAnon"), expected, "{text:?}");
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        check("VmRSS:\t   9 kB\nRssAnon:\t     136 kB\n", Some(136 << 10));
        check("RssAnonymous: 1 kB\nRssAnon: 2 kB", Some(2 << 10));
        check("RssAnon: many kB", None);
        check("", None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(Memory::now().private() > 0);
    }
}
