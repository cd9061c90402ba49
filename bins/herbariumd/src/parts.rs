//! What the settings make: limits, plans, options of the engine, a front.

use std::path::{Path, PathBuf};

use herbarium_health::inventory::Inventory;
use herbarium_health::{DrainPlan, Shutdown};
use herbarium_http::{Cors, Front, Limits, TlsReloader, Tokens, TrustedProxies};
use herbarium_index::{CacheOptions, EngineOptions};
use herbarium_server::{DESCRIPTION_PATHS, ServiceOptions};
use herbarium_settings::Settings;

use crate::borrowed;
use crate::failure::{Exit, Failure};
use crate::settings as of;
use crate::settings::tuning;

/// Every metric that the service has.
pub(crate) fn inventory() -> Inventory {
    Inventory::new()
        .with(herbarium_server::metrics())
        .with(borrowed::metrics().metrics())
        .with(herbarium_http::own_metrics().metrics())
}

/// Makes everything that can be made without serving.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    tokens(settings)?;
    tls(settings)?;
    store_dir(settings)?;
    if let Some(root) = settings.get(&of::ROOTS).0.into_iter().find(|root| !root.is_dir()) {
        let message = format!("workspaces.roots has {}, which is no folder", root.display());
        return Err(Failure::new(Exit::Usage, message, "make it, or leave it out"));
    }
    if settings.get(&of::OTLP).is_some() && !cfg!(feature = "otlp") {
        let help = "build with `--features otlp`, or leave log.otlp unset";
        return Err(Failure::new(Exit::Usage, "log.otlp is set, and not built in", help));
    }
    let open = settings.get(&of::ALLOW_PUBLIC) || settings.get(&of::TOKENS).is_some();
    let public = settings.get(&of::LISTEN).0.into_iter().find(|it| !it.ip().is_loopback());
    match public {
        Some(address) if !open => Err(Failure::new(
            Exit::Usage,
            format!(
                "server.listen has {address}, which others can reach, and nobody needs a token"
            ),
            "set auth.tokens_file, listen on 127.0.0.1, or set server.allow_public = true",
        )),
        _ => Ok(()),
    }
}

/// What stands between clients and the API.
pub(crate) fn front(
    settings: &Settings,
    shutdown: Shutdown,
    tokens: Option<&Tokens>,
    tls: Option<&TlsReloader>,
) -> Front {
    let mut front = Front::new(shutdown)
        .limits(limits(settings))
        .allow_public(settings.get(&of::ALLOW_PUBLIC))
        .open_paths(&DESCRIPTION_PATHS)
        .hosts(settings.get(&of::HOSTS).0)
        .cors(Cors { origins: settings.get(&of::ORIGINS).0, ..Cors::default() })
        .trusted_proxies(TrustedProxies {
            networks: settings.get(&of::PROXIES).0.into_iter().map(|it| it.0).collect(),
            header: settings.get(&of::FORWARDED).0,
            ..TrustedProxies::default()
        });
    if let Some(tokens) = tokens {
        front = front.authenticator(tokens.clone());
    }
    if let Some(tls) = tls {
        front = front.tls(tls.clone());
    }
    front
}

/// The certificate, if there is one.
pub(crate) fn tls(settings: &Settings) -> Result<Option<TlsReloader>, Failure> {
    match (settings.get(&of::CERTIFICATE), settings.get(&of::KEY)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            TlsReloader::open(certificate, key).map(Some).map_err(|error| {
                let help = "set tls.certificate and tls.key to PEM files that go together";
                Failure::from_error(Exit::Usage, &error, help)
            })
        }
        _ => Err(Failure::new(
            Exit::Usage,
            "one of tls.certificate and tls.key is set, and the other is not",
            "set both, or none",
        )),
    }
}

/// Who is let in; `None` where everybody is.
pub(crate) fn tokens(settings: &Settings) -> Result<Option<Tokens>, Failure> {
    let Some(path) = settings.get(&of::TOKENS) else { return Ok(None) };
    let help = "`herbariumd token NAME` prints a line for it";
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(Exit::Usage, format!("read tokens in {}: {error}", path.display()), help)
    })?;
    let tokens: Tokens = text.parse().map_err(|error| {
        let failure = Failure::from_error(Exit::Usage, &error, help);
        failure.within(&format!("in {}", path.display()))
    })?;
    if tokens.is_empty() {
        let message = format!("there is no token in {}: nobody could come in", path.display());
        return Err(Failure::new(Exit::Usage, message, help));
    }
    Ok(Some(tokens))
}

/// Where the store is.
pub(crate) fn store_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    match settings.get(&of::STORE).0 {
        Some(dir) => Ok(dir),
        None => herbarium_store::default_dir().map_err(|error| {
            Failure::from_error(Exit::Usage, &error, "set store.path, or HERBARIUM_STORE")
        }),
    }
}

/// How the service ends.
pub(crate) fn plan(settings: &Settings) -> DrainPlan {
    DrainPlan::default()
        .with_pre_drain(settings.get(&of::PRE_DRAIN).0)
        .with_deadline(settings.get(&of::DEADLINE).0)
        .with_grace(settings.get(&of::GRACE).0)
        .with_flush(settings.get(&of::FLUSH).0)
}

