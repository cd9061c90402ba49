//! Where there is no Unix: through libraries.

use std::time::Duration;

use cpu_time::{ProcessTime, ThreadTime};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{Host, Usage};

pub(super) fn this(cores: usize) -> Host {
    let unknown = || "unknown".to_owned();
    Host {
        name: System::host_name().unwrap_or_else(|_| unknown()),
        system: System::long_os_version().unwrap_or_else(|_| unknown()),
        processor: System::cpu_arch(),
        cores,
    }
}

/// Processor time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

/// Processor time of this process.
pub fn process_cpu() -> Duration {
    ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

/// There is no such limit on sockets here.
///
/// # Errors
/// None.
pub fn raise_file_limit(_: u64) -> Result<(), u64> {
    Ok(())
}

/// Of a process on this machine; `None` if there is none of that number.
pub fn usage_of(pid: u32) -> Option<Usage> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted);
    let process = system.process(pid)?;
    Some(Usage {
        memory: Some(process.memory() as f64),
        cpu: Some(process.accumulated_cpu_time() as f64 / 1000.0),
        descriptors: None,
    })
}
