//! What this machine and this process are doing.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

#[cfg_attr(unix, path = "host/unix.rs")]
#[cfg_attr(not(unix), path = "host/elsewhere.rs")]
mod system;

pub(crate) use system::thread_cpu;
pub use system::{process_cpu, raise_file_limit, usage_of};

/// The machine that a run was made on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Operating system and its release.
    pub system: String,
    /// Model of its processor.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
}

impl Host {
    /// This one.
    pub fn this() -> Self {
        system::this(cores())
    }

    /// Equal on equal machines only.
    pub fn fingerprint(&self) -> String {
        let Self { name, system, processor, cores } = self;
        let text = format!("{name}\n{system}\n{processor}\n{cores}");
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }
}

/// Processors that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// For how long, since the start of the system, somebody has waited for a
/// processor. `None` where the kernel does not tell.
pub fn pressure() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
    let some = text.lines().find(|line| line.starts_with("some"))?;
    let total = some.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

/// How much others are kept waiting, from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PressureWatch {
    waited: Option<Duration>,
    since: Instant,
}

impl PressureWatch {
    pub(crate) fn start() -> Self {
        Self { waited: pressure(), since: Instant::now() }
    }

    /// Share of the time since in which somebody waited for a processor.
    pub(crate) fn share(self) -> Option<f64> {
        let waited = pressure()?.saturating_sub(self.waited?);
        Some(waited.as_secs_f64() / self.since.elapsed().as_secs_f64().max(1e-9))
    }
}

/// Memory, processor time and open files of a process.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage {
    /// Resident bytes.
    pub memory: Option<f64>,
    /// Seconds of processor time since its start.
    pub cpu: Option<f64>,
    /// Open files and sockets.
    pub descriptors: Option<f64>,
}
