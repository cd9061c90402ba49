//! A bed to grow things in: a project and a store, both for one test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A project folder and a store that is not there yet.
pub(crate) struct Bed {
    dir: TempDir,
}

/// How the program ended.
pub(crate) struct Ran {
    what: String,
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Six files of five core languages, one with broken source; one binary, one of
/// no language.
pub(crate) const SOURCES: [(&str, &str); 8] = [
    ("src/main.rs", "// Adds.\nfn main() {\n    println!(\"{}\", 1 + 2);\n}\n"),
    ("src/lib.rs", "pub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n"),
    ("tools/run.py", "def run(x):\n    return [y * 2 for y in x]\n"),
    ("web/app.js", "export const add = (a, b) => a + b;\n"),
    ("c/broken.c", "int main( { return 0 }\n"),
    ("conf/data.json", "{\"a\": [1, 2, null]}\n"),
    ("picture.bin", "\u{0}\u{1}\u{2}\u{0}not text\u{0}"),
    ("NOTES", "no language claims this\n"),
];

impl Bed {
    /// An empty project.
    pub(crate) fn new() -> Self {
        let bed = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir(bed.project()).expect("a project folder");
        bed
    }

    /// A project of these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let bed = Self::new();
        for (path, text) in files {
            bed.write(path, text);
        }
        bed
    }

    /// [`SOURCES`], not indexed.
    pub(crate) fn sown() -> Self {
        Self::with(&SOURCES)
    }

    /// [`SOURCES`], indexed.
    pub(crate) fn grown() -> Self {
        let bed = Self::sown();
        bed.run(["index", "."]).code(0);
        bed
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.project().join(path)
    }

    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("the folder of a file");
        fs::write(&path, content).expect("a file of the project");
    }

    /// The program, in the project, with the store of this bed.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_herbarium"));
        command
            .args(args)
            .current_dir(self.project())
            .env("HERBARIUM_STORE", self.store())
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// The program as somebody who is not the superuser, to whom permissions
    /// mean nothing. Everything in the bed becomes that user's.
    #[cfg(unix)]
    pub(crate) fn unprivileged<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        use std::os::unix::fs::{MetadataExt, chown};
        use std::os::unix::process::CommandExt;

        const NOBODY: u32 = 65534;
        let owner = fs::metadata(self.dir.path()).expect("the bed").uid();
        let mut command = self.command(args);
        if owner != 0 && owner != NOBODY {
            return command;
        }
        // The built program may lie where that user may not look.
        let program = self.dir.path().join("herbarium");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_herbarium"), &program).expect("a copy of the program");
        }
        each(self.dir.path(), &|path| chown(path, Some(NOBODY), None).expect("a new owner"));
        let mut other = Command::new(program);
        other.args(command.get_args()).current_dir(self.project()).stdin(Stdio::null());
        other.env("HERBARIUM_STORE", self.store()).uid(NOBODY);
        command = other;
        command
    }

    /// Takes the permission to write to anything in the store from everybody.
    #[cfg(unix)]
    pub(crate) fn may_only_read_the_store(&self) {
        use std::os::unix::fs::PermissionsExt;

        each(&self.store(), &|path| {
            let mode = if path.is_dir() { 0o555 } else { 0o444 };
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(path, permissions).expect("new permissions");
        });
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// Runs, wants code 0, and reads what was printed as JSON.
    pub(crate) fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        self.run(args).code(0).json()
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        Self::from_output(format!("{:?}", command.get_args()), output)
    }

    pub(crate) fn from_output(what: String, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        Self { what, code: output.status.code(), out, err }
    }

    /// Wants this exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        let Self { what, code, out, err } = &self;
        assert_eq!(*code, Some(expected), "exit code of {what}\nout: {out}\nerr: {err}");
        assert!(!err.contains("panicked"), "{what}: {err}");
        self
    }

    /// Wants all of these in what was said on standard error.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{}: {part:?} is not in {:?}", self.what, self.err);
        }
        self
    }

    /// Wants all of these in what was printed.
    #[track_caller]
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "{}: {part:?} is not in {}", self.what, self.out);
        }
        self
    }

    /// Wants nothing on standard error.
    #[track_caller]
    pub(crate) fn silent(self) -> Self {
        assert_eq!(self.err, "", "standard error of {}", self.what);
        self
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let Self { what, out, .. } = self;
        serde_json::from_str(out).unwrap_or_else(|error| panic!("{what}: {error} in {out}"))
    }
}

/// Everything under a path, and the path itself, last.
pub(crate) fn each(path: &Path, work: &dyn Fn(&Path)) {
    let entries = fs::read_dir(path).into_iter().flatten();
    for entry in entries {
        each(&entry.expect("an entry").path(), work);
    }
    work(path);
}

/// Wants an object to have these fields of these types, and no others.
#[track_caller]
pub(crate) fn check_shape(object: &Value, fields: &[(&str, Type)]) {
    let object = object.as_object().expect("an object");
    let mut found: Vec<_> = object.keys().map(String::as_str).collect();
    let mut expected: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for (name, of) in fields {
        assert!(of.fits(&object[*name]), "{name} should be {of:?}, is {}", object[*name]);
    }
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Number,
    NumberOrNull,
    Text,
    Flag,
    List,
    Object,
    Any,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::NumberOrNull => value.is_number() || value.is_null(),
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Any => true,
        }
    }
}

/// Wants these values in an object; other fields may be anything.
#[track_caller]
pub(crate) fn check_values(object: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(&object[*name], value, "{name} in {object}");
    }
}
