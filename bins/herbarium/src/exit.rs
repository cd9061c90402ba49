//! How a run ends: exit codes, and errors as they are told.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::json;

/// What the exit code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done, and nothing to complain of.
    Fine = 0,
    /// A difference or a damaged tree was found.
    Difference = 1,
    /// The command line makes no sense. clap exits with it by itself.
    Usage = 2,
    /// Something could not be read or written.
    Io = 3,
    /// Stopped by Ctrl-C, as shells expect it: 128 and the number of SIGINT.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read the output has seen enough, as in `herbarium tree FILE | head`.
    ClosedPipe,
    /// An error to be told.
    Told(Box<Trouble>),
}

/// An error as a person needs it: what was being done to what, why it did not
/// work, and what to do.
#[derive(Debug)]
pub(crate) struct Trouble {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    help: String,
}

impl Failure {
    /// An error, and what to do about it: there is none without.
    pub(crate) fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Self {
        let (message, help) = (message.into(), help.into());
        Self::Told(Box::new(Trouble { exit, message, causes: Vec::new(), help }))
    }

    /// A library's error with everything behind it.
    pub(crate) fn from_error(exit: Exit, error: &dyn Error, help: impl Into<String>) -> Self {
        Self::new(exit, error.to_string(), help).because(error.source())
    }

    /// Adds a cause, and the causes of that.
    pub(crate) fn because(mut self, cause: Option<&(dyn Error + 'static)>) -> Self {
        if let Self::Told(trouble) = &mut self {
            let all = std::iter::successors(cause, |error| (**error).source());
            trouble.causes.extend(all.map(ToString::to_string));
        }
        self
    }

    /// An error of writing the answer itself.
    pub(crate) fn from_output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::new(
                Exit::Io,
                "could not write the answer to standard output",
                "look whether the disk that it goes to is full",
            )
            .because(Some(&error)),
        }
    }
}

impl From<io::Error> for Failure {
    /// The only bare I/O errors in this program are those of writing the answer.
    fn from(error: io::Error) -> Self {
        Self::from_output(error)
    }
}

impl Trouble {
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// One line of JSON, for those who asked for JSON.
    pub(crate) fn to_json(&self) -> String {
        json!({
            "error": self.message,
            "causes": self.causes,
            "help": self.help,
            "exit_code": self.exit as u8,
        })
        .to_string()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        write!(f, "\n  what to do: {}", self.help)
    }
}
