//! From settings to a service that runs, and to its end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use herbarium::Herbarium;
use herbarium_health::logs::{LogGuard, Logs};
use herbarium_health::{CheckOptions, Health, Metrics, Shutdown};
use herbarium_http::{Front, Listener};
use herbarium_index::Engine;
use herbarium_server::Service;
use herbarium_settings::{Settings, Sources};
use herbarium_store::{Store, StoreOptions};

use crate::command::config;
use crate::failure::{Exit, Failure};
use crate::reload::Live;
use crate::settings as of;
use crate::settings::tuning;
use crate::{notify, parts};

/// Serves until a signal says to stop.
pub(crate) fn serve(sources: &Sources) -> Result<ExitCode, Failure> {
    let settings = config::read(sources)?;
    parts::check(&settings)?;
    let threads = settings.get(&of::THREADS).0.unwrap_or(tuning().workers.value).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Io, &error, "allow this user more threads"))?;
    runtime.block_on(run(settings, sources.clone()))
}

async fn run(settings: Settings, sources: Sources) -> Result<ExitCode, Failure> {
    let logs = logs(&settings)?;
    let health = health(&settings)?;
    let shutdown = health.shutdown().clone();
    // From here on a signal is heard, however long the store takes to open.
    shutdown
        .listen_for_signals()
        .map_err(|error| Failure::from_error(Exit::Io, &error, "allow this user more threads"))?;
    let service = service(&settings, &health).await?;
    let (tokens, tls) = (parts::tokens(&settings)?, parts::tls(&settings)?);
    let front = parts::front(&settings, shutdown.clone(), tokens.as_ref(), tls.as_ref());
    listen(&settings, &front, &service)?;
    logs.flush_with(&shutdown);
    let (flush, ending) = (settings.get(&of::FLUSH).0, service.clone());
    shutdown.on_flush("service", move || close(service, flush));
    if let Some(tls) = &tls {
        tokio::spawn(tls.clone().watch(settings.get(&of::TLS_WATCH).0));
    }
    tokio::spawn(notify::keep_watchdog());
    tokio::spawn(tell_when_it_ends(shutdown.clone(), ending));
    health.started();
    notify::ready();
    #[cfg(unix)]
    tokio::spawn(Live { started: settings, latest: None, front, tokens, tls }.follow(sources));
    shutdown.run().await.exit()
}

/// Logs, and what sends spans if anything does.
struct Telemetry {
    _logs: LogGuard,
    #[cfg(feature = "otlp")]
    spans: Option<herbarium_health::otlp::Otlp>,
}

impl Telemetry {
    /// The last spans are sent at the end.
    fn flush_with(&self, shutdown: &Shutdown) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = &self.spans {
            spans.flush_with(shutdown);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = shutdown;
    }
}

fn logs(settings: &Settings) -> Result<Telemetry, Failure> {
    let logs =
        Logs::new().filter(settings.get(&of::LOG_LEVEL)).format(settings.get(&of::LOG_FORMAT).0);
    #[cfg(feature = "otlp")]
    let spans = match settings.get(&of::OTLP) {
        Some(to) => {
            Some(herbarium_health::otlp::Otlp::to(&to, SERVICE, VERSION).map_err(|error| {
                usage(&error, "set log.otlp to an address as in http://host:4318/v1/traces")
            })?)
        }
        None => None,
    };
    #[cfg(feature = "otlp")]
    let logs = match &spans {
        Some(spans) => logs.spans(spans.clone()),
        None => logs,
    };
    let help = "set log.level to a level, or to levels of targets as in info,hyper=warn";
    let _logs = logs.install().map_err(|error| usage(&error, help))?;
    Ok(Telemetry {
        _logs,
        #[cfg(feature = "otlp")]
        spans,
    })
}

const SERVICE: &str = "herbariumd";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn usage(error: &dyn std::error::Error, help: &'static str) -> Failure {
    Failure::from_error(Exit::Usage, error, help)
}

