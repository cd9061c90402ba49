//! Unpacking bodies, a little at a time.

use std::io::{self, Write as _};

use bytes::{Buf as _, Bytes};
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use zstd::stream::raw::{DParameter, Decoder as Zstd, InBuffer, Operation as _, OutBuffer};

use crate::kinds;
use crate::problem::Problem;

/// What may be in `Content-Encoding`.
const CODINGS: &str = "gzip, zstd, deflate";

/// Taken in at a time, so that a bomb is seen before much of it went off: the
/// worst of them makes a thousand bytes of one.
const BITE: usize = 2 << 10;

/// Given out at a time.
const CHUNK: usize = 64 << 10;

/// The largest window that RFC 8878 asks decoders for: 8 MiB.
const WINDOW_LOG: u32 = 23;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Zstd,
}

impl Coding {
    /// How a body is packed; `None` if it is not.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let name = value.to_str().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            _ if values.next().is_some() => Err(unknown("several")),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "zstd" => Ok(Some(Self::Zstd)),
            "identity" | "" => Ok(None),
            other => Err(unknown(other)),
        }
    }
}

fn unknown(found: &str) -> Problem {
    Problem::new(&kinds::UNSUPPORTED_ENCODING)
        .detail("read `Content-Encoding`")
        .expected(format!("one of {CODINGS}"))
        .found(format!("`{found}`"))
        .header(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS))
}

/// A decoder, with what it was given and has not looked at.
pub(crate) struct Unpack {
    decoder: Decoder,
    input: Bytes,
    is_begun: bool,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
    /// And whether it is between two frames.
    Zstd(Zstd<'static>, bool),
}

impl Unpack {
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Decoder::Deflate(ZlibDecoder::new(Vec::new())),
            Coding::Zstd => {
                let mut decoder = Zstd::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
                Decoder::Zstd(decoder, true)
            }
        };
        Ok(Self { decoder, input: Bytes::new(), is_begun: false })
    }

    /// More to unpack. All that was given before has been taken out.
    pub(crate) fn give(&mut self, input: Bytes) {
        self.is_begun |= !input.is_empty();
        self.input = input;
    }

    /// What came of some of it; `None` when more is needed.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let output = match &mut self.decoder {
                Decoder::Zstd(decoder, is_between) => {
                    let output = step(decoder, is_between, &mut self.input)?;
                    if output.is_empty() && self.input.is_empty() {
                        return Ok(None);
                    }
                    output
                }
                _ if self.input.is_empty() => return Ok(None),
                Decoder::Gzip(decoder) => {
                    decoder.write_all(&bite(&mut self.input))?;
                    std::mem::take(decoder.get_mut())
                }
                Decoder::Deflate(decoder) => {
                    decoder.write_all(&bite(&mut self.input))?;
                    std::mem::take(decoder.get_mut())
                }
            };
            if !output.is_empty() {
                return Ok(Some(output.into()));
            }
        }
    }

    /// The last of it.
    ///
    /// # Errors
    /// If it ended too early.
    pub(crate) fn finish(&mut self) -> io::Result<Option<Bytes>> {
        if !self.is_begun {
            return Ok(None);
        }
        let output = match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                decoder.try_finish()?;
                std::mem::take(decoder.get_mut())
            }
            Decoder::Deflate(decoder) => {
                decoder.try_finish()?;
                std::mem::take(decoder.get_mut())
            }
            Decoder::Zstd(_, true) => Vec::new(),
            Decoder::Zstd(_, false) => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        Ok((!output.is_empty()).then(|| output.into()))
    }
}

fn bite(input: &mut Bytes) -> Bytes {
    input.split_to(input.len().min(BITE))
}

/// Also asked with nothing to take in: the decoder may have more to give.
fn step(decoder: &mut Zstd<'_>, is_between: &mut bool, input: &mut Bytes) -> io::Result<Vec<u8>> {
    if *is_between && input.is_empty() {
        return Ok(Vec::new());
    }
    let mut output = vec![0; CHUNK];
    let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(&mut output[..]));
    let hint = decoder.run(&mut from, &mut to)?;
    let (taken, given) = (from.pos(), to.pos());
    *is_between = hint == 0;
    if *is_between {
        decoder.reinit()?;
    }
    input.advance(taken);
    output.truncate(given);
    Ok(output)
}
