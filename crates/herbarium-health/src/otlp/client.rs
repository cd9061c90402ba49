//! One POST at a time, on a thread without a runtime.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::answer::Whole;
use crate::race::{First, race};

/// What a collector answers is some bytes long.
const MAX_ANSWER: usize = 64 * 1024;

/// A client that blocks whoever polls it. The exporter's thread does nothing
/// else.
#[derive(Debug)]
pub(super) struct Client {
    patience: Duration,
}

impl Client {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience }
    }

    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { timeout(self.patience, exchange(request)).await? })
    }
}

/// The signature is that of the trait, without the macro it was made with.
impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { self.post(request) })
    }
}

async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (host, port) = target(request.uri())?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asking = async {
        let response = sender.send_request(in_origin_form(request)?).await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, read(body).await?))
    };
    match race(asking, connection).await {
        First::Left(response) => response,
        First::Right(closed) => {
            closed?;
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }
}

fn target(uri: &Uri) -> Result<(String, u16), HttpError> {
    let host = uri.host().ok_or("the address of the collector has no host")?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(80)))
}

/// As a server is asked: the path in the first line, the host in a header.
fn in_origin_form(request: Request<Bytes>) -> Result<Request<Whole>, HttpError> {
    let (mut head, body) = request.into_parts();
    if let Some(authority) = head.uri.authority() {
        head.headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    }
    let path = head.uri.path_and_query().map_or("/", |it| it.as_str());
    head.uri = path.parse()?;
    Ok(Request::from_parts(head, Whole::new(body)))
}

async fn read(body: Incoming) -> Result<Bytes, HttpError> {
    let mut body = std::pin::pin!(body);
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > MAX_ANSWER {
            return Err("the collector's answer is too long".into());
        }
    }
    Ok(all.into())
}
