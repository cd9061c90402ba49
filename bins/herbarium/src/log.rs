//! What the libraries log, on standard error.

use std::io::{self, Write};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::{Cli, Command};
use crate::paint::Paint;
use crate::progress;

/// Installs the log; the libraries only emit.
pub(crate) fn install(cli: &Cli) {
    let level = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => LevelFilter::OFF,
        (_, 0) if is_terse(&cli.command) => LevelFilter::ERROR,
        (_, 0 | 1) => LevelFilter::WARN,
        (_, 2) => LevelFilter::INFO,
        (_, 3) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(Paint::new(cli.global.color, &io::stderr()).is_on())
        .with_target(level >= LevelFilter::DEBUG)
        .without_time()
        .with_writer(AboveTheBar)
        .init();
}

/// Whether a command says all that matters by itself: `verify` names what is
/// damaged, and those that ask name what they could not ask.
fn is_terse(command: &Command) -> bool {
    matches!(command, Command::Verify(_) | Command::Query(_) | Command::Symbols(_))
}

/// Lines of the log go above a progress bar, not through it.
struct AboveTheBar;

impl MakeWriter<'_> for AboveTheBar {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(Vec::new())
    }
}

/// One line of the log, written when it is whole.
struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        progress::aside(|| {
            let _ = io::stderr().lock().write_all(&self.0);
        });
    }
}
