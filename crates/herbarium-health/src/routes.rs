//! The pages of the health listener.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hyper::body::Body as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use crate::answer::{self, JSON, PROMETHEUS, TEXT, Whole, answer, well_or_not};
use crate::checks::{self, Checks, Report, Role};
use crate::context::RequestContext;
use crate::json;
use crate::metrics::{IN_FLIGHT, OPEN, READY, RENDER_TIME, REQUESTS, ROUTES};
use crate::shutdown::Shutdown;
use crate::source::MetricsSource;

/// Scrapes that are written down at the same time; others wait.
const SCRAPES: usize = 2;

const INDEX: &str = "\
/healthz   alive: 200, or 503 when a heartbeat is missed
/readyz    ready: 200, or 503 while starting, failing or draining; ?verbose lists the checks
/startupz  started: 503 until it was ready once, then 200
/health    the same as JSON, with the uptime in seconds; ?verbose lists the checks
/metrics   metrics, in Prometheus' text format
/version   what is running, as JSON
";

/// What the pages show.
pub(crate) struct Pages {
    pub(crate) checks: Checks,
    /// Every check that readiness depends on has been registered.
    pub(crate) complete: AtomicBool,
    /// It was ready once.
    started: AtomicBool,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: Option<Arc<dyn MetricsSource>>,
    scrapes: Semaphore,
    /// `service`, `version` and what else is known, in this order.
    pub(crate) build: Vec<(String, String)>,
    since: Instant,
}

/// What the service is doing, in the words of `/health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Starting,
    Healthy,
    Unhealthy,
    Draining,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
        }
    }
}

impl Pages {
    pub(crate) fn new(
        shutdown: Shutdown,
        metrics: Option<Arc<dyn MetricsSource>>,
        build: Vec<(String, String)>,
    ) -> Self {
        Self {
            checks: Checks::default(),
            complete: AtomicBool::new(false),
            started: AtomicBool::new(false),
            shutdown,
            metrics,
            scrapes: Semaphore::new(SCRAPES),
            build,
            since: Instant::now(),
        }
    }

    /// Answers a request, whatever it asks for.
    pub(crate) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Whole>, Infallible> {
        let context = RequestContext::from_headers(request.headers());
        let path = request.uri().path();
        let route = ROUTES.iter().find(|route| **route == path).copied().unwrap_or("unmatched");
        let mut response = self.answer(route, &request).await;
        context.answer(response.headers_mut());
        if !request.body().is_end_stream() {
            // A body that nobody wants is not worth reading to its end.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let class = match response.status().as_u16() {
            ..400 => "2xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        REQUESTS.as_counter(&[route, class]).increment(1);
        tracing::debug!(request_id = %context.id, route, status = response.status().as_u16(), "health");
        Ok(response)
    }

    async fn answer(&self, route: &'static str, request: &Request<Incoming>) -> Response<Whole> {
        match *request.method() {
            Method::OPTIONS if route != "unmatched" || request.uri().path() == "*" => {
                return answer::options();
            }
            Method::GET | Method::HEAD => {}
            _ if route != "unmatched" => return answer::wrong_method(),
            _ => {}
        }
        let verbose = is_verbose(request.uri().query());
        match route {
            "/" => answer(StatusCode::OK, TEXT, INDEX),
            "/health" => self.health(verbose),
            "/healthz" => self.alive(verbose),
            "/readyz" => self.ready(verbose),
            "/startupz" => self.startup(),
            "/version" => self.version(),
            "/metrics" => self.metrics().await,
            _ => answer(StatusCode::NOT_FOUND, TEXT, "no such page; / lists those there are\n"),
        }
    }

    /// Alive, whatever becomes of checks: who is restarted for what another
    /// service does, loses what was warm and gains nothing.
    fn alive(&self, verbose: bool) -> Response<Whole> {
        let reports = self.reports(Role::Liveness);
        let alive = holds(&reports);
        let mut text = if verbose { lines(&reports) } else { String::new() };
        text.push_str(if alive { "ok\n" } else { "a heartbeat is missed\n" });
        well_or_not(alive, TEXT, text)
    }

    fn ready(&self, verbose: bool) -> Response<Whole> {
        let reports = self.checks.reports();
        let status = self.status_of(&reports);
        let mut text = String::new();
        if verbose {
            text.push_str(&self.first_line());
            text.push_str(&lines(&reports));
        }
        text.push_str(if status == Status::Healthy { "ready" } else { status.word() });
        text.push('\n');
        well_or_not(status == Status::Healthy, TEXT, text)
    }

    /// The checks that every service has, on lines like those of the others.
    fn first_line(&self) -> String {
        let (complete, draining) =
            (self.complete.load(Ordering::SeqCst), self.shutdown.is_draining());
        let mut text = String::from("[+]serving ok\n");
        if draining {
            let reason = self.shutdown.reason().unwrap_or_default();
            text = format!("[-]serving failed: draining, because of {reason}\n");
        } else if !complete {
            text = "[-]serving failed: `Health::started` was not called yet\n".to_owned();
        }
        text
    }

    fn startup(&self) -> Response<Whole> {
        self.status();
        let started = self.started.load(Ordering::SeqCst);
        well_or_not(started, TEXT, if started { "started\n" } else { "starting\n" }.to_owned())
    }

    fn health(&self, verbose: bool) -> Response<Whole> {
        let reports = self.checks.reports();
        let status = self.status_of(&reports);
        let uptime = format!("{:.3}", self.since.elapsed().as_secs_f64());
        let mut fields = vec![("status", json::string(status.word())), ("uptime", uptime)];
        if verbose {
            fields.push(("checks", json::array(reports.iter().map(as_json))));
        }
        well_or_not(status == Status::Healthy, JSON, json::object(fields) + "\n")
    }

    fn version(&self) -> Response<Whole> {
        let fields = self.build.iter().map(|(key, value)| (key.as_str(), json::string(value)));
        answer(StatusCode::OK, JSON, json::object(fields) + "\n")
    }

    async fn metrics(&self) -> Response<Whole> {
        let Some(source) = self.metrics.clone() else {
            let body = "this service exposes no metrics\n";
            return answer(StatusCode::NOT_FOUND, TEXT, body);
        };
        self.sample();
        // Fails if the semaphore is closed, and nobody closes it.
        let _permit = self.scrapes.acquire().await;
        let began = Instant::now();
        // Milliseconds of work with many series: not on a worker that others need.
        let rendered = tokio::task::spawn_blocking(move || source.render()).await;
        RENDER_TIME.as_histogram(&[]).record(began.elapsed());
        match rendered {
            Ok(text) => answer(StatusCode::OK, PROMETHEUS, text),
            Err(_) => {
                let body = "the metrics could not be written down: their source panicked\n";
                answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, body)
            }
        }
    }

