//! `cargo xtask endurance`: a code base that changes and changes, and a store that must not
//! grow, forget or err.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Outcome, command, root};

pub(crate) const USAGE: &str = "endurance [--seconds N] [--program FILE]   change files, index, verify and collect garbage for N seconds (60); nothing may be lost, parsed twice, or grow";

/// Files of the code base, and how many of them change in a round.
const FILES: usize = 120;
const CHANGED: usize = 12;
/// Every so many rounds all trees are compared with fresh parses, and garbage is collected.
const THOROUGH: u64 = 5;
/// After garbage was collected the store may be this many times what it was at first:
/// segments are rewritten only where that is worth it.
const GROWTH: u64 = 3;

/// Runs rounds until the time is over.
pub(crate) fn run(args: &[String]) -> Outcome {
    let asked = Asked::read(args)?;
    let program = match asked.program {
        Some(program) => program,
        None => built()?,
    };
    let scratch = Scratch::new()?;
    let bed = Bed { program, code: scratch.0.join("code"), store: scratch.0.join("store") };
    for file in 0..FILES {
        bed.write(file, 0)?;
    }
    let begun = Instant::now();
    let (mut round, mut first, mut last) = (0, None, 0);
    while begun.elapsed() < asked.time || round <= THOROUGH {
        round += 1;
        if let Some(size) = bed.round(round)? {
            let first = *first.get_or_insert(size);
            if size > first * GROWTH {
                return Err(format!(
                    "the store grows: {first} bytes after the first collection of garbage, \
                     {size} after that of round {round}; expected at most {GROWTH} times as many"
                )
                .into());
            }
            last = size;
        }
    }
    println!(
        "{round} rounds in {} s; the store had {} bytes after the first collection of garbage, \
         {last} after the last",
        begun.elapsed().as_secs(),
        first.unwrap_or_default(),
    );
    Ok(())
}

struct Asked {
    time: Duration,
    program: Option<PathBuf>,
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut asked = Self { time: Duration::from_secs(60), program: None };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match (arg.as_str(), rest.next()) {
                ("--seconds", Some(seconds)) => {
                    let seconds = seconds.parse().map_err(|_| {
                        format!("--seconds: expected a number of seconds, found '{seconds}'")
                    })?;
                    asked.time = Duration::from_secs(seconds);
                }
                ("--program", Some(path)) => asked.program = Some(path.into()),
                _ => return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}")),
            }
        }
        Ok(asked)
    }
}

/// The program, built as it is shipped.
fn built() -> Result<PathBuf, String> {
    let root = root();
    command::run(&root, "cargo build --release --package herbarium-cli --bin herbarium")?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release").join(format!("herbarium{}", std::env::consts::EXE_SUFFIX)))
}

/// A folder that goes away with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let folder =
            std::env::temp_dir().join(format!("herbarium-endurance-{}", std::process::id()));
        let made = fs::create_dir_all(folder.join("code"));
        made.map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is worked on, with what.
struct Bed {
    program: PathBuf,
    code: PathBuf,
    store: PathBuf,
}

impl Bed {
    /// Changes some files; after it everything must be as a fresh parse has it. Returns the
    /// size of the store if garbage was collected.
    fn round(&self, round: u64) -> Result<Option<u64>, String> {
        let start = round as usize * CHANGED;
        for file in start..start + CHANGED {
            self.write(file % FILES, round)?;
        }
        // In the first round everything is new.
        let new = if round == 1 { FILES } else { CHANGED } as u64;
        self.expect(round, &["index"], "parses", new)?;
        self.expect(round, &["index"], "parses", 0)?;
        if !round.is_multiple_of(THOROUGH) {
            return Ok(None);
        }
        let found = self.ask(round, &["verify", "--deep"])?;
        if found["sound"] != Value::Bool(true) {
            return Err(format!(
                "round {round}: verify --deep found damage or differences: {found}"
            ));
        }
        let collected = self.ask(round, &["gc", "--grace", "0"])?;
        self.expect(round, &["index"], "parses", 0)?;
        let size = collected["file_bytes_after"].as_u64();
        size.map(Some).ok_or_else(|| format!("round {round}: gc told no size: {collected}"))
    }

    /// A source that is of one file and round alone, and not the same kind of change each time.
    fn write(&self, file: usize, round: u64) -> Result<(), String> {
        let lines = 40 + (file + round as usize * 7) % 60;
        let (extension, text): (_, String) = if file.is_multiple_of(2) {
            let line = |line| format!("pub fn f{file}_{line}(x: u64) -> u64 {{ x + {round} }}\n");
            ("rs", (0..lines).map(line).collect())
        } else {
            let line = |line| format!("def f{file}_{line}(x):\n    return [x, {round}]\n");
            ("py", (0..lines).map(line).collect())
        };
        let path = self.code.join(format!("file{file}.{extension}"));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn expect(&self, round: u64, args: &[&str], field: &str, expected: u64) -> Result<(), String> {
        let answer = self.ask(round, args)?;
        match answer[field].as_u64() {
            Some(found) if found == expected => Ok(()),
            found => Err(format!(
                "round {round}: {args:?}: expected {expected} {field}, found {found:?}"
            )),
        }
    }

    fn ask(&self, round: u64, args: &[&str]) -> Result<Value, String> {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--json").arg("--store").arg(&self.store);
        let output = command.current_dir(&self.code).output();
        let output =
            output.map_err(|error| format!("starting {}: {error}", self.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let args = args.join(" ");
            return Err(format!(
                "round {round}: `herbarium {args}` ended with {}: {}",
                output.status,
                said.trim()
            ));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("round {round}: {args:?}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_set_time_and_program() {
        let read = |args: &[&str]| {
            Asked::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
        };
        let asked = read(&["--seconds", "5", "--program", "x"]).unwrap();
        assert_eq!((asked.time.as_secs(), asked.program), (5, Some("x".into())));
        assert!(read(&["--seconds", "soon"]).is_err());
        assert!(read(&["--seconds"]).is_err());
    }

    #[test]
    fn a_scratch_folder_goes_away() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.0.clone();
        assert!(folder.join("code").is_dir());
        drop(scratch);
        assert!(!folder.exists());
    }
}
