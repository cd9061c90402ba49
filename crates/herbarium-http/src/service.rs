//! Requests of one connection, as hyper hands them over.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::future::RouteFuture;
use herbarium_health::RequestContext;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ORIGIN};
use http::request::Parts;
use http::{Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Timeout, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::Service as _;

use crate::answer::{Account, AnswerBody, Terms, finish, panicked};
use crate::asked::{Asked, Client};
use crate::auth::Authentication;
use crate::gate::{Gate, is_last};
use crate::incoming::{BodyError, RequestBody, overloaded};
use crate::kinds;
use crate::limits::Limits;
use crate::metrics::Shed;
use crate::pack::Packing;
use crate::principal::Principal;
use crate::problem::Problem;
use crate::talk::Talk;
use crate::unpack::{Coding, Unpack};

/// The service of one connection.
pub(crate) struct Conversation {
    pub(crate) gate: Arc<Gate>,
    pub(crate) router: Router,
    pub(crate) client: Client,
    pub(crate) talk: Arc<Talk>,
}

impl hyper::service::Service<Request<Incoming>> for Conversation {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let limits = self.gate.shared.limits.load_full();
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            self.talk.is_read();
        }
        let client = self.gate.client(&self.client, &parts.headers);
        let asked = Asked::new(client, RequestContext::from_headers(&parts.headers));
        let account = Account {
            gate: Arc::clone(&self.gate),
            is_counted: self.gate.shared.enter(limits.requests),
            limits,
            asked,
            method: parts.method.clone(),
            began: Instant::now(),
            status: None,
            held: None,
            bytes: 0,
        };
        let terms = self.terms(&parts);
        let router = Some(self.router.clone());
        let talk = Arc::clone(&self.talk);
        let mut answering = Answering {
            state: State::Done,
            account: Some(account),
            terms: Some(terms),
            router,
            talk,
            patience: None,
        };
        answering.state = answering.admit(parts, body);
        answering
    }
}

impl Conversation {
    fn terms(&self, parts: &Parts) -> Terms {
        Terms {
            origin: parts.headers.get(ORIGIN).cloned(),
            packing: Packing::accepted(&parts.headers),
            closes: is_last(parts),
            quota: None,
            turn: (parts.version == Version::HTTP_2).then(|| self.talk.answer()),
        }
    }
}

