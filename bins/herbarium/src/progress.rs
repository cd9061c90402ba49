//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use herbarium_index::{Phase, Progress, Tick};
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::App;
use crate::memory;
use crate::numbers::{counted, grouped, percent};

/// The bar that is on the screen, for those who write above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Where there is no terminal, a line comes this often: nothing for small runs,
/// a sign of life in the log of a long one.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Writes something that is not to be mixed with a bar.
pub(crate) fn aside(write: impl FnOnce()) {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// What hears the engine's ticks under these options. Bars go when it is dropped.
pub(crate) fn reporter(app: &App) -> impl Progress {
    Thrifty(match (app.global.quiet, io::stderr().is_terminal()) {
        (true, _) => Box::new(()),
        (_, true) => Box::new(Bar::new()),
        _ => Box::new(Lines { last: Cell::new(Instant::now()) }),
    })
}

/// Gives memory back after each large file, whatever is shown.
struct Thrifty(Box<dyn Progress>);

impl Progress for Thrifty {
    fn tick(&self, tick: &Tick<'_>) {
        self.0.tick(tick);
    }

    fn large_file_done(&self) {
        memory::give_back();
    }
}

/// A bar with rate and time left.
struct Bar {
    bar: ProgressBar,
    look: RefCell<Option<Look>>,
}

/// What a bar counts, once it is known how much there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Unknown,
    Files,
    Bytes,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self { bar, look: RefCell::new(None) }
    }

    fn look_like(&self, look: Look) {
        if self.look.replace(Some(look)) != Some(look) {
            self.bar.set_style(look.style());
            // The rate of one unit says nothing about another.
            self.bar.reset_eta();
        }
    }
}

impl Progress for Bar {
    fn tick(&self, tick: &Tick<'_>) {
        let (look, done, all) = measure(tick);
        // First: each of the others draws.
        self.look_like(look);
        self.bar.set_message(format!("{}: {}", verb(tick.phase), files(tick)));
        self.bar.set_length(all);
        self.bar.set_position(done);
        self.bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Look {
    fn style(self) -> ProgressStyle {
        let template = match self {
            Self::Unknown => "{spinner} {msg}",
            Self::Files => "{msg} {wide_bar:.cyan} {percent}%, {per_sec}, {eta} left",
            Self::Bytes => {
                "{msg} {wide_bar:.cyan} {percent}% of {binary_total_bytes}, \
                 {binary_bytes_per_sec}, {eta} left"
            }
        };
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

/// Bytes tell better than files how much is left, where they are known. Before
/// anything is done there is no rate and no time to tell.
fn measure(tick: &Tick<'_>) -> (Look, u64, u64) {
    match tick.phase {
        Phase::Walk => (Look::Unknown, 0, 0),
        _ if tick.files_done == 0 => (Look::Unknown, 0, 0),
        _ if tick.bytes_found > 0 => (Look::Bytes, tick.bytes_done, tick.bytes_found),
        _ => (Look::Files, tick.files_done, tick.files_found),
    }
}

/// A line every ten seconds.
struct Lines {
    last: Cell<Instant>,
}

impl Progress for Lines {
    fn tick(&self, tick: &Tick<'_>) {
        if self.last.get().elapsed() < LINE_EVERY {
            return;
        }
        self.last.set(Instant::now());
        let (_, done, all) = measure(tick);
        let share = percent(done, all).map_or_else(String::new, |share| format!(" ({share})"));
        let _ = writeln!(io::stderr().lock(), "{}: {}{share}", verb(tick.phase), files(tick));
    }
}

fn verb(phase: Phase) -> &'static str {
    match phase {
        Phase::Walk => "looking for files",
        Phase::Press => "pressing",
        Phase::Train => "learning dictionaries",
        Phase::Write => "writing down",
        Phase::Verify => "verifying",
        _ => "working",
    }
}

fn files(tick: &Tick<'_>) -> String {
    match (tick.phase, tick.files_found) {
        (Phase::Walk, found) => format!("{} found", grouped(found)),
        (Phase::Verify, 0) => counted(tick.files_done, "tree", "trees"),
        (Phase::Verify, found) => format!("{}/{} trees", grouped(tick.files_done), grouped(found)),
        (_, found) => format!("{}/{} files", grouped(tick.files_done), grouped(found)),
    }
}
