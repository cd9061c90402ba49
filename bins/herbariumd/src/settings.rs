//! Everything that can be set, in the order in which `config --show` has it.
//!
//! The file, the variables, the options, the example in `docs/examples` and the
//! page `docs/configuration.md` are all made of this list.

use std::net::SocketAddr;
use std::path::PathBuf;

use herbarium_cache::tune::{Resources, Tuning};
use herbarium_health::logs;
use herbarium_http::Limits;
use herbarium_index::CacheOptions;
use herbarium_server::ServiceOptions;
use herbarium_settings::{Auto, List, Size, Time, settings};

use crate::values::{Compressed, ForwardedHeader, LogFormat, Network, Rate};

settings! {
    /// All of them.
    pub(crate) ALL: "HERBARIUM" = [
        LISTEN: List<SocketAddr> = "server.listen", || List(vec![at_loopback(7878)]),
            "Addresses at which the API is served. One that others can reach wants tokens, or allow_public.";
        UNIX: Option<PathBuf> = "server.unix", || None,
            "A unix socket at which the API is served, too.";
        ALLOW_PUBLIC: bool = "server.allow_public", || false,
            "Whether others may reach the API without a token.";
        HOSTS: List<String> = "server.hosts", List::default,
            "Names by which clients may call this server, beside addresses and localhost; * for any. Without tokens others are refused.";
        THREADS: Auto<usize> = "server.threads", Auto::default,
            "Threads that talk with clients. Parsing and queries have threads of their own."
            => with_rule(|| format!("{}, one for each core", tuning().workers.value));
        BASELINE: bool = "server.baseline", || false,
            "Whether to answer one request at a time, parsing afresh each time: for comparisons.";

        STORE: Auto<PathBuf> = "store.path", Auto::default,
            "The directory of the store. By default the one that the herbarium command uses."
            => with_variable("HERBARIUM_STORE");
        STATE: Auto<PathBuf> = "store.state", Auto::default,
            "The directory of what the service notes: its workspaces. By default beside the store, with .service at the end of its name.";

        ROOTS: List<PathBuf> = "workspaces.roots", List::default,
            "Directories inside which workspaces may be added; none by default.";
        MAX_WORKSPACES: usize = "workspaces.max", || own().max_workspaces,
            "How many there may be.";
        JOB_WORKERS: usize = "workspaces.jobs", || own().job_workers,
            "Jobs that run at a time: each uses all cores as it is." => with_check(one_at_least);
        JOB_QUEUE: usize = "workspaces.jobs_waiting", || own().job_queue,
            "Jobs that may wait for that.";
        JOBS_KEPT: usize = "workspaces.jobs_kept", || own().jobs_kept,
            "Jobs that are over and can still be asked about.";

        POOL: Auto<usize> = "work.threads", Auto::default,
            "Threads that parse, decode and ask, for single trees."
            => with_rule(|| format!("{}, one for each core", own().workers));
        QUEUE: usize = "work.waiting", || own().queue,
            "Requests that may wait for one of them; more are told to come again (503).";
        STREAMED: usize = "work.streams", || own().streams,
            "Queries and symbols over whole workspaces that may run at a time." => with_check(one_at_least);
        QUERY_TIME: Time = "work.query_time", || Time(own().query_time),
            "The longest that a query may be compiled for, and may take on one tree." => with_check(some_time);
        STREAM_TIME: Time = "work.stream_time", || Time(own().stream_time),
            "The longest that a streamed answer may take." => with_check(some_time);
        STREAM_STALL: Time = "work.stream_stall", || Time(own().stream_stall),
            "The longest that a streamed answer waits for a client that does not read." => with_check(some_time);
        FOLLOWERS: usize = "work.followers", || own().followers,
            "Clients that follow jobs at a time." => with_check(one_at_least);
        MAX_MATCHES: u64 = "work.max_matches", || own().max_matches,
            "The most matches of one answer.";
        MAX_PENDING: u64 = "work.max_pending_matches", || u64::from(own().max_pending_matches),
            "The most matches that may be in the making at a time within one tree." => with_check(pending);
        MAX_QUERY: Size = "work.max_query", || Size(own().max_query_bytes as u64),
            "The longest query.";
        MAX_TEXT: Size = "work.max_capture_text", || Size(own().max_capture_text as u64),
            "The longest text of a capture that is handed out whole.";
        MAX_TREE_NODES: usize = "work.max_tree_nodes", || own().max_tree_nodes,
            "The most nodes of a tree that is handed out whole." => with_check(one_at_least);
        PARSE_TIME: Time = "work.parse_time", || Time(own().parse_time),
            "The longest that a source may be parsed for while a client waits." => with_check(some_time);
        MAX_SOURCE: Size = "work.max_source", || Size(own().max_source_bytes as u64),
            "The longest source of a request or of a file that is asked for.";
        MAX_BATCH: usize = "work.max_batch", || own().max_batch,
            "Sources or keys in one request." => with_check(one_at_least);
        MAX_PAGE: usize = "work.max_page", || own().max_page_size,
            "Nodes, matches or files on one page." => with_check(one_at_least);

        CACHE: Auto<Size> = "cache.budget", Auto::default,
            "Memory for opened trees, decoded and compressed ones together."
            => with_variable("HERBARIUM_CACHE"), with_rule(|| format!("{}, {}", Size(tuning().budget.value), tuning().budget.origin));
        HOT_PERCENT: u64 = "cache.hot_percent", || 75,
            "Hundredths of it for decoded trees." => with_check(percent);
        WARM: Compressed = "cache.warm", || Compressed(CacheOptions::default().warm),
            "How trees are compressed when they leave the hot tier: none, lz4, zstd, or zstd with a level, such as zstd:9.";
        WARM_WHOLE: Size = "cache.warm_whole", || Size(CacheOptions::default().warm_whole),
            "Trees that take up to so much when decoded are then kept as they are.";

        WORKERS: Auto<usize> = "engine.workers", Auto::default,
            "Threads that parse." => with_rule(|| format!("{}, {}", tuning().workers.value, tuning().workers.origin));
        MAX_FILE_SIZE: Size = "engine.max_file_size", || Size::mib(32),
            "Larger files are left out." => with_variable("HERBARIUM_MAX_FILE_SIZE");
        MAX_PARSE_TIME: Time = "engine.max_parse_time", || Time::seconds(60),
            "Longest time for which one file is parsed." => with_variable("HERBARIUM_MAX_PARSE_TIME"), with_check(some_time);
        PARSE_MEMORY: Size = "engine.memory", || Size::mib(512),
            "Estimated memory of the trees being made at one time." => with_variable("HERBARIUM_MEMORY");
        NEVER_PARSE: List<String> = "engine.never_parse", List::default,
            "Languages, by id, that are treated as if they were not built in."
            => with_variable("HERBARIUM_NEVER_PARSE"), with_check(known_languages);

        TOKENS: Option<PathBuf> = "auth.tokens_file", || None,
            "A file with the tokens that are let in, a line each: name, scopes, hash. `herbariumd token` makes one." => live;

        CERTIFICATE: Option<PathBuf> = "tls.certificate", || None,
            "The chain of certificates, PEM. Read again when it changes.";
        KEY: Option<PathBuf> = "tls.key", || None,
            "Its key, PEM.";
        TLS_WATCH: Time = "tls.watch", || Time::seconds(60),
            "How often both are looked at." => with_check(some_time);

        ORIGINS: List<String> = "cors.origins", List::default,
            "Origins whose pages may use the API; none by default.";

        PROXIES: List<Network> = "proxies.trusted", || List(Vec::new()),
            "Networks of proxies that are believed when they say for whom they ask.";
        FORWARDED: ForwardedHeader = "proxies.header", || ForwardedHeader(Default::default()),
            "The header in which they say it: x-forwarded-for or forwarded.";

        CONNECTIONS: usize = "limits.connections", || Limits::default().connections,
            "Connections at a time. One more takes the place of the one that has waited longest." => live, with_check(one_at_least);
        CONNECTIONS_PER_ADDRESS: usize = "limits.connections_per_address", || Limits::default().connections_per_address,
            "Connections at a time from one address, or from one /64 of IPv6." => live, with_check(one_at_least);
        LIMIT_LOOPBACK: bool = "limits.limit_loopback", || Limits::default().limit_loopback,
            "Whether this machine itself is bound by what holds for one address." => live;
        TLS_HANDSHAKE: Time = "limits.tls_handshake", || Time(Limits::default().tls_handshake),
            "Time for a TLS handshake." => live, with_check(some_time);
        HEAD_TIME: Time = "limits.head_time", || Time(Limits::default().head_time),
            "Time for the head of a request." => live, with_check(some_time);
        IDLE_TIME: Time = "limits.idle_time", || Time(Limits::default().idle_time),
            "Time between an answer and the next request." => live, with_check(some_time);
        WRITE_TIME: Time = "limits.write_time", || Time(Limits::default().write_time),
            "Time for taking in 16 KiB of an answer." => live, with_check(some_time);
        HALF_CLOSED_TIME: Time = "limits.half_closed_time", || Time(Limits::default().half_closed_time),
            "Time that a request goes on whose client has closed its half of the connection." => live;
        MAX_AGE: Time = "limits.max_age", || Time(Limits::default().max_age),
            "Age at which a connection is closed; 0 for never." => live;
        HEADERS: usize = "limits.headers", || Limits::default().headers,
            "Headers of a request." => live, with_check(one_at_least);
        HEADER_BYTES: Size = "limits.header_bytes", || Size(Limits::default().header_bytes as u64),
            "All headers of a request together." => live;
        URI_BYTES: Size = "limits.uri_bytes", || Size(Limits::default().uri_bytes as u64),
            "Path and query of a request." => live;
        BODY_BYTES: Size = "limits.body_bytes", || Size(Limits::default().body_bytes),
            "The body of a request, before and after it is unpacked." => live;
        BODY_RATIO: u64 = "limits.body_ratio", || Limits::default().body_ratio,
            "How many times larger than itself a packed body may unpack to." => live;
        BODY_PAUSE: Time = "limits.body_pause", || Time(Limits::default().body_pause),
            "Time without any byte of a body that is still to come." => live, with_check(some_time);
        BODY_RATE: Size = "limits.body_rate", || Size(Limits::default().body_rate),
            "Bytes a second that a body has to come at; 0 for any." => live;
        BYTES_IN_FLIGHT: Size = "limits.bytes_in_flight", || Size(Limits::default().bytes_in_flight),
            "Bodies of requests, and answers of more than 64 KiB, held at a time, all together." => live;
        REQUESTS: usize = "limits.requests", || Limits::default().requests,
            "Requests at a time; more are told to come again (503)." => live, with_check(one_at_least);
        REQUEST_TIME: Time = "limits.request_time", || Time(Limits::default().request_time),
            "Time from the head of a request to that of its answer; 0 for any." => live;
        RATE_PER_ADDRESS: Option<Rate> = "limits.rate_per_address", || None,
            "Requests from one address, such as 600/m; more are told to wait (429)." => live;
        QUOTA: Option<Rate> = "limits.quota", || None,
            "Requests with one token; more are told to wait (429)." => live;
        RATES_REMEMBERED: usize = "limits.rates_remembered", || Limits::default().rates_remembered,
            "Addresses and tokens that are remembered for these two." => live, with_check(one_at_least);
        RETRY_AFTER: Time = "limits.retry_after", || Time(Limits::default().retry_after),
            "What Retry-After says when there is too much to do." => live;
        STREAMS: u64 = "limits.streams", || u64::from(Limits::default().streams),
            "HTTP/2: requests at a time on one connection." => live, with_check(streams);
        RESET_STREAMS: usize = "limits.reset_streams", || Limits::default().reset_streams,
            "HTTP/2: requests given up before they were begun on; more end the connection." => live;
        PING_INTERVAL: Time = "limits.ping_interval", || Time(Limits::default().ping_interval),
            "HTTP/2: how often a client is asked whether it is there; 0 for never." => live;
        PING_TIME: Time = "limits.ping_time", || Time(Limits::default().ping_time),
            "HTTP/2: time for the answer to that." => live, with_check(some_time);
        COMPRESS_FROM: Option<Size> = "limits.compress_from", || Some(Size(Limits::default().compress_from)),
            "Size from which on answers are compressed; none for never." => live;
        SLOW: Time = "limits.slow", || Time(Limits::default().slow),
            "Time from which on a request is a line of the log." => live;

        HEALTH: SocketAddr = "health.listen", || at_loopback(9464),
            "The address of health pages and metrics.";
        HEALTH_PUBLIC: bool = "health.allow_public", || false,
            "Whether others may reach them: they show all that they have to whoever gets there.";
        HEALTH_CONNECTIONS: usize = "health.connections", || herbarium_health::Limits::default().connections,
            "Connections to them at a time." => with_check(one_at_least);

        PRE_DRAIN: Time = "drain.pre_drain", || Time(plan().pre_drain),
            "At the end: time between `not ready` and the last new connection.";
        DEADLINE: Time = "drain.deadline", || Time(plan().deadline),
            "At the end: time for requests to be answered.";
        GRACE: Time = "drain.grace", || Time(plan().grace),
            "At the end: time for requests to stop when told to.";
        FLUSH: Time = "drain.flush", || Time(plan().flush),
            "At the end: time to write what is not written yet.";

        LOG_LEVEL: String = "log.level", || "info".to_owned(),
            "What is logged: a level, or levels of targets, such as info,herbarium_http=debug.";
        LOG_FORMAT: LogFormat = "log.format", || LogFormat(logs::Format::Auto),
            "How lines look: human, json, or auto for human ones on a terminal.";
        OTLP: Option<String> = "log.otlp", || None,
            "An OpenTelemetry collector to send spans to, such as http://127.0.0.1:4318/v1/traces.";
    ];
}

