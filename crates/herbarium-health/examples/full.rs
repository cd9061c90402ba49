//! A small service with all of it: metrics of its own, a check, logs with
//! request ids, and a drain that loses no request.
//!
//! ```sh
//! cargo run --example full -- 127.0.0.1:9464 127.0.0.1:8080
//! curl -s http://127.0.0.1:8080/hello
//! curl -s http://127.0.0.1:9464/readyz?verbose
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use herbarium_health::inventory::{Inventory, Label, Metric, SECONDS};
use herbarium_health::logs::Logs;
use herbarium_health::{
    CheckOptions, Connection, DrainPlan, Health, Metrics, PaceLimits, RequestContext,
};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::Unit;
use tokio::net::{TcpListener, TcpStream};
use tracing::Instrument as _;

static GREETINGS: Metric = Metric::counter("greetings_total", "Greetings, by language.")
    .with_labels(&[Label::one_of("language", &["en", "fr"])]);
static TIME: Metric = Metric::histogram(
    "greeting_duration_seconds",
    Unit::Seconds,
    "Time from a request to its greeting.",
    SECONDS,
);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let health_at: SocketAddr = args.next().unwrap_or("127.0.0.1:9464".into()).parse()?;
    let serve_at: SocketAddr = args.next().unwrap_or("127.0.0.1:8080".into()).parse()?;

    let _logs = Logs::new().filter("info").install()?;
    let health = Health::builder()
        .service("full", env!("CARGO_PKG_VERSION"))
        .listen(health_at)
        .metrics(Metrics::install(Inventory::new().with(&[&GREETINGS, &TIME]))?)
        .drain(DrainPlan::default().with_pre_drain(Duration::from_millis(200)))
        .start()?;
    health.check("clock", CheckOptions::default(), clock_is_set);
    health.shutdown().on_flush("greetings", || async { Ok::<_, Infallible>(()) });

    let listener = TcpListener::bind(serve_at).await?;
    let shutdown = health.shutdown().clone();
    tokio::spawn(async move { shutdown.serve(listener, converse).await });
    health.started();
    health.until_signal().await?.exit()
}

async fn clock_is_set() -> Result<(), String> {
    let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    if SystemTime::now() > year_2020 { Ok(()) } else { Err("the clock is not set".into()) }
}

async fn converse(stream: TcpStream, _: SocketAddr, connection: Connection) {
    let io = TokioIo::new(connection.pace(stream, PaceLimits::default()));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(io, connection.count(service_fn(greet)));
    if let Err(error) = connection.watch(serving).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn greet(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let began = Instant::now();
    let mut context = RequestContext::from_headers(request.headers());
    let span = context.span(request.method().as_str(), "/hello");
    async move {
        let mut response = Response::new("hello\n".to_owned());
        context.answer(response.headers_mut());
        GREETINGS.as_counter(&["en"]).increment(1);
        TIME.as_histogram(&[]).record(began.elapsed());
        tracing::info!("greeted");
        Ok(response)
    }
    .instrument(span)
    .await
}
