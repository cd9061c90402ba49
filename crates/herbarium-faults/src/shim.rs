//! The library that stands between a child process and the kernel, and what it
//! is told to do.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("../shim/faults.c");

/// Compiles the library with the system's C compiler (`CC`, else `cc`), once for
/// each state of its source.
///
/// # Errors
/// There is no Linux, or no C compiler: a sentence that says so.
pub fn shim() -> Result<PathBuf, String> {
    // Tests ask for it from many threads at once: one of them makes it.
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        return Err("faults are injected by LD_PRELOAD, on 64-bit Linux only".into());
    }
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    let name = format!("herbarium-faults-{:016x}", hasher.finish());
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let library = program.with_file_name(format!("{name}.so"));
    if !library.exists() {
        compile(&program.with_file_name(format!("{name}-{}", std::process::id())), &library)?;
    }
    Ok(library)
}

fn compile(temporary: &Path, library: &Path) -> Result<(), String> {
    let source = temporary.with_extension("c");
    let failed = |error: std::io::Error| format!("compiling the fault library: {error}");
    fs::write(&source, SOURCE).map_err(failed)?;
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let output = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([temporary, source.as_path()])
        .arg("-lpthread")
        .output()
        .map_err(|error| format!("running the C compiler {}: {error}", compiler.display()))?;
    fs::remove_file(&source).map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the C compiler refused the fault library: {said}"));
    }
    fs::rename(temporary, library).map_err(failed)
}

/// Classes of calls, to be added up. The numbers are those of the library.
pub mod class {
    /// Making a file.
    pub const CREATE: u32 = 1;
    /// Writing.
    pub const WRITE: u32 = 2;
    /// Syncing a file.
    pub const SYNC: u32 = 4;
    /// Syncing a directory.
    pub const SYNC_DIR: u32 = 8;
    /// Renaming.
    pub const RENAME: u32 = 16;
    /// Removing a file or a directory.
    pub const UNLINK: u32 = 32;
    /// Making a directory.
    pub const MKDIR: u32 = 64;
    /// Cutting or lengthening a file.
    pub const TRUNCATE: u32 = 128;
    /// Reading.
    pub const READ: u32 = 256;
    /// Opening a file that is there, to read it.
    pub const OPEN: u32 = 512;
    /// Giving a file one more name.
    pub const LINK: u32 = 1024;
    /// Not a call that is counted: what the child says on its standard output.
    pub const ACKNOWLEDGE: u32 = 2048;
    /// Opening a file that is there, to write to it, too.
    pub const OPEN_TO_WRITE: u32 = 4096;

    /// All that change what is on the disk.
    pub const CHANGES: u32 =
        CREATE | WRITE | SYNC | SYNC_DIR | RENAME | UNLINK | MKDIR | TRUNCATE | LINK;
    /// All that can fail.
    pub const ALL: u32 = CHANGES | READ | OPEN | OPEN_TO_WRITE;
    /// Those that a read-only file system refuses.
    pub const REFUSED: u32 =
        CREATE | WRITE | RENAME | UNLINK | MKDIR | TRUNCATE | LINK | OPEN_TO_WRITE;
    /// Those that a signal can interrupt.
    pub const INTERRUPTIBLE: u32 =
        CREATE | WRITE | SYNC | SYNC_DIR | TRUNCATE | READ | OPEN | OPEN_TO_WRITE;
}

/// What happens at the call that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The child is killed before the call.
    KillBefore,
    /// The child is killed when half of a write is done; other calls are done.
    KillInMiddle,
    /// The child is killed after the call.
    KillAfter,
    /// Half is read or written.
    Short,
    /// The call fails with this error number.
    Fail(i32),
}

impl Deed {
    /// An error of the device.
    pub const EIO: Self = Self::Fail(5);
    /// A signal came.
    pub const EINTR: Self = Self::Fail(4);
    /// The disk is full.
    pub const ENOSPC: Self = Self::Fail(28);
    /// The file system is read-only.
    pub const EROFS: Self = Self::Fail(30);
    /// Permission is denied.
    pub const EACCES: Self = Self::Fail(13);

    fn text(self) -> String {
        match self {
            Self::KillBefore => "before".into(),
            Self::KillInMiddle => "middle".into(),
            Self::KillAfter => "after".into(),
            Self::Short => "short".into(),
            Self::Fail(number) => number.to_string(),
        }
    }
}

/// What the library is told. Nothing, at first.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    variables: Vec<(&'static str, OsString)>,
    fired: Option<PathBuf>,
}

impl Faults {
    /// Faults for what lies below a folder, an absolute path without links in it.
    pub fn below(root: &Path) -> Self {
        Self::default().with("HF_ROOT", root)
    }

    /// A deed at the `nth` of the calls of these classes, from 1 on, and at the
    /// `times - 1` that follow; 0 for all that follow. That it came to that is
    /// noted in the file `fired`.
    pub fn at(mut self, classes: u32, nth: u64, times: u64, deed: Deed, fired: &Path) -> Self {
        // Of an earlier run.
        let _ = fs::remove_file(fired);
        self.fired = Some(fired.to_owned());
        self.with("HF_CLASS", classes.to_string())
            .with("HF_NTH", nth.to_string())
            .with("HF_TIMES", times.to_string())
            .with("HF_DEED", deed.text())
            .with("HF_FIRED", fired)
    }

    /// All that changes something is noted in this file.
    pub fn log(self, log: &Path) -> Self {
        self.with("HF_LOG", log)
    }

    /// The disk is full after so many bytes, unless this file exists.
    pub fn space(self, bytes: u64, freed: &Path) -> Self {
        self.with("HF_SPACE", bytes.to_string()).with("HF_FREED", freed)
    }

    /// No file may grow beyond so many bytes: the system's own limit, without its
    /// signal.
    pub fn file_size(self, bytes: u64) -> Self {
        self.with("HF_FSIZE", bytes.to_string())
    }

    /// The time of day jumps by so many seconds, forwards at one look, backwards
    /// at the next.
    pub fn clock(self, seconds: u64) -> Self {
        self.with("HF_CLOCK", seconds.to_string())
    }

    /// Whether, and at which call, it came to the deed.
    pub fn fired(&self) -> Option<String> {
        fs::read_to_string(self.fired.as_ref()?).ok().map(|line| line.trim().to_owned())
    }

    fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Puts the library before the C library of a program to be started.
    pub(crate) fn apply(&self, shim: &Path, command: &mut Command) {
        command.env("LD_PRELOAD", shim);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}
