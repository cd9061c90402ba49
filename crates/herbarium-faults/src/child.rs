//! Children: started, listened to, killed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::{Faults, Line, Told, Work};

/// The program that works, and the library that disturbs it.
#[derive(Debug, Clone)]
pub struct Bench {
    program: PathBuf,
    shim: PathBuf,
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// What it said until then.
    pub told: Told,
    /// How.
    pub status: ExitStatus,
    /// What it said on standard error.
    pub complaint: String,
}

impl Bench {
    /// A bench for this program, the one that this crate builds.
    ///
    /// # Errors
    /// As [`crate::shim`].
    pub fn new(program: impl Into<PathBuf>) -> Result<Self, String> {
        Ok(Self { program: program.into(), shim: crate::shim()? })
    }

    /// Has a child do work, with faults, until it ends.
    ///
    /// # Errors
    /// It cannot be started, says something that nobody expects, or panics.
    pub fn run(&self, work: &Work, faults: &Faults) -> Result<Ended, String> {
        let output = self.command(work, faults).output().map_err(|error| error.to_string())?;
        let told = Told::from_text(&String::from_utf8_lossy(&output.stdout))?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        no_panic(&complaint)?;
        Ok(Ended { told, status: output.status, complaint })
    }

    /// Starts a child, and does not wait for it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, work: &Work, faults: &Faults) -> Result<Running, String> {
        let mut child = self.command(work, faults).spawn().map_err(|error| error.to_string())?;
        let said = child.stdout.take().ok_or("a child without standard output")?;
        Ok(Running { child, said: BufReader::new(said), text: String::new() })
    }

    fn command(&self, work: &Work, faults: &Faults) -> Command {
        let mut command = Command::new(&self.program);
        command.args(work.to_args()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        faults.apply(&self.shim, &mut command);
        command
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// A child at work.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    text: String,
}

impl Running {
    /// The next line that it says; `None` once it has ended.
    ///
    /// # Errors
    /// A line that nobody expects.
    pub fn hear(&mut self) -> Result<Option<Line>, String> {
        let before = self.text.len();
        self.said.read_line(&mut self.text).map_err(|error| error.to_string())?;
        let line = self.text.get(before..).unwrap_or_default();
        line.strip_suffix('\n').map(str::parse).transpose()
    }

    /// Hears it until it says such a line.
    ///
    /// # Errors
    /// It ended before, or says what nobody expects.
    pub fn hear_until(&mut self, is_it: impl Fn(&Line) -> bool) -> Result<(), String> {
        while let Some(line) = self.hear()? {
            if is_it(&line) {
                return Ok(());
            }
        }
        Err("the child ended before it said that".into())
    }

    /// Kills it, if it has not ended.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn kill(mut self) -> Result<Ended, String> {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn wait(mut self) -> Result<Ended, String> {
        let mut bytes = Vec::new();
        self.said.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.text.push_str(&String::from_utf8_lossy(&bytes));
        let mut complaint = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut complaint).map_err(|error| error.to_string())?;
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        no_panic(&complaint)?;
        Ok(Ended { told: Told::from_text(&self.text)?, status, complaint })
    }
}

impl Ended {
    /// Whether it was killed.
    pub fn was_killed(&self) -> bool {
        self.status.code().is_none()
    }
}

fn no_panic(complaint: &str) -> Result<(), String> {
    if complaint.contains("panicked") {
        return Err(format!("a child panicked: {complaint}"));
    }
    Ok(())
}
