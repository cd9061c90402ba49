//! HTTP/1.1, by hand: the request is bytes made beforehand, the answer is read
//! into a buffer that stays, and nothing is allocated per request.
//!
//! A client library builds a map of headers for each answer and passes it
//! through channels; that costs as much processor time as the system calls do,
//! and what the generator spends it cannot tell from the server's slowness.
//! Heads are parsed by `httparse`, the parser of hyper.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use httparse::{Header, ParserConfig, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use crate::check::{Answer, Check, MOST_BODY};
use crate::connect::Stream;
use crate::outcome::Fault;

/// A head longer than this is refused.
const BUFFER: usize = 32 << 10;
const MOST_HEADERS: usize = 96;
/// The line that tells the length of a chunk.
const MOST_CHUNK_LINE: usize = 4 << 10;

/// A connection with what was read from it and not yet used.
pub(crate) struct Http1 {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// As much of the body as a check needs.
    body: Vec<u8>,
}

/// How the end of a body is known.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

struct Head {
    status: u16,
    framing: Framing,
    keep: bool,
    headers_good: bool,
}

impl Http1 {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; BUFFER], start: 0, end: 0, body: Vec::new() }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        is_head: bool,
        check: &Check,
    ) -> Result<(Answer, Option<Fault>), Fault> {
        let written = self.stream.write_all(request).await;
        if written.is_ok() && matches!(self.stream, Stream::Tls(_)) {
            self.stream.flush().await.map_err(|error| Fault::of_io(&error))?;
        }
        // A server may answer and close without reading all: look before giving up.
        let head = match (self.read_head(is_head, check).await, written) {
            (Err(_), Err(error)) => return Err(Fault::of_io(&error)),
            (head, written) => (head?, written.is_ok()),
        };
        let (head, whole) = head;
        self.body.clear();
        let bytes = self.read_body(head.framing, check.needs_body()).await?;
        // What comes unasked cannot be an answer to anything.
        if self.start != self.end {
            return Err(Fault::Malformed);
        }
        let Head { status, keep, headers_good, .. } = head;
        let answer = Answer { status, bytes, headers_good, keep: keep && whole };
        Ok((answer, check.judge(&answer, &self.body)))
    }

    /// Whether an idle connection came to its end: the server closed it, or sent
    /// something unasked.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut into = ReadBuf::new(&mut self.buffer);
        Pin::new(&mut self.stream).poll_read(cx, &mut into).map(drop)
    }

    async fn read_head(&mut self, is_head: bool, check: &Check) -> Result<Head, Fault> {
        loop {
            if self.start < self.end {
                match parse(&self.buffer[self.start..self.end], is_head, check)? {
                    Some((used, head)) => {
                        self.start += used;
                        // 100 and 103 announce the answer, they are none.
                        if head.status >= 200 {
                            return Ok(head);
                        }
                        continue;
                    }
                    None if self.end - self.start == BUFFER => return Err(Fault::Malformed),
                    None => {}
                }
            }
            self.more().await?;
        }
    }

    async fn read_body(&mut self, framing: Framing, keep: bool) -> Result<u64, Fault> {
        match framing {
            Framing::Length(length) => self.pass(length, keep).await.map(|()| length),
            Framing::Chunked => self.read_chunks(keep).await,
            Framing::UntilClosed => self.read_rest(keep).await,
        }
    }

    /// Reads so many bytes of body.
    async fn pass(&mut self, mut left: u64, keep: bool) -> Result<(), Fault> {
        loop {
            let here = (self.end - self.start).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.take(here, keep);
            left -= here as u64;
            if left == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    async fn read_chunks(&mut self, keep: bool) -> Result<u64, Fault> {
        let mut bytes = 0;
        loop {
            match self.read_chunk_size().await? {
                0 => break,
                size => {
                    self.pass(size, keep).await?;
                    self.line().await?;
                    bytes += size;
                }
            }
        }
        // Trailers, then an empty line.
        while self.line().await? > 0 {}
        Ok(bytes)
    }

    async fn read_chunk_size(&mut self) -> Result<u64, Fault> {
        loop {
            match httparse::parse_chunk_size(&self.buffer[self.start..self.end]) {
                Ok(Status::Complete((used, size))) => {
                    self.start += used;
                    return Ok(size);
                }
                Ok(Status::Partial) if self.end - self.start < MOST_CHUNK_LINE => {
                    self.more().await?;
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// Passes a line; gives its length without the end.
    async fn line(&mut self) -> Result<usize, Fault> {
        loop {
            let here = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', here) {
                let length = here[..at].strip_suffix(b"\r").unwrap_or(&here[..at]).len();
                self.start += at + 1;
                return Ok(length);
            }
            match here.len() < MOST_CHUNK_LINE {
                true => self.more().await?,
                false => return Err(Fault::Malformed),
            }
        }
    }

    async fn read_rest(&mut self, keep: bool) -> Result<u64, Fault> {
        let mut bytes = 0;
        loop {
            bytes += (self.end - self.start) as u64;
            self.take(self.end - self.start, keep);
            match self.more().await {
                Ok(()) => {}
                Err(Fault::Closed) => return Ok(bytes),
                Err(fault) => return Err(fault),
            }
        }
    }

    fn take(&mut self, count: usize, keep: bool) {
        let part = &self.buffer[self.start..self.start + count];
        if keep && self.body.len() < MOST_BODY {
            self.body.extend_from_slice(part);
        }
        self.start += count;
    }

    /// Reads more behind what is there.
    async fn more(&mut self) -> Result<(), Fault> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == BUFFER {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.stream.read(&mut self.buffer[self.end..]).await {
            Ok(0) => Err(Fault::Closed),
            Ok(read) => {
                self.end += read;
                Ok(())
            }
            Err(error) => Err(Fault::of_io(&error)),
        }
    }
}

/// A head and its length, if it is whole.
fn parse(bytes: &[u8], is_head: bool, check: &Check) -> Result<Option<(usize, Head)>, Fault> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut headers,
    );
    let used = match parsed {
        Ok(Status::Complete(used)) => used,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Fault::Malformed),
    };
    let status = response.code.ok_or(Fault::Malformed)?;
    let (framing, keep) = framing(&response, status, is_head)?;
    let find = |name: &str| {
        let mut found = response.headers.iter();
        found.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let headers_good = !check.needs_headers() || check.headers_are_good(find);
    Ok(Some((used, Head { status, framing, keep, headers_good })))
}

/// RFC 9112, section 6.3; what contradicts itself is malformed.
fn framing(
    response: &Response<'_, '_>,
    status: u16,
    is_head: bool,
) -> Result<(Framing, bool), Fault> {
    let mut length = None;
    let mut chunked = false;
    let mut keep = response.version == Some(1);
    for header in response.headers.iter() {
        // Most headers are told apart by the length of their names.
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                let value = number(header.value).ok_or(Fault::Malformed)?;
                if length.is_some_and(|it| it != value) {
                    return Err(Fault::Malformed);
                }
                length = Some(value);
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                chunked = has_token(header.value, b"chunked");
            }
            10 if header.name.eq_ignore_ascii_case("connection") => {
                if has_token(header.value, b"close") {
                    keep = false;
                } else if has_token(header.value, b"keep-alive") {
                    keep = true;
                }
            }
            _ => {}
        }
    }
    if status == 101 || (chunked && length.is_some()) {
        return Err(Fault::Malformed);
    }
    let framing = match (length, chunked) {
        _ if is_head || status < 200 || status == 204 || status == 304 => Framing::Length(0),
        (_, true) => Framing::Chunked,
        (Some(length), _) => Framing::Length(length),
        (None, _) => return Ok((Framing::UntilClosed, false)),
    };
    Ok((framing, keep))
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = digits.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|it| it.trim_ascii().eq_ignore_ascii_case(token))
}