/// How the engine works.
pub(crate) fn engine_options(settings: &Settings) -> EngineOptions {
    let tuning = tuning();
    let budget = settings.get(&of::CACHE).0.map_or(tuning.budget.value, |size| size.0);
    let hot_percent = u8::try_from(settings.get(&of::HOT_PERCENT)).unwrap_or(100);
    let warm = settings.get(&of::WARM).0;
    let warm_whole = settings.get(&of::WARM_WHOLE).0;
    EngineOptions {
        workers: settings.get(&of::WORKERS).0.unwrap_or(tuning.workers.value).max(1),
        max_file_bytes: settings.get(&of::MAX_FILE_SIZE).0,
        max_parse_time: settings.get(&of::MAX_PARSE_TIME).0,
        memory_budget: settings.get(&of::PARSE_MEMORY).0,
        never_parse: settings.get(&of::NEVER_PARSE).0.into_iter().collect(),
        cache: CacheOptions { budget, hot_percent, warm, warm_whole },
        ..EngineOptions::default()
    }
}

/// What the API may do.
pub(crate) fn service_options(settings: &Settings, store: &Path) -> ServiceOptions {
    let own = ServiceOptions::default();
    let state = settings.get(&of::STATE).0.unwrap_or_else(|| beside(store));
    ServiceOptions {
        workers: settings.get(&of::POOL).0.unwrap_or(own.workers).max(1),
        queue: settings.get(&of::QUEUE),
        streams: settings.get(&of::STREAMED),
        query_time: settings.get(&of::QUERY_TIME).0,
        stream_time: settings.get(&of::STREAM_TIME).0,
        stream_stall: settings.get(&of::STREAM_STALL).0,
        followers: settings.get(&of::FOLLOWERS),
        max_matches: settings.get(&of::MAX_MATCHES),
        max_pending_matches: settings.get(&of::MAX_PENDING).try_into().unwrap_or(u32::MAX),
        max_query_bytes: settings.get(&of::MAX_QUERY).bytes(),
        max_capture_text: settings.get(&of::MAX_TEXT).bytes(),
        tree_nodes: own.tree_nodes.min(settings.get(&of::MAX_TREE_NODES)),
        max_tree_nodes: settings.get(&of::MAX_TREE_NODES),
        max_source_bytes: settings.get(&of::MAX_SOURCE).bytes(),
        max_batch: settings.get(&of::MAX_BATCH),
        max_page_size: settings.get(&of::MAX_PAGE),
        parse_time: settings.get(&of::PARSE_TIME).0,
        allowed_roots: settings.get(&of::ROOTS).0,
        max_workspaces: settings.get(&of::MAX_WORKSPACES),
        state_dir: Some(state),
        job_workers: settings.get(&of::JOB_WORKERS),
        job_queue: settings.get(&of::JOB_QUEUE),
        jobs_kept: settings.get(&of::JOBS_KEPT),
        baseline: settings.get(&of::BASELINE),
        ..own
    }
}

/// The folder for notes beside that of the store, which is the store's alone.
fn beside(store: &Path) -> PathBuf {
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push(".service");
    store.with_file_name(name)
}

/// What clients may do.
pub(crate) fn limits(settings: &Settings) -> Limits {
    Limits {
        connections: settings.get(&of::CONNECTIONS),
        connections_per_address: settings.get(&of::CONNECTIONS_PER_ADDRESS),
        limit_loopback: settings.get(&of::LIMIT_LOOPBACK),
        tls_handshake: settings.get(&of::TLS_HANDSHAKE).0,
        head_time: settings.get(&of::HEAD_TIME).0,
        idle_time: settings.get(&of::IDLE_TIME).0,
        write_time: settings.get(&of::WRITE_TIME).0,
        half_closed_time: settings.get(&of::HALF_CLOSED_TIME).0,
        max_age: settings.get(&of::MAX_AGE).0,
        headers: settings.get(&of::HEADERS),
        header_bytes: settings.get(&of::HEADER_BYTES).bytes(),
        uri_bytes: settings.get(&of::URI_BYTES).bytes(),
        body_bytes: settings.get(&of::BODY_BYTES).0,
        body_ratio: settings.get(&of::BODY_RATIO),
        body_pause: settings.get(&of::BODY_PAUSE).0,
        body_rate: settings.get(&of::BODY_RATE).0,
        bytes_in_flight: settings.get(&of::BYTES_IN_FLIGHT).0,
        requests: settings.get(&of::REQUESTS),
        request_time: settings.get(&of::REQUEST_TIME).0,
        rate_per_address: settings.get(&of::RATE_PER_ADDRESS).map(|rate| rate.0),
        quota: settings.get(&of::QUOTA).map(|rate| rate.0),
        rates_remembered: settings.get(&of::RATES_REMEMBERED),
        retry_after: settings.get(&of::RETRY_AFTER).0,
        streams: u32::try_from(settings.get(&of::STREAMS)).unwrap_or(u32::MAX),
        reset_streams: settings.get(&of::RESET_STREAMS),
        ping_interval: settings.get(&of::PING_INTERVAL).0,
        ping_time: settings.get(&of::PING_TIME).0,
        compress_from: settings.get(&of::COMPRESS_FROM).map_or(u64::MAX, |size| size.0),
        slow: settings.get(&of::SLOW).0,
    }
}