/// The health pages, up before anything else.
fn health(settings: &Settings) -> Result<Health, Failure> {
    let metrics = Metrics::install(parts::inventory())
        .map_err(|error| usage(&error, "this is a fault of the program: please report it"))?;
    let limits =
        herbarium_health::Limits::default().with_connections(settings.get(&of::HEALTH_CONNECTIONS));
    let builder = Health::builder()
        .service(SERVICE, VERSION)
        .build_info("languages", herbarium_languages::all().len().to_string())
        .limits(limits)
        .metrics(metrics)
        .drain(parts::plan(settings));
    let address = settings.get(&of::HEALTH);
    let builder = match settings.get(&of::HEALTH_PUBLIC) {
        true => builder.listen_publicly(address),
        false => builder.listen(address),
    };
    let health = builder.start().map_err(|error| {
        let help = "set health.listen to an address that is free; one that others can reach wants \
                    health.allow_public = true";
        Failure::from_error(Exit::Io, &error, help)
    })?;
    tracing::info!(address = %health.local_addr(), "health pages and metrics are served");
    Ok(health)
}

/// The store opened, with everything above it.
async fn service(settings: &Settings, health: &Health) -> Result<Service, Failure> {
    let latch = health.latch("store");
    let (dir, engine) = (parts::store_dir(settings)?, parts::engine_options(settings));
    let options = parts::service_options(settings, &dir);
    let shown = dir.clone();
    let open = move || -> Result<Service, Failure> {
        let store = Store::open(&dir, StoreOptions::new()).map_err(|error| {
            let help = "set store.path to a directory that this user may write to";
            Failure::from_error(Exit::Io, &error, help)
        })?;
        let herbarium = Herbarium::with_engine(Engine::new(Arc::new(store), engine));
        Service::new(herbarium, options).map_err(|error| {
            Failure::from_error(Exit::Io, &error, "look at store.state and workspaces.roots")
        })
    };
    // A store that was not closed well is looked through: that takes its time.
    let service = tokio::task::spawn_blocking(open).await.map_err(|error| {
        Failure::from_error(Exit::Io, &error, "this is a fault of the program: please report it")
    })??;
    latch.open();
    tracing::info!(store = %shown.display(), "the store is open");
    watch(health, &service, shown);
    Ok(service)
}

/// What readiness depends on from now on, and figures that somebody has to tell.
fn watch(health: &Health, service: &Service, dir: PathBuf) {
    health.check("store-folder", CheckOptions::default(), move || {
        let dir = dir.clone();
        async move { tokio::fs::metadata(dir).await.map(drop) }
    });
    let (service, shutdown) = (service.clone(), health.shutdown().clone());
    tokio::spawn(async move {
        while !shutdown.is_draining() {
            service.engine().publish_metrics();
            tokio::time::sleep(PUBLISH).await;
        }
    });
}

/// How often the tiers tell what they hold.
const PUBLISH: Duration = Duration::from_secs(5);

async fn close(service: Service, within: Duration) -> Result<(), &'static str> {
    match service.close(within).await {
        true => Ok(()),
        false => {
            Err("a job did not end in time, or the store could not be flushed; nothing is lost")
        }
    }
}

/// Serves at every address.
fn listen(settings: &Settings, front: &Front, service: &Service) -> Result<(), Failure> {
    let help = "set server.listen or server.unix to one that is free";
    let failed = |error: herbarium_http::Error| Failure::from_error(Exit::Io, &error, help);
    let scheme = if settings.get(&of::CERTIFICATE).is_some() { "https" } else { "http" };
    for address in settings.get(&of::LISTEN).0 {
        let listener = Listener::tcp(address).map_err(failed)?;
        let address = listener.local_addr().unwrap_or(address);
        tokio::spawn(front.serve(listener, service.router()).map_err(failed)?);
        tracing::info!(url = %format_args!("{scheme}://{address}"), "the API is served");
    }
    #[cfg(unix)]
    if let Some(path) = settings.get(&of::UNIX) {
        let listener = Listener::unix(&path).map_err(failed)?;
        tokio::spawn(front.serve(listener, service.router()).map_err(failed)?);
        tracing::info!(socket = %path.display(), "the API is served");
    }
    Ok(())
}

/// Answers that could go on for ever, and jobs, end where new connections do.
async fn tell_when_it_ends(shutdown: Shutdown, service: Service) {
    shutdown.reached(herbarium_health::Phase::Draining).await;
    notify::stopping();
    shutdown.reached(herbarium_health::Phase::Closing).await;
    service.stop();
}
