use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::outcome::Fault;
use crate::run::View;

/// A run that goes on, as metrics in Prometheus' text format, served at any path.
///
/// ```
/// use herbarium_loadgen::output::Live;
///
/// let live = Live::listen("127.0.0.1:0".parse()?)?;
/// assert_ne!(live.address().port(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Live {
    text: Arc<Mutex<String>>,
    address: SocketAddr,
}

/// A scraper that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Live {
    /// Serves from now on, until the process ends.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let text = Arc::new(Mutex::new(String::new()));
        let served = Arc::clone(&text);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let text = served.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A scraper that went away has nothing to be told.
                let _ = answer(stream, &text);
            }
        });
        Ok(Self { text, address })
    }

    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is served from now on.
    pub fn update(&self, view: &View<'_>) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = render(view);
    }
}

fn answer(mut stream: TcpStream, text: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = [0; 4096];
    let _ = stream.read(&mut head)?;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    )
}

fn render(view: &View<'_>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_metrics(&mut out, view);
    out
}

fn write_metrics(out: &mut String, view: &View<'_>) -> std::fmt::Result {
    let whole = view.whole.sum(|_| true);
    let counters = [
        ("due_total", "Arrivals that came due.", view.whole.due),
        ("requests_total", "Requests that came to an end.", whole.requests()),
        ("late_total", "Arrivals sent late by the generator's fault.", view.whole.late),
        ("dropped_total", "Arrivals thrown away.", view.whole.dropped),
        ("received_bytes_total", "Bytes of answers.", whole.bytes),
    ];
    for (name, help, value) in counters {
        writeln!(out, "# HELP herbarium_load_{name} {help}\n# TYPE herbarium_load_{name} counter")?;
        writeln!(out, "herbarium_load_{name} {value}")?;
    }
    writeln!(out, "# HELP herbarium_load_errors_total Errors by class.")?;
    writeln!(out, "# TYPE herbarium_load_errors_total counter")?;
    for fault in Fault::ALL {
        let count = whole.faults.get(fault);
        writeln!(out, "herbarium_load_errors_total{{class=\"{fault}\"}} {count}")?;
    }
    let gauges = [
        ("open_connections", "Connections open.", view.slot.open as f64),
        ("in_flight", "Requests under way or waiting.", view.slot.in_flight as f64),
        ("cpu_ratio", "Processor time of the busiest worker, of one core.", view.slot.cpu),
    ];
    for (name, help, value) in gauges {
        writeln!(out, "# HELP herbarium_load_{name} {help}\n# TYPE herbarium_load_{name} gauge")?;
        writeln!(out, "herbarium_load_{name} {value}")?;
    }
    let times = [
        ("response_seconds", "Due to done, of the last interval.", &view.slot.response),
        ("service_seconds", "Sent to done, of the last interval.", &view.slot.service),
        ("lag_seconds", "The generator's own lag, of the last interval.", &view.slot.lag),
    ];
    for (name, help, buckets) in times {
        writeln!(out, "# HELP herbarium_load_{name} {help}\n# TYPE herbarium_load_{name} gauge")?;
        for percent in [50.0, 90.0, 99.0, 100.0] {
            if let Some(value) = buckets.percentile(percent) {
                let quantile = percent / 100.0;
                let value = value.as_secs_f64();
                writeln!(out, "herbarium_load_{name}{{quantile=\"{quantile}\"}} {value}")?;
            }
        }
    }
    Ok(())
}