pin_project! {
    /// An answer to come.
    pub(crate) struct Answering {
        #[pin]
        state: State,
        account: Option<Account>,
        terms: Option<Terms>,
        router: Option<Router>,
        talk: Arc<Talk>,
        patience: Option<Pin<Box<Timeout<WaitForCancellationFutureOwned>>>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Given { response: Option<Response> },
        Identifying {
            identified: Pin<Box<dyn Future<Output = Result<Principal, Problem>> + Send>>,
            request: Option<Box<(Parts, Incoming)>>,
        },
        Routing { #[pin] routing: RouteFuture<Infallible> },
        Done,
    }
}

impl State {
    fn given(response: Response) -> Self {
        Self::Given { response: Some(response) }
    }
}

impl From<Problem> for State {
    fn from(problem: Problem) -> Self {
        Self::given(problem.into_response())
    }
}

impl Answering {
    /// As far as it gets without waiting.
    fn admit(&mut self, parts: Parts, body: Incoming) -> State {
        let Some(account) = &self.account else { return State::Done };
        match look(account, &parts) {
            Err(problem) => return problem.into(),
            Ok(Some(response)) => return State::given(response),
            Ok(None) => {}
        }
        match account.gate.identify(&parts, account.asked.client()) {
            Authentication::Now(who) => self.identified(who, parts, body),
            Authentication::Later(identified) => {
                let request = Some(Box::new((parts, body)));
                State::Identifying { identified, request }
            }
        }
    }

    fn identified(
        &mut self,
        who: Result<Principal, Problem>,
        parts: Parts,
        body: Incoming,
    ) -> State {
        let (Some(account), Some(terms), Some(router)) =
            (&mut self.account, &mut self.terms, &mut self.router)
        else {
            return State::Done;
        };
        route(who, parts, body, account, terms, router, &self.talk)
    }
}

/// What can be said by the head alone.
fn look(account: &Account, parts: &Parts) -> Result<Option<Response>, Problem> {
    let (gate, limits, client) = (&account.gate, &account.limits, account.asked.client());
    if !account.is_counted {
        Shed::Requests.count();
        return Err(overloaded(limits, "as many requests run as may at a time"));
    }
    gate.check_head(parts, client, limits)?;
    gate.check_rate(client, limits)?;
    if let Some(response) = gate.answer_itself(parts) {
        return Ok(Some(response));
    }
    gate.cors.check_change(parts)?;
    Ok(None)
}

/// Into the router, if nothing is in the way.
fn route(
    who: Result<Principal, Problem>,
    mut parts: Parts,
    body: Incoming,
    account: &mut Account,
    terms: &mut Terms,
    router: &mut Router,
    talk: &Arc<Talk>,
) -> State {
    let who = match who {
        Ok(who) => who,
        Err(problem) => return problem.into(),
    };
    let quota = account.gate.check_quota(&who, &account.limits);
    account.asked.identify(who);
    if let (Some(taken), Some(rate)) = (quota, account.limits.quota) {
        terms.quota = Some((rate, taken));
        if !taken.is_allowed {
            Shed::Quota.count();
            let most = format!("at most {} in {:?}", rate.requests, rate.window);
            let problem = Problem::new(&kinds::QUOTA_EXCEEDED).expected(most);
            return problem.retry_after(taken.wait).into();
        }
    }
    let body = match guard(&mut parts, body, account, talk) {
        Ok(body) => body,
        Err(problem) => return problem.into(),
    };
    parts.extensions.insert(account.asked.clone());
    State::Routing { routing: router.call(Request::from_parts(parts, body)) }
}

/// The body with its bounds; nothing where there is none.
fn guard(
    parts: &mut Parts,
    body: Incoming,
    account: &mut Account,
    talk: &Arc<Talk>,
) -> Result<Body, Problem> {
    if body.is_end_stream() {
        return Ok(Body::empty());
    }
    let limits = &account.limits;
    let length = body.size_hint().exact();
    if length.is_some_and(|length| length > limits.body_bytes) {
        return Err(BodyError::TooLarge { limit: limits.body_bytes }.into());
    }
    let coding = Coding::of(&parts.headers)?;
    let held = Arc::new(account.gate.hold());
    let reserved = length.unwrap_or(0);
    if !held.add(reserved, limits) {
        return Err(overloaded(limits, "there is no room for the body"));
    }
    account.held = Some(Arc::clone(&held));
    let unpack = coding.map(Unpack::new).transpose();
    let unpack = unpack.map_err(|_| overloaded(limits, "there is no room to unpack the body"))?;
    if unpack.is_some() {
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
    }
    let (limits, talk) = (Arc::clone(limits), Arc::clone(talk));
    Ok(Body::new(RequestBody::new(body, unpack, limits, held, talk, reserved)))
}

/// No limit; a timer needs some end.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let response = match this.state.as_mut().project() {
                StateProjection::Done => return Poll::Pending,
                StateProjection::Given { response } => response.take(),
                StateProjection::Identifying { identified, request } => {
                    match guarded(this.account, || identified.as_mut().poll(cx)) {
                        Err(problem) => Some(problem.into_response()),
                        Ok(Poll::Ready(who)) => {
                            let Some(request) = request.take() else { return Poll::Pending };
                            let (Some(account), Some(terms), Some(router)) =
                                (this.account.as_mut(), this.terms.as_mut(), this.router.as_mut())
                            else {
                                return Poll::Pending;
                            };
                            let (parts, body) = *request;
                            let next = route(who, parts, body, account, terms, router, this.talk);
                            this.state.set(next);
                            continue;
                        }
                        Ok(Poll::Pending) => None,
                    }
                }
                StateProjection::Routing { routing } => {
                    match guarded(this.account, || routing.poll(cx)) {
                        Err(problem) => Some(problem.into_response()),
                        Ok(Poll::Ready(Ok(response))) => Some(response),
                        Ok(Poll::Pending) => None,
                    }
                }
            };
            let response = match response {
                Some(response) => response,
                None => ready!(self.as_mut().poll_patience(cx)).into_response(),
            };
            let mut this = self.project();
            this.state.set(State::Done);
            let (Some(account), Some(terms)) = (this.account.take(), this.terms.take()) else {
                return Poll::Pending;
            };
            return Poll::Ready(Ok(finish(response, account, terms)));
        }
    }
}

impl Answering {
    /// Why it is not waited for any longer. Most requests never come here: a
    /// timer is made for those that have to wait.
    fn poll_patience(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Problem> {
        let this = self.project();
        let Some(account) = this.account.as_ref() else { return Poll::Pending };
        let patience = this.patience.get_or_insert_with(|| {
            let limit = account.limits.request_time;
            let limit = if limit.is_zero() { FOREVER } else { limit };
            let left = limit.saturating_sub(account.began.elapsed());
            Box::pin(timeout(left, account.gate.cancel.clone().cancelled_owned()))
        });
        match ready!(patience.as_mut().poll(cx)) {
            Ok(()) => {
                Shed::Draining.count();
                Poll::Ready(Problem::new(&kinds::DRAINING).retry_after(account.limits.retry_after))
            }
            Err(_) => {
                Shed::Timeout.count();
                Poll::Ready(too_late(&account.limits, this.talk))
            }
        }
    }
}

/// Whose fault it is shows from whether all of the request is there.
fn too_late(limits: &Limits, talk: &Talk) -> Problem {
    let most = format!("within {:?}", limits.request_time);
    if talk.has_unread() {
        return Problem::new(&kinds::BODY_TOO_SLOW).detail("read the body").expected(most);
    }
    Problem::new(&kinds::TIMEOUT).expected(format!("an answer {most}"))
}

/// A panic is an answer as well.
fn guarded<T>(account: &Option<Account>, poll: impl FnOnce() -> T) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(poll)).map_err(|_| {
        if let Some(account) = account {
            panicked(&account.asked, "before its answer");
        }
        Problem::new(&kinds::INTERNAL)
    })
}
