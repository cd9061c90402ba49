//! Answers on their way out: what every answer says, and what is noted of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::asked::Asked;
use crate::gate::Gate;
use crate::incoming::{Held, overloaded};
use crate::limits::Limits;
use crate::metrics::{PANICS, method_index};
use crate::pack::{self, Pack, Packing};
use crate::problem::{PROBLEM_JSON, Problem, of_status};
use crate::rate::{Rate, Taken};
use crate::talk::Turn;

/// A request, from its head to the last byte of its answer: what it holds, and
/// what is noted of it in the end.
pub(crate) struct Account {
    pub(crate) gate: Arc<Gate>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) asked: Asked,
    pub(crate) method: Method,
    pub(crate) began: Instant,
    pub(crate) status: Option<StatusCode>,
    /// Whether it counts among the requests that run.
    pub(crate) is_counted: bool,
    /// Room for the bodies, of the request and of the answer.
    pub(crate) held: Option<Arc<Held>>,
    pub(crate) bytes: u64,
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.is_counted {
            self.gate.shared.leave();
        }
        let took = self.began.elapsed();
        let route = self.asked.route().unwrap_or(&self.gate.handles.unmatched);
        route.record(method_index(&self.method), self.status, took.as_secs_f64());
        let is_bad = self.status.is_some_and(|it| it.is_server_error());
        if is_bad || took >= self.limits.slow {
            self.say_loudly(route.name(), took.as_secs_f64());
        } else {
            self.say(route.name(), took.as_secs_f64());
        }
    }
}

macro_rules! line {
    ($level:ident, $self:ident, $route:ident, $seconds:ident) => {
        tracing::$level!(
            request_id = %$self.asked.context().id,
            method = %$self.method,
            route = $route,
            status = $self.status.map(|it| it.as_u16()),
            seconds = $seconds,
            bytes = $self.bytes,
            principal = $self.asked.principal().map(|it| it.name()),
            client = $self.asked.client().address.map(tracing::field::display),
            "request"
        )
    };
}

impl Account {
    fn say(&self, route: &str, seconds: f64) {
        line!(debug, self, route, seconds);
    }

    fn say_loudly(&self, route: &str, seconds: f64) {
        line!(info, self, route, seconds);
    }
}

/// What of the request the answer depends on.
pub(crate) struct Terms {
    pub(crate) origin: Option<HeaderValue>,
    pub(crate) packing: Option<Packing>,
    /// The connection is to be closed after it.
    pub(crate) closes: bool,
    pub(crate) quota: Option<(Rate, Taken)>,
    pub(crate) turn: Option<Turn>,
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The answer as it goes out.
pub(crate) fn finish(
    response: Response,
    mut account: Account,
    terms: Terms,
) -> Response<AnswerBody> {
    let mut response = settle(response, &account);
    if !has_room(&response, &mut account) {
        let problem = overloaded(&account.limits, "there is no room for the answer");
        response = settle(problem.into_response(), &account);
    }
    let (mut pack, is_head) = (None, account.method == Method::HEAD);
    if pack::is_worth_it(&response, account.limits.compress_from) {
        pack::vary(response.headers_mut());
        if let Some(packing) = terms.packing.filter(|_| !is_head) {
            (response, pack) = pack::pack(response, packing);
        }
    }
    let headers = response.headers_mut();
    account.asked.context().answer(headers);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    account.gate.cors.answer(terms.origin.as_ref(), headers);
    if terms.closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some((rate, taken)) = terms.quota {
        say_quota(headers, rate, taken);
    }
    account.status = Some(response.status());
    response.map(|body| AnswerBody {
        body,
        pack: pack.map(Box::new),
        rest: Bytes::new(),
        turn: terms.turn,
        account: Some(account),
    })
}

/// What is given to hyper at a time. It takes whatever it is given for sent, while
/// a client that reads slowly makes us hold all of it.
const PIECE: usize = 64 << 10;

/// Whether so large an answer may be held until its client has read it. Answers
/// that are made while they are sent hold little, and say no size.
fn has_room(response: &Response, account: &mut Account) -> bool {
    let size = response.body().size_hint().exact().unwrap_or(0);
    if size <= PIECE as u64 {
        return true;
    }
    let Account { gate, limits, held, .. } = account;
    held.get_or_insert_with(|| Arc::new(gate.hold())).add(size, limits)
}

/// As in draft-ietf-httpapi-ratelimit-headers.
fn say_quota(headers: &mut HeaderMap, rate: Rate, taken: Taken) {
    let (most, window) = (rate.requests, rate.window.as_secs().max(1));
    let wait = taken.wait.as_secs() + u64::from(taken.wait.subsec_nanos() > 0);
    let policy = HeaderValue::from_str(&format!("\"quota\";q={most};w={window}"));
    let left = HeaderValue::from_str(&format!("\"quota\";r={};t={wait}", taken.left));
    if let (Ok(policy), Ok(left)) = (policy, left) {
        headers.insert(RATE_LIMIT_POLICY, policy);
        headers.insert(RATE_LIMIT, left);
    }
}

/// Every error is a problem, whoever made it, and has the request's id.
fn settle(mut response: Response, account: &Account) -> Response {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return write(response, problem, account);
    }
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        allow_options(response.headers_mut());
        if account.method == Method::OPTIONS {
            let allow = response.headers_mut().remove(ALLOW);
            let mut response = StatusCode::NO_CONTENT.into_response();
            response.headers_mut().extend(allow.map(|it| (ALLOW, it)));
            return response;
        }
    }
    match said(&mut response) {
        None => response,
        Some(said) => {
            let problem = of_status(status);
            let problem = if said.is_empty() { problem } else { problem.detail(said) };
            write(response, problem, account)
        }
    }
}

