//! The live view, in a pseudo terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::bed::{Bed, UNLIMITED, good};

/// Both ends, and all that was written so far.
struct Pty {
    keys: File,
    theirs: OwnedFd,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Pty {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).unwrap();
        let keys = File::from(ours);
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let (mut read, heap) = (keys.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = read.read(&mut bytes) {
                heap.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { keys, theirs, written }
    }

    fn end(&self) -> Stdio {
        self.theirs.try_clone().unwrap().into()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Whether keys are echoed and lines are edited, as a shell wants it.
    fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.theirs).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let since = Instant::now();
        while !is_so(&self.text()) {
            assert!(since.elapsed() < Duration::from_secs(120), "{what}: {:?}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What stands on the screen after this was written: text, and where it goes.
fn screen(written: &str) -> Vec<String> {
    let mut rows = vec![vec![' '; 120]; 40];
    let (mut row, mut column) = (0, 0);
    let mut rest = written.chars();
    while let Some(char) = rest.next() {
        match char {
            '\u{1b}' if rest.as_str().starts_with('[') => {
                let sequence = sequence(&mut rest);
                let Some(place) = sequence.strip_suffix('H') else { continue };
                let mut numbers = place
                    .trim_start_matches('[')
                    .split(';')
                    .map(|it| it.parse().unwrap_or(1_usize));
                row = numbers.next().unwrap_or(1) - 1;
                column = numbers.next().unwrap_or(1) - 1;
            }
            '\r' => column = 0,
            '\n' => row += 1,
            char => {
                if let Some(cell) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
                    *cell = char;
                }
                column += 1;
            }
        }
    }
    rows.into_iter().map(String::from_iter).collect()
}

/// Up to the letter that ends a control sequence, and with it.
fn sequence(rest: &mut std::str::Chars<'_>) -> String {
    let mut sequence = String::new();
    for char in rest.by_ref() {
        sequence.push(char);
        if char.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}

/// The figure behind a title on the screen.
fn has_figure(written: &str, title: &str) -> bool {
    let rows = screen(written);
    let mut places = rows.iter().filter_map(|row| row.split_once(title));
    places.any(|(_, rest)| rest.starts_with(|char: char| char.is_ascii_digit() && char != '0'))
}

/// The run is seen, is ended in this way, and leaves the terminal as it was.
fn check(name: &str, end: impl Fn(&mut Pty, &Child)) {
    let (bed, mut pty) = (Bed::new(), Pty::open());
    assert!(pty.is_cooked());
    let url = good();
    let args = ["run", "short.toml", "--length", "1h", "--target", &url, "--json", "r.json"];
    let mut command = bed.command(&[&args[..], &UNLIMITED].concat());
    command.env("TERM", "xterm-256color");
    let mut child = command.stdin(pty.end()).stdout(pty.end()).stderr(pty.end()).spawn().unwrap();
    for title in [" requests a second: ", " response p99: ", " own lag p99: "] {
        pty.wait_until(title, |written| has_figure(written, title));
    }
    assert!(!pty.is_cooked(), "{name}");
    end(&mut pty, &child);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
    assert!(pty.is_cooked(), "{name}: the terminal is not given back");
    pty.wait_until("the report", |written| written.contains("INTERRUPTED"));
    let text = pty.text();
    let (_, after) = text.rsplit_once("\u{1b}[?1049l").expect("the screen is left");
    assert!(text.rfind("\u{1b}[?25h") > text.rfind("\u{1b}[?25l"), "{name}: no cursor");
    assert!(after.contains("requests in"), "{name}: {after:?}");
    assert!(bed.read("r.json").contains("\"interrupted\""), "{name}");
}

#[test]
fn the_view_is_drawn_and_each_way_to_end_it_gives_the_terminal_back() {
    check("Ctrl-C", |pty, _| pty.keys.write_all(b"\x03").unwrap());
    check("q", |pty, _| pty.keys.write_all(b"q").unwrap());
    check("a signal", |_, child| kill_process(Pid::from_child(child), Signal::TERM).unwrap());
}
