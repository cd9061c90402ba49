//! Compressing answers, for clients that ask for it.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use zstd::stream::write::Encoder as ZstdEncoder;

/// Packed at a time: a large answer must not keep a worker for long.
const BITE: usize = 32 << 10;

/// Little is gained beyond these, and much time lost.
const GZIP_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }

    /// What the client likes best; zstd if it does not care.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(Self, u32)> = None;
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().ok()?.split(',') {
                let (name, weight) = weighed(item);
                let packing = match name {
                    name if name.eq_ignore_ascii_case("gzip") => Self::Gzip,
                    name if name.eq_ignore_ascii_case("zstd") => Self::Zstd,
                    _ => continue,
                };
                let beats = |(other, most): (Self, u32)| {
                    weight > most || (weight == most && other == Self::Gzip)
                };
                if weight > 0 && best.is_none_or(beats) {
                    best = Some((packing, weight));
                }
            }
        }
        best.map(|(packing, _)| packing)
    }
}

/// A name with its weight in thousandths: `gzip;q=0.5`.
fn weighed(item: &str) -> (&str, u32) {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = parameters.split(';').find_map(|it| it.trim().strip_prefix("q="));
    let weight = weight.and_then(|it| it.parse::<f32>().ok()).unwrap_or(1.0);
    (name.trim(), (weight.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// Whether an answer gains by being packed, whatever the client accepts.
pub(crate) fn is_worth_it(response: &Response<Body>, from: u64) -> bool {
    let headers = response.headers();
    let size = response.body().size_hint();
    let is_whole = !matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
    );
    is_whole
        && size.upper().is_none_or(|size| size >= from)
        && from < u64::MAX
        && is_text(headers)
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && !has_no_transform(headers)
}

/// Events are read one by one as they come; packed, many would wait.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.split_once('/') {
        Some(("text", rest)) => rest != "event-stream",
        Some(("application", rest)) => {
            let known = ["json", "x-ndjson", "ndjson", "javascript", "xml", "toml", "yaml"];
            known.contains(&rest) || rest.ends_with("+json") || rest.ends_with("+xml")
        }
        Some(("image", rest)) => rest == "svg+xml",
        _ => false,
    }
}

fn has_no_transform(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter();
    values.filter_map(|it| it.to_str().ok()).any(|it| it.contains("no-transform"))
}

/// The answer packed; as it was, if the packer cannot be had.
pub(crate) fn pack(
    mut response: Response<Body>,
    packing: Packing,
) -> (Response<Body>, Option<Pack>) {
    let Ok(pack) = Pack::new(packing, response.body().size_hint().exact()) else {
        return (response, None);
    };
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    headers.insert(CONTENT_ENCODING, packing.name());
    weaken_etag(headers);
    (response, Some(pack))
}

/// Caches have to know that the answer depends on what was accepted.
pub(crate) fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
}

/// The bytes are others than those that the tag is for; what they mean is not.
fn weaken_etag(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG) else { return };
    if !tag.as_bytes().starts_with(b"W/") {
        let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
        if let Ok(weak) = weak {
            headers.insert(ETAG, weak);
        }
    }
}

/// A packer, with what it was given and has not looked at.
pub(crate) struct Pack {
    encoder: Encoder,
    input: Bytes,
    /// Something was packed that nobody has seen.
    owes: bool,
    trailers: Option<HeaderMap>,
    has_ended: bool,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Pack {
    fn new(packing: Packing, size: Option<u64>) -> io::Result<Self> {
        let encoder = match packing {
            Packing::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Encoder::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Packing::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?;
                // Small answers need small tables.
                encoder.set_pledged_src_size(size)?;
                Encoder::Zstd(encoder)
            }
        };
        Ok(Self { encoder, input: Bytes::new(), owes: false, trailers: None, has_ended: false })
    }

    /// The next of the body, packed.
    pub(crate) fn poll_frame(
        &mut self,
        mut body: Pin<&mut Body>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            if self.has_ended {
                return Poll::Ready(self.trailers.take().map(|it| Ok(Frame::trailers(it))));
            }
            if !self.input.is_empty() {
                let packed = self.feed().map_err(axum::Error::new)?;
                if !packed.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(packed))));
                }
                continue;
            }
            match body.as_mut().poll_frame(cx) {
                Poll::Pending if self.owes => {
                    // The client is to see what there is while more is made.
                    let packed = self.flush().map_err(axum::Error::new)?;
                    return Poll::Ready(Some(Ok(Frame::data(packed))));
                }
                pending_or_not => match ready!(pending_or_not).transpose()? {
                    Some(frame) => match frame.into_data() {
                        Ok(data) => self.input = data,
                        Err(frame) => self.trailers = frame.into_trailers().ok(),
                    },
                    None => {
                        self.has_ended = true;
                        let packed = self.finish().map_err(axum::Error::new)?;
                        return Poll::Ready(Some(Ok(Frame::data(packed))));
                    }
                },
            }
        }
    }

    fn feed(&mut self) -> io::Result<Bytes> {
        let bite = self.input.len().min(BITE);
        self.owes = true;
        let packed = match &mut self.encoder {
            Encoder::Gzip(encoder) => {
                encoder.write_all(&self.input[..bite])?;
                std::mem::take(encoder.get_mut())
            }
            Encoder::Zstd(encoder) => {
                encoder.write_all(&self.input[..bite])?;
                std::mem::take(encoder.get_mut())
            }
        };
        self.input.advance(bite);
        Ok(packed.into())
    }

    fn flush(&mut self) -> io::Result<Bytes> {
        self.owes = false;
        let packed = match &mut self.encoder {
            Encoder::Gzip(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Encoder::Zstd(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(packed.into())
    }

    fn finish(&mut self) -> io::Result<Bytes> {
        self.owes = false;
        let packed = match &mut self.encoder {
            Encoder::Gzip(encoder) => {
                encoder.try_finish()?;
                std::mem::take(encoder.get_mut())
            }
            Encoder::Zstd(encoder) => {
                encoder.do_finish()?;
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(packed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepted: &'static str, expected: Option<Packing>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        assert_eq!(Packing::accepted(&headers), expected, "{accepted}");
    }

    #[test]
    fn the_client_chooses() {
        check("gzip", Some(Packing::Gzip));
        check("gzip, deflate, br", Some(Packing::Gzip));
        check("gzip, deflate, br, zstd", Some(Packing::Zstd));
        check("zstd;q=0.5, GZIP;q=0.8", Some(Packing::Gzip));
        check("gzip;q=0", None);
        check("identity", None);
        check("", None);
        check("gzip;q=nan", None);
        check(";;;,,,=", None);
    }
}
