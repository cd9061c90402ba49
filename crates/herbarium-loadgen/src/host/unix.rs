//! As Unix has it, with `/proc` where there is one.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::{Host, Usage};

pub(super) fn this(cores: usize) -> Host {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Host {
        name: text(uname.nodename()),
        system: format!("{} {}", text(uname.sysname()), text(uname.release())),
        processor: processor().unwrap_or_else(|| text(uname.machine())),
        cores,
    }
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
