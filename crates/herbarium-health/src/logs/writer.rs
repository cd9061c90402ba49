//! Lines on their way out: a buffer with a bound, and a thread that empties it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, thread};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::Output;
use crate::error::Error;
use crate::json;
use crate::metrics::LINES_DROPPED;

#[derive(Debug)]
pub(super) struct Writer {
    room: usize,
    json: bool,
    waiting: Mutex<Waiting>,
    /// Lines came.
    filled: Condvar,
    /// Lines were written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The thread has lines in its hands.
    writing: bool,
    dropped: u64,
    /// Of those dropped, how many no line has told of.
    untold: u64,
    /// The service sums up: chatter is no longer taken.
    ended: bool,
}

impl Writer {
    pub(super) fn start(output: Output, room: usize, json: bool) -> Result<Arc<Self>, Error> {
        let writer = Arc::new(Self {
            room,
            json,
            waiting: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let own = Arc::clone(&writer);
        let write = move || match output {
            Output::Stdout => own.write_for_ever(&mut io::stdout()),
            Output::Stderr => own.write_for_ever(&mut io::stderr()),
        };
        let thread = thread::Builder::new().name("log-writer".to_owned()).spawn(write);
        thread.map_err(|source| Error::Thread { name: "log-writer", source })?;
        Ok(writer)
    }

    /// Takes a line, or drops it. Never waits for a reader: the lock is held
    /// while bytes are copied, not while they are written.
    fn put(&self, level: Level, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.ended && level > Level::INFO {
            return;
        }
        if waiting.lines.len().saturating_add(line.len()) > self.room {
            waiting.dropped += 1;
            waiting.untold += 1;
            drop(waiting);
            LINES_DROPPED.as_counter(&[]).increment(1);
            return;
        }
        waiting.lines.extend_from_slice(line);
        self.filled.notify_one();
    }

    /// Takes nothing below `INFO` from here on: what libraries trace while
    /// they are taken down would come after the line that sums up.
    pub(super) fn end(&self) {
        self.lock().ended = true;
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(super) fn flush(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut waiting = self.lock();
        while waiting.writing || !waiting.lines.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.emptied.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn write_for_ever(&self, out: &mut impl Write) {
        let mut batch = Vec::new();
        loop {
            self.wait_for_lines(&mut batch);
            // Nobody is left to be told of an error here.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
            // A burst does not keep its memory.
            batch.shrink_to(64 * 1024);
            self.lock().writing = false;
            self.emptied.notify_all();
        }
    }

    fn wait_for_lines(&self, batch: &mut Vec<u8>) {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() {
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut waiting.lines, batch);
        waiting.writing = true;
        let untold = mem::take(&mut waiting.untold);
        drop(waiting);
        if untold > 0 {
            batch.extend_from_slice(self.missing(untold).as_bytes());
        }
    }

    /// A line in the place of those that are missing.
    fn missing(&self, count: u64) -> String {
        let message = format!("{count} log lines were dropped here: nobody read them in time");
        if self.json {
            let fields = [("level", "WARN"), ("target", module_path!()), ("message", &message)];
            json::object(fields.map(|(key, value)| (key, json::string(value)))) + "\n"
        } else {
            format!("WARN {message}\n")
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a [`Line`] for each event.
pub(super) struct Lines(pub(super) Arc<Writer>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { writer: Arc::clone(&self.0), level: Level::INFO }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line {
        Line { writer: Arc::clone(&self.0), level: *of.level() }
    }
}

/// One line in the making. The subscriber writes it in one piece.
pub(super) struct Line {
    writer: Arc<Writer>,
    level: Level,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.writer.put(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
