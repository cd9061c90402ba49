//! `tracing`, set up for a service: readable lines on a terminal, JSON for
//! machines, and a writer that no reader can hold up.
//!
//! ```
//! let logs = herbarium_health::logs::Logs::new().filter("info,hyper=warn").install()?;
//! tracing::info!(answer = 42, "ready");
//! drop(logs); // what is not written yet is, within a second
//! # Ok::<(), herbarium_health::Error>(())
//! ```
//!
//! Lines go through a buffer of [`Logs::buffer`] bytes to a thread that writes
//! them. When the pipe behind it is full, the buffer fills up, and then lines
//! are dropped, and counted in `log_lines_dropped_total`; the one thing that
//! never happens is that a request waits. Once the pipe is read again, a line
//! says how many are missing.
//!
//! The line that sums up a service that was stopped ([`crate::Drained`]) is
//! the last one, unless the program has more to say: from then on, nothing
//! below `INFO` is written.

mod fields;
mod writer;

use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use crate::error::Error;
use writer::Writer;

/// The writer of the installed subscriber: there is one of each in a process.
static INSTALLED: OnceLock<Arc<Writer>> = OnceLock::new();

/// How long a dropped [`LogGuard`] waits for what is not written yet.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// [`Human`](Self::Human) on a terminal, else [`Json`](Self::Json).
    #[default]
    Auto,
    /// For reading.
    Human,
    /// One object a line: `timestamp`, `level`, `target`, the fields of the
    /// event with `message` among them, and the fields of the spans around it.
    Json,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// How to log.
#[derive(Debug)]
#[must_use = "nothing is logged before `install`"]
pub struct Logs {
    format: Format,
    output: Output,
    filter: String,
    buffer: usize,
    #[cfg(feature = "otlp")]
    spans: Option<crate::otlp::Otlp>,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            output: Output::Stdout,
            filter: "info".to_owned(),
            buffer: 4 * 1024 * 1024,
            #[cfg(feature = "otlp")]
            spans: None,
        }
    }
}

impl Logs {
    /// Lines from `info` up, to standard output.
    pub fn new() -> Self {
        Self::default()
    }

    /// With lines that look like this.
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// With lines that go there.
    pub fn output(self, output: Output) -> Self {
        Self { output, ..self }
    }

    /// Only what passes: a level, or levels of targets, `info,hyper=warn`.
    pub fn filter(self, filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), ..self }
    }

    /// With room for so many bytes of lines that wait to be written. 4 MiB
    /// unless set.
    pub fn buffer(self, bytes: usize) -> Self {
        Self { buffer: bytes, ..self }
    }

    /// With spans exported, too.
    #[cfg(feature = "otlp")]
    pub fn spans(self, otlp: crate::otlp::Otlp) -> Self {
        Self { spans: Some(otlp), ..self }
    }

    /// Installs all this for the whole process.
    ///
    /// # Errors
    /// [`Error::Filter`] if the filter makes no sense;
    /// [`Error::SubscriberInstalled`] if there is a subscriber already;
    /// [`Error::Thread`] if the writer cannot have a thread.
    pub fn install(self) -> Result<LogGuard, Error> {
        let filter: Targets = self.filter.parse().map_err(|source| Error::Filter {
            filter: self.filter.clone(),
            source: Box::new(source),
        })?;
        let json = self.is_json();
        let writer = Writer::start(self.output, self.buffer, json)?;
        let lines = lines(json, self.ansi(), Arc::clone(&writer)).with_filter(filter);
        let registry = Registry::default().with(lines);
        #[cfg(feature = "otlp")]
        let registry = registry.with(self.spans.map(|otlp| otlp.layer()));
        registry.try_init().map_err(|_| Error::SubscriberInstalled)?;
        drop(INSTALLED.set(Arc::clone(&writer)));
        Ok(LogGuard { writer })
    }

    fn is_json(&self) -> bool {
        match self.format {
            Format::Auto => !self.is_terminal(),
            Format::Human => false,
            Format::Json => true,
        }
    }

    /// Colours, unless asked not to: see no-color.org.
    fn ansi(&self) -> bool {
        self.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
    }

    fn is_terminal(&self) -> bool {
        match self.output {
            Output::Stdout => std::io::stdout().is_terminal(),
            Output::Stderr => std::io::stderr().is_terminal(),
        }
    }
}

fn lines(json: bool, ansi: bool, writer: Arc<Writer>) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(SystemTime)
        .with_ansi(ansi)
        .with_writer(writer::Lines(writer));
    if json {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        lines.fmt_fields(fields::JsonSpans).boxed()
    } else {
        lines.boxed()
    }
}

/// Writes what is left, within a second, when dropped: keep it in `main`.
#[derive(Debug)]
#[must_use = "the last lines may be lost when `main` returns"]
pub struct LogGuard {
    writer: Arc<Writer>,
}

impl LogGuard {
    /// Lines that were dropped because nobody read them in time.
    pub fn dropped(&self) -> u64 {
        self.writer.dropped()
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.writer.flush(LAST_WORDS);
    }
}

/// Waits until all that was logged is written, or for so long. Says whether
/// all was written.
pub fn flush(patience: Duration) -> bool {
    INSTALLED.get().is_none_or(|writer| writer.flush(patience))
}

/// Writes nothing below `INFO` from here on.
pub(crate) fn end() {
    if let Some(writer) = INSTALLED.get() {
        writer.end();
    }
}
