//! One who calls: just enough HTTP/1.1 for a web hook.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use herbarium_loadgen::Stop;
use serde_json::Value;

/// A request that is not here by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether the program is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Web hooks carry a few names, no more.
const MOST: u64 = 1 << 20;

pub(super) struct Caller {
    stream: TcpStream,
}

impl Caller {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }

    /// Reads all of the request, so that closing does not reset the connection.
    pub(super) fn method(&self, stop: &Stop) -> io::Result<String> {
        let patient = Patient { stream: &self.stream, until: Instant::now() + PATIENCE, stop };
        let mut input = BufReader::new(patient.take(MOST));
        let mut line = String::new();
        input.read_line(&mut line)?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            input.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        io::copy(&mut input.take(length), &mut io::sink())?;
        Ok(line.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Whether nobody listens any more.
    pub(super) fn is_gone(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => !is_waiting(&error),
        }
    }

    pub(super) fn tell(&self, status: &str, body: &Value) -> io::Result<()> {
        let body = body.to_string();
        write!(
            &self.stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// Reads until a time, and no longer once the program is to end: a caller who sends
/// a byte now and then keeps nothing up.
struct Patient<'a> {
    stream: &'a TcpStream,
    until: Instant,
    stop: &'a Stop,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error)
                    if is_waiting(&error) && Instant::now() < self.until && !self.stop.is_set() => {
                }
                Ok(_) if Instant::now() >= self.until => {
                    return Err(ErrorKind::TimedOut.into());
                }
                read => return read,
            }
        }
    }
}

fn is_waiting(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
