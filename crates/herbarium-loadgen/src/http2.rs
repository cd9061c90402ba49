//! HTTP/2, through hyper: several requests at once share a connection.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::TokioIo;

use crate::check::{Answer, Check, MOST_BODY};
use crate::connect::Stream;
use crate::outcome::Fault;

/// Puts hyper's tasks on the worker's own thread.
#[derive(Clone, Copy, Debug)]
struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move { drop(task.await) });
    }
}

/// A connection that several lanes use.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    /// Why the connection ended, once it has.
    ended: Rc<RefCell<Option<Fault>>>,
}

impl Http2 {
    pub(crate) async fn new(stream: Stream) -> Result<Self, Fault> {
        let (sender, connection) =
            handshake(OnThisThread, TokioIo::new(stream)).await.map_err(|error| fault(&error))?;
        let ended = Rc::new(RefCell::new(None));
        let end = Rc::clone(&ended);
        tokio::task::spawn_local(async move {
            let result = connection.await;
            *end.borrow_mut() = Some(result.err().map_or(Fault::Closed, |error| fault(&error)));
        });
        Ok(Self { sender, ended })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed() && self.ended.borrow().is_none()
    }

    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        check: &Check,
    ) -> Result<(Answer, Option<Fault>), Fault> {
        let sent = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let response = sent.await.map_err(|error| self.why(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers();
        let headers_good =
            check.headers_are_good(|name| headers.get(name).map(http::HeaderValue::as_bytes));
        let mut body = response.into_body();
        let (mut bytes, mut kept) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.why(&error))?;
            if let Some(data) = frame.data_ref() {
                bytes += data.len() as u64;
                if check.needs_body() && kept.len() < MOST_BODY {
                    kept.extend_from_slice(data);
                }
            }
        }
        let answer = Answer { status, bytes, headers_good, keep: true };
        Ok((answer, check.judge(&answer, &kept)))
    }

    /// The connection knows better than one of its streams why it ended.
    fn why(&self, error: &hyper::Error) -> Fault {
        self.ended.borrow().unwrap_or_else(|| fault(error))
    }
}

fn fault(error: &hyper::Error) -> Fault {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Fault::of_io(io);
        }
        source = cause.source();
    }
    match () {
        () if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
            Fault::Closed
        }
        () if error.is_timeout() => Fault::Timeout,
        () if error.is_parse() => Fault::Malformed,
        // A stream that the server cut short, or a frame that makes no sense.
        () => Fault::Reset,
    }
}
