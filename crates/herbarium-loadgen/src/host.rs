//! What this machine and this process are doing.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

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
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        Self {
            name: text(uname.nodename()),
            system: format!("{} {}", text(uname.sysname()), text(uname.release())),
            processor: processor().unwrap_or_else(|| text(uname.machine())),
            cores: cores(),
        }
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

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

/// Processor time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// Processor time of this process.
pub fn process_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
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

/// Files for the program itself, beside its connections.
const OWN_FILES: u64 = 64;

/// Raises the limit of open files as far as `connections` need it and the
/// system lets it; gives the limit if that is too low.
pub fn raise_file_limit(connections: u64) -> Result<(), u64> {
    let needed = connections + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return Ok(());
    }
    let highest = limit.maximum.unwrap_or(u64::MAX);
    let wanted = Rlimit { current: Some(needed.min(highest)), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) if highest >= needed => Ok(()),
        Ok(()) => Err(highest),
        Err(_) => Err(current),
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

/// Of a process on this machine; `None` if there is none of that number.
pub fn usage_of(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok();
    Some(Usage {
        memory: number(21).map(|pages| pages * page),
        cpu: Some((number(11)? + number(12)?) / ticks),
        descriptors: files.map(|files| files.count() as f64),
    })
}