    /// Figures that are looked at, not recorded as they change.
    fn sample(&self) {
        let reports = self.checks.reports();
        let ready = self.status_of(&reports) == Status::Healthy;
        READY.as_gauge(&[]).set(f64::from(u8::from(ready)));
        IN_FLIGHT.as_gauge(&[]).set(self.shutdown.requests_in_flight() as f64);
        OPEN.as_gauge(&[]).set(self.shutdown.connections_open() as f64);
        checks::sample(&reports);
    }

    pub(crate) fn status(&self) -> Status {
        self.status_of(&self.checks.reports())
    }

    fn status_of(&self, reports: &[Report]) -> Status {
        if self.shutdown.is_draining() {
            return Status::Draining;
        }
        let required = reports.iter().filter(|it| it.role == Role::Readiness);
        if self.complete.load(Ordering::SeqCst) && required.clone().all(|it| it.failing.is_none()) {
            self.started.store(true, Ordering::SeqCst);
            return Status::Healthy;
        }
        if self.started.load(Ordering::SeqCst) { Status::Unhealthy } else { Status::Starting }
    }

    fn reports(&self, role: Role) -> Vec<Report> {
        let mut reports = self.checks.reports();
        reports.retain(|report| report.role == role);
        reports
    }
}

fn holds(reports: &[Report]) -> bool {
    reports.iter().all(|report| report.failing.is_none())
}

/// `?verbose`, alone or among others, unless it says no.
fn is_verbose(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key == "verbose" && !["0", "false", "no"].contains(&value)
    })
}

/// One line a check, as Kubernetes' own servers show them.
fn lines(reports: &[Report]) -> String {
    let mut text = String::new();
    for Report { name, role, failing, age, heard } in reports {
        let (age, heard) = (age.as_secs_f64(), heard.as_secs_f64());
        let note = if *role == Role::Note { ", informational" } else { "" };
        // Writing to a string does not fail.
        let _ = match failing {
            None => writeln!(text, "[+]{name} ok (for {age:.1} s, heard {heard:.1} s ago{note})"),
            Some(reason) => writeln!(
                text,
                "[-]{name} failed: {reason} (for {age:.1} s, heard {heard:.1} s ago{note})"
            ),
        };
    }
    text
}

fn as_json(report: &Report) -> String {
    let role = match report.role {
        Role::Readiness => "readiness",
        Role::Note => "informational",
        Role::Liveness => "liveness",
    };
    json::object([
        ("name", json::string(&report.name)),
        ("role", json::string(role)),
        ("ok", report.failing.is_none().to_string()),
        ("reason", report.failing.as_deref().map_or("null".to_owned(), json::string)),
        ("age_seconds", format!("{:.3}", report.age.as_secs_f64())),
        ("heard_seconds_ago", format!("{:.3}", report.heard.as_secs_f64())),
    ])
}
