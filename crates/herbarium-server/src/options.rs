//! What a service may do, and how much of it.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What a [`Service`](crate::Service) may do, and how much of it at a time.
///
/// Parsing itself is bounded by the engine's own
/// [options](herbarium::index::EngineOptions): the shorter of two limits holds.
///
/// ```
/// use std::time::Duration;
/// use herbarium_server::ServiceOptions;
///
/// let options = ServiceOptions {
///     allowed_roots: vec!["/srv/code".into()],
///     query_time: Duration::from_secs(2),
///     ..ServiceOptions::default()
/// };
/// assert_eq!(options.page_size, 100);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceOptions {
    /// Threads that parse, decode and ask at a time, for single trees. All cores by
    /// default.
    pub workers: usize,
    /// Requests that may wait for one of them. One more is answered `busy`, 503, with
    /// `Retry-After`. 1,024 by default.
    pub queue: usize,
    /// Streamed queries and symbols that may run at a time; each uses the engine's
    /// [workers](herbarium::index::EngineOptions::workers). 4 by default.
    pub streams: usize,
    /// Clients that follow jobs at a time. 100 by default.
    pub followers: usize,
    /// The longest that a query may be compiled for, and may take on one tree, and on each file of a streamed
    /// one. What was found until then is the answer, which says that it is not
    /// complete. 5 s by default.
    pub query_time: Duration,
    /// The longest that a streamed answer may take in all, the reading of the client
    /// included. Its last line has the cursor to go on from. 10 min by default.
    pub stream_time: Duration,
    /// The longest that a streamed answer waits for a client that does not read. 30 s by
    /// default.
    pub stream_stall: Duration,
    /// The most matches or symbols of one answer; a streamed one ends there with the
    /// cursor to go on from. 100,000 by default.
    pub max_matches: u64,
    /// The most matches that may be in the making at a time, within one tree; beyond
    /// it some are given up, and the answer is not complete. 65,536 by default.
    pub max_pending_matches: u32,
    /// The longest text of a capture that is handed out whole, in bytes. 4 KiB by
    /// default.
    pub max_capture_text: usize,
    /// The longest query, in bytes. 64 KiB by default.
    pub max_query_bytes: usize,
    /// The longest time that one source may be parsed for. 10 s by default.
    pub parse_time: Duration,
    /// The longest source, posted or read from a workspace, in bytes. 8 MiB by default.
    pub max_source_bytes: usize,
    /// Sources or keys in one request. 256 by default.
    pub max_batch: usize,
    /// Nodes, matches or files on a page if nothing is said. 100 by default.
    pub page_size: usize,
    /// The most that may be asked for. 10,000 by default.
    pub max_page_size: usize,
    /// Nodes of a nested tree if nothing is said. 10,000 by default.
    pub tree_nodes: usize,
    /// The most that may be asked for; also of a tree as an S-expression. 1,000,000 by
    /// default.
    pub max_tree_nodes: usize,
    /// Folders within which workspaces may be added. None by default: then none can.
    pub allowed_roots: Vec<PathBuf>,
    /// Workspaces. 1,000 by default.
    pub max_workspaces: usize,
    /// The folder where the names of workspaces are kept, made if it is not there;
    /// without one they are forgotten at the end.
    pub state_dir: Option<PathBuf>,
    /// Jobs that run at a time: they use all cores as they are. 1 by default.
    pub job_workers: usize,
    /// Jobs that may wait for that. 100 by default.
    pub job_queue: usize,
    /// Jobs that are over and can still be asked about. 100 by default.
    pub jobs_kept: usize,
    /// How often a silent stream says that it is alive. 15 s by default.
    pub keep_alive: Duration,
    /// One request at a time, every source parsed anew, every query compiled anew,
    /// nothing kept: what Herbarium is compared with. Only the routes for one tree of a
    /// workspace or of a posted source answer. For measurements only.
    pub baseline: bool,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            workers: thread::available_parallelism().map_or(1, NonZero::get),
            queue: 1024,
            streams: 4,
            followers: 100,
            query_time: Duration::from_secs(5),
            stream_time: Duration::from_secs(600),
            stream_stall: Duration::from_secs(30),
            max_matches: 100_000,
            max_pending_matches: 65_536,
            max_capture_text: 4096,
            max_query_bytes: 64 << 10,
            parse_time: Duration::from_secs(10),
            max_source_bytes: 8 << 20,
            max_batch: 256,
            page_size: 100,
            max_page_size: 10_000,
            tree_nodes: 10_000,
            max_tree_nodes: 1_000_000,
            allowed_roots: Vec::new(),
            max_workspaces: 1000,
            state_dir: None,
            job_workers: 1,
            job_queue: 100,
            jobs_kept: 100,
            keep_alive: Duration::from_secs(15),
            baseline: false,
        }
    }
}

impl ServiceOptions {
    /// The longest body that a request needs: for the limit of the front before the
    /// service. A source in JSON may be half as long again as it is, and no body has to be
    /// shorter than 1 MiB.
    pub fn max_body_bytes(&self) -> usize {
        (self.max_source_bytes.saturating_mul(3) / 2).max(1 << 20)
    }
}
