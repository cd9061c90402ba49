//! Watches the server while it is loaded: memory, processor time, open files.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::host::{Usage, usage_of};
use crate::net;
use crate::scenario::ServerSpec;

/// The server at one time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServerSample {
    /// Seconds from the start of the run.
    pub at: f64,
    /// Resident bytes.
    pub memory: Option<f64>,
    /// Seconds of processor time since the server's start.
    pub cpu: Option<f64>,
    /// Open files and sockets.
    pub descriptors: Option<f64>,
}

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_millis(900);
/// With more, every second one goes: memory has an end.
const MOST: usize = 4_096;

/// A thread that watches until it is asked for what it saw.
pub(crate) struct Probe {
    stop: Sender<()>,
    thread: JoinHandle<Vec<ServerSample>>,
}

impl Probe {
    /// `None` if there is nothing to watch.
    pub(crate) fn start(spec: &ServerSpec, start: Instant) -> Option<Self> {
        spec.pid.or(spec.metrics.as_ref().map(|_| 0))?;
        let spec = spec.clone();
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            loop {
                let at = start.elapsed().as_secs_f64();
                if let Some(usage) = look(&spec) {
                    let Usage { memory, cpu, descriptors } = usage;
                    keep(&mut samples, ServerSample { at, memory, cpu, descriptors });
                }
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return samples,
                }
            }
        });
        Some(Self { stop, thread })
    }

    pub(crate) fn finish(self) -> Vec<ServerSample> {
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

/// One look at the server.
pub(crate) fn look(spec: &ServerSpec) -> Option<Usage> {
    if let Some(usage) = spec.pid.and_then(usage_of) {
        return Some(usage);
    }
    let text = net::get(spec.metrics.as_ref()?, PATIENCE).ok()?;
    Some(Usage {
        memory: net::metric(&text, "process_resident_memory_bytes"),
        cpu: net::metric(&text, "process_cpu_seconds_total"),
        descriptors: net::metric(&text, "process_open_fds"),
    })
}

fn keep(samples: &mut Vec<ServerSample>, sample: ServerSample) {
    if samples.len() >= MOST {
        let mut at = 0;
        samples.retain(|_| {
            at += 1;
            at % 2 == 1
        });
    }
    samples.push(sample);
}
