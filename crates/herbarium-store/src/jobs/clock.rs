//! What time it is, and who is alive.

use std::fs;

use crate::files::{SegmentId, now_ns};
use crate::wire::Reader;

/// Now: by the clock on the wall, which may jump, and since the system started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) wall_ns: u64,
    /// Which start that was; zeros where the system does not tell.
    pub(super) boot: [u8; 16],
    /// As long as nobody tells, the clock on the wall.
    pub(super) since_boot_ns: u64,
}

impl Now {
    pub(super) fn read() -> Self {
        let wall_ns = now_ns();
        match boot_id().zip(uptime_ns()) {
            Some((boot, since_boot_ns)) => Self { wall_ns, boot, since_boot_ns },
            None => Self { wall_ns, boot: [0; 16], since_boot_ns: wall_ns },
        }
    }
}

/// A process that works on jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    boot: [u8; 16],
    /// In which processes have their numbers; 0 where the system does not tell.
    namespace: u64,
    pid: u32,
    /// When it started, as the system counts: numbers are used again.
    started: u64,
    /// Tells queues in one process apart.
    random: [u8; 16],
}

impl Owner {
    pub(super) const LEN: usize = 52;

    pub(super) fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            boot: boot_id().unwrap_or_default(),
            namespace: namespace().unwrap_or(0),
            pid,
            started: started(pid).unwrap_or(0),
            random: SegmentId::random().0,
        }
    }

    /// Whether the process is gone for certain.
    pub(super) fn is_gone(&self, now: &Now) -> bool {
        if self.boot == [0; 16] || now.boot == [0; 16] {
            return false;
        }
        if self.boot != now.boot {
            return true;
        }
        // Of processes in another container nothing can be said.
        let is_ours = self.namespace != 0 && namespace() == Some(self.namespace);
        is_ours && self.started != 0 && started(self.pid) != Some(self.started)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.boot);
        out.extend_from_slice(&self.namespace.to_le_bytes());
        out.extend_from_slice(&self.pid.to_le_bytes());
        out.extend_from_slice(&self.started.to_le_bytes());
        out.extend_from_slice(&self.random);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            boot: reader.array()?,
            namespace: reader.u64()?,
            pid: reader.u32()?,
            started: reader.u64()?,
            random: reader.array()?,
        })
    }
}

fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    crate::key::parse_hex(&text.trim().replace('-', ""))
}

fn uptime_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, parts) = text.split_whitespace().next()?.split_once('.')?;
    let (seconds, parts): (u64, u64) = (seconds.parse().ok()?, parts.parse().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(parts.checked_mul(10_000_000)?)
}

fn namespace() -> Option<u64> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may have anything in it.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_ended_is_gone_and_this_one_is_not() {
        let now = Now::read();
        let this = Owner::this_process();
        assert!(!this.is_gone(&now));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Owner { pid: child.id(), started: started(child.id()).unwrap(), ..this };
        assert!(!other.is_gone(&now));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone(&now));
        assert!(Owner { boot: [9; 16], ..this }.is_gone(&now), "before the system started");
        assert!(!Owner { namespace: 1, ..other }.is_gone(&now), "in another container");
    }

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        let (owner, mut bytes) = (Owner::this_process(), Vec::new());
        owner.put(&mut bytes);
        assert_eq!(bytes.len(), Owner::LEN);
        assert_eq!(Owner::read(&mut Reader(&bytes)), Some(owner));
    }
}
