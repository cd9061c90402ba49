//! How the program ends.

use std::error::Error;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use herbarium_loadgen::{RunError, Verdict};

/// The command line, a file or a scenario makes no sense.
pub(crate) const USAGE: u8 = 1;

/// Why nothing was run.
#[derive(Debug)]
pub(crate) struct Trouble {
    code: u8,
    lines: Vec<String>,
}

impl Trouble {
    /// An error of usage.
    pub(crate) fn usage(text: impl Display) -> Self {
        Self { code: USAGE, lines: vec![text.to_string()] }
    }

    fn with_causes(code: u8, error: &dyn Error) -> Self {
        let causes = std::iter::successors(error.source(), |it| (**it).source());
        let mut lines = vec![error.to_string()];
        lines.extend(causes.map(|cause| format!("  because: {}", cause.to_string().trim_end())));
        Self { code, lines }
    }
}

/// Errors are those of usage, but for a server that is not there.
impl<E: Error + 'static> From<E> for Trouble {
    fn from(error: E) -> Self {
        let any: &dyn Error = &error;
        let code = match any.downcast_ref::<RunError>() {
            Some(RunError::Unreachable { .. }) => Verdict::Unreachable.exit_code(),
            Some(RunError::Stopped) => Verdict::Interrupted.exit_code(),
            Some(RunError::Worker(_) | RunError::Io { .. }) => Verdict::Invalid.exit_code(),
            _ => USAGE,
        };
        Self::with_causes(code, any)
    }
}

/// Tells why, gives the code.
pub(crate) fn tell(trouble: &Trouble) -> ExitCode {
    tell_line(format_args!("error: {}", trouble.lines.join("\n")));
    ExitCode::from(trouble.code)
}

/// Something beside the answer. Nobody may be listening any more: that is no
/// reason to stop.
pub(crate) fn tell_line(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Something that was asked for could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// What was asked for. A reader that has had enough is no reason to stop; a full
/// disk is none either, but it must not pass for a success.
pub(crate) fn print(text: impl Display) {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            LOST.store(true, Ordering::SeqCst);
            tell_line(format_args!("error: cannot write to standard output: {error}"));
        }
        _ => {}
    }
}

/// The exit code of what was done, if all of it could be told.
pub(crate) fn of(code: u8) -> ExitCode {
    match code {
        0 if LOST.load(Ordering::SeqCst) => ExitCode::from(USAGE),
        code => ExitCode::from(code),
    }
}

/// clap's own code for a wrong command line is 2, which here is a failed gate.
pub(crate) fn of_clap(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.use_stderr() {
        true => ExitCode::from(USAGE),
        false => ExitCode::SUCCESS,
    }
}