fn allow_options(headers: &mut HeaderMap) {
    let allow = headers.get(ALLOW).and_then(|it| it.to_str().ok());
    if let Some(allow) = allow.filter(|it| !it.contains("OPTIONS")) {
        let separator = if allow.is_empty() { "" } else { "," };
        if let Ok(allow) = HeaderValue::from_str(&format!("{allow}{separator}OPTIONS")) {
            headers.insert(ALLOW, allow);
        }
    }
}

/// Longer texts than this are no explanations.
const SAID: u64 = 4096;

/// What an error that is no problem says for itself, if it is plain text or
/// nothing at all; `None` for what has a form of its own.
fn said(response: &mut Response) -> Option<String> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if kind.is_some_and(|it| !it.starts_with("text/plain")) {
        return None;
    }
    let size = response.body().size_hint().exact()?;
    if size > SAID {
        return None;
    }
    let body = Pin::new(response.body_mut());
    match body.poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => {
            let data = frame.into_data().unwrap_or_default();
            Some(String::from_utf8_lossy(&data).into_owned())
        }
        _ => Some(String::new()),
    }
}

fn write(mut response: Response, problem: Problem, account: &Account) -> Response {
    account.gate.handles.problem(problem.kind().slug());
    let problem = problem.with_request_id(account.asked.context().id.as_str());
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    *response.body_mut() = Body::from(body);
    response
}

/// Something panicked in a handler, which must not be the end of others.
pub(crate) fn panicked(asked: &Asked, where_: &'static str) {
    PANICS.as_counter(&[]).increment(1);
    tracing::error!(request_id = %asked.context().id, "a handler panicked {where_}");
}

pin_project! {
    /// The body of an answer. The request ends with it.
    #[project = AnswerBodyProjection]
    pub(crate) struct AnswerBody {
        #[pin]
        body: Body,
        pack: Option<Box<Pack>>,
        // What did not fit into the last piece.
        rest: Bytes,
        turn: Option<Turn>,
        account: Option<Account>,
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut this = self.project();
        if let Some(turn) = this.turn.as_ref() {
            turn.ours();
        }
        let frame = match this.rest.is_empty() {
            true => ready!(poll_guarded(&mut this, cx)),
            false => Some(Ok(Frame::data(std::mem::take(this.rest)))),
        };
        let frame = frame.map(|frame| frame.map(|frame| cut(frame, this.rest)));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(account), Some(data)) = (this.account.as_mut(), frame.data_ref()) {
                    account.bytes += data.len() as u64;
                }
                if let Some(turn) = this.turn.as_ref() {
                    turn.client();
                }
            }
            // An end, well or not: nothing is held any longer.
            None | Some(Err(_)) => *this.account = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.pack.is_none() && self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.pack.is_some() {
            return SizeHint::default();
        }
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

type AnswerFrame = Option<Result<Frame<Bytes>, axum::Error>>;

/// The next of the body. A panic is the end of the answer, and of nothing else.
fn poll_guarded(body: &mut AnswerBodyProjection<'_>, cx: &mut Context<'_>) -> Poll<AnswerFrame> {
    let poll = std::panic::AssertUnwindSafe(|| match body.pack.as_mut() {
        Some(pack) => pack.poll_frame(body.body.as_mut(), cx),
        None => body.body.as_mut().poll_frame(cx),
    });
    std::panic::catch_unwind(poll).unwrap_or_else(|_| {
        if let Some(account) = body.account.as_ref() {
            panicked(&account.asked, "in the midst of its answer");
        }
        let error = std::io::Error::other("the handler panicked");
        Poll::Ready(Some(Err(axum::Error::new(error))))
    })
}

/// A piece of it, and the rest for later.
fn cut(frame: Frame<Bytes>, rest: &mut Bytes) -> Frame<Bytes> {
    if frame.data_ref().is_none_or(|data| data.len() <= PIECE) {
        return frame;
    }
    frame.map_data(|mut data| {
        let piece = data.split_to(PIECE);
        *rest = data;
        piece
    })
}
