//! What every command has at hand: the options, and where to write.

use std::cell::{RefCell, RefMut};
use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::PathBuf;

use herbarium_store::default_dir;
use serde_json::json;

use crate::args::Global;
use crate::exit::{Exit, Failure, Trouble};
use crate::paint::{Ink, Paint};
use crate::paths::Shown;

/// Standard output, locked for the whole run and written in large pieces.
type Out = BufWriter<StdoutLock<'static>>;

const OUT_BYTES: usize = 64 << 10;

/// The options and the outputs.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) global: Global,
    /// How paths are shown.
    pub(crate) shown: Shown,
    /// Colour of what goes to standard output.
    pub(crate) paint: Paint,
    err_paint: Paint,
    out: RefCell<Out>,
}

impl App {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            shown: Shown::new(),
            paint: Paint::new(global.color, &io::stdout()),
            err_paint: Paint::new(global.color, &io::stderr()),
            out: RefCell::new(BufWriter::with_capacity(OUT_BYTES, io::stdout().lock())),
            global,
        }
    }

    /// Where answers go.
    pub(crate) fn out(&self) -> RefMut<'_, Out> {
        self.out.borrow_mut()
    }

    /// An answer that is one JSON value, on one line.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let mut out = self.out();
        serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
        Ok(out.write_all(b"\n")?)
    }

    /// Hands over what is still buffered. On failure the rest is thrown away:
    /// nobody will read it.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        Ok(self.out().flush()?)
    }

    /// Something worth knowing besides the answer; silent under `--quiet`.
    pub(crate) fn remark(&self, text: impl Display) {
        if !self.global.quiet {
            tell(text);
        }
    }

    /// Something that went wrong with a part of what was asked: the answer lacks
    /// that part. Silent under `--quiet`.
    pub(crate) fn warn(&self, message: &str, help: &str) {
        if self.global.quiet {
            return;
        }
        match self.global.json {
            true => tell(json!({ "warning": message, "help": help })),
            false => {
                let word = self.err_paint.ink(Ink::Warning, "warning");
                tell(format_args!("{word}: {message}\n  what to do: {help}"));
            }
        }
    }

    /// An error, as text or, for those who asked for JSON, as one object.
    fn tell_trouble(&self, trouble: &Trouble) {
        match self.global.json {
            true => tell(trouble.to_json()),
            false => {
                tell(format_args!("{}: {trouble}", self.err_paint.ink(Ink::Bad, "error")));
            }
        }
    }

    /// Tells why something was not done; gives the exit code of that.
    pub(crate) fn tell_failure(&self, failure: Failure) -> Exit {
        match failure {
            Failure::ClosedPipe => Exit::Fine,
            Failure::Told(trouble) => {
                self.tell_trouble(&trouble);
                trouble.exit()
            }
        }
    }

    /// The directory of the store.
    pub(crate) fn store_dir(&self) -> Result<PathBuf, Failure> {
        match &self.global.store {
            Some(dir) => Ok(dir.clone()),
            None => default_dir().map_err(|error| {
                let help = "name a directory for it with --store or HERBARIUM_STORE";
                Failure::from_error(Exit::Io, &error, help)
            }),
        }
    }

    /// The directory of the store, as it is shown.
    pub(crate) fn store_text(&self) -> String {
        self.store_dir().map(|dir| self.shown.lossy(&dir)).unwrap_or_default()
    }
}

/// Nobody may be listening on standard error any more: that is no reason to stop.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
