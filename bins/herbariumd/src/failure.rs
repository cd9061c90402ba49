//! Why the program did not do what it was asked to.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// What the exit code says, beside 0 for what went well and 130 for a second
/// signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is not well, says `healthcheck`.
    Unwell = 1,
    /// Options or settings make no sense. clap exits with it by itself.
    Usage = 2,
    /// Something cannot be read, written or listened on.
    Io = 3,
}

/// An error as a person needs it: what was being done, why it did not work,
/// and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    help: &'static str,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>, help: &'static str) -> Self {
        Self { exit, message: message.into(), help }
    }

    /// With everything behind the error.
    pub(crate) fn from_error(exit: Exit, error: &dyn Error, help: &'static str) -> Self {
        let mut message = error.to_string();
        let causes = std::iter::successors(error.source(), |error| (**error).source());
        for cause in causes {
            message.push_str("\n  because: ");
            message.push_str(&cause.to_string());
        }
        Self::new(exit, message, help)
    }

    /// With where it was.
    pub(crate) fn within(self, place: &str) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }

    /// Writes it to standard error, where nobody need be listening.
    pub(crate) fn tell(&self) -> ExitCode {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), "error: {self}");
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  what to do: {}", self.message, self.help)
    }
}

/// The only bare I/O errors are those of writing an answer.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let help = "look whether the disk that it goes to is full";
        Self::new(Exit::Io, format!("write to standard output: {error}"), help)
    }
}