pub(crate) fn tuning() -> &'static Tuning {
    static TUNING: std::sync::LazyLock<Tuning> =
        std::sync::LazyLock::new(|| Tuning::of(&Resources::detect()));
    &TUNING
}

fn own() -> ServiceOptions {
    ServiceOptions::default()
}

fn plan() -> herbarium_health::DrainPlan {
    herbarium_health::DrainPlan::default()
}

fn at_loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn some_time(time: &Time) -> Result<(), String> {
    if time.0.is_zero() { Err("expected a time above 0".into()) } else { Ok(()) }
}

fn one_at_least(number: &usize) -> Result<(), String> {
    if *number == 0 { Err("expected 1 or more".into()) } else { Ok(()) }
}

fn streams(number: &u64) -> Result<(), String> {
    if (1..=65_535).contains(number) { Ok(()) } else { Err("expected 1 to 65,535".into()) }
}

fn pending(number: &u64) -> Result<(), String> {
    let most = u64::from(u32::MAX);
    if (1..=most).contains(number) { Ok(()) } else { Err(format!("expected 1 to {most}")) }
}

fn percent(number: &u64) -> Result<(), String> {
    if *number <= 100 { Ok(()) } else { Err("expected 0 to 100".into()) }
}

fn known_languages(ids: &List<String>) -> Result<(), String> {
    let is_known = |id: &&String| herbarium_languages::known().iter().any(|row| row.id == **id);
    match ids.0.iter().find(|id| !is_known(id)) {
        Some(id) => Err(format!("expected ids of languages, and {id:?} is none")),
        None => Ok(()),
    }
}
