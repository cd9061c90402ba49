//! A folder to run in, and servers to run against.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

pub(crate) struct Bed {
    pub(crate) folder: tempfile::TempDir,
}

/// Whatever else the machine does, it is not what is tested.
pub(crate) const UNLIMITED: [&str; 8] =
    ["--max-lag", "1h", "--max-late", "1", "--max-cpu", "2", "--max-pressure", "2"];

pub(crate) const SCENARIO: &str = "
name = \"short\"
load = { spacing = \"even\" }
connections = { count = 2 }
stage = [{ hold = 100, for = \"400ms\" }]
gate = [{ metric = \"errors\", below = 0.5 }]
";

impl Bed {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bed = Self { folder };
        bed.write("short.toml", SCENARIO);
        bed
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_herbarium-load"));
        command.args(args).current_dir(self.folder.path());
        command
    }

    /// Runs to its end; gives what was printed.
    pub(crate) fn run(&self, args: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert_eq!(status.code(), Some(code), "{args:?}\n{out}\n{err}");
        format!("{out}{err}")
    }

    /// `run FILE` against a server, with limits that no machine exceeds.
    pub(crate) fn load(&self, file: &str, url: &str, more: &[&str], code: i32) -> String {
        let args = [&["run", file, "--target", url][..], &UNLIMITED, more].concat();
        self.run(&args, code)
    }
}

/// A server that answers with these bytes, after some time.
pub(crate) fn server(answer: &'static [u8], after: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    std::thread::sleep(after);
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

pub(crate) fn good() -> String {
    server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Duration::ZERO)
}

pub(crate) fn broken() -> String {
    server(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", Duration::ZERO)
}
