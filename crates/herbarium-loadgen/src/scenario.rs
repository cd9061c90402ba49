//! A scenario: what is sent, when, and what must come of it.
//!
//! The format is TOML and is described field by field in `docs/load.md`. Every
//! public field here is one there, with the same name.
//!
//! ```
//! use herbarium_loadgen::scenario::Scenario;
//!
//! let scenario = Scenario::from_toml(
//!     r#"
//!     name = "lookups"
//!
//!     [load]
//!     users = 500
//!     think = "10s"
//!
//!     [[stage]]
//!     hold = 50
//!     for = "10m"
//!
//!     [[flow]]
//!     path = "/tree/{{key}}"
//!     keys = { count = 10_000, popularity = { zipf = { exponent = 1.0 } } }
//!
//!     [[gate]]
//!     metric = "response"
//!     percentile = 99
//!     below = "30ms"
//!     "#,
//! )?;
//! assert_eq!(scenario.length().as_secs(), 600);
//! assert!(scenario.contradictions().is_empty());
//! # Ok::<(), herbarium_loadgen::scenario::ScenarioError>(())
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::arrivals::{Leg, Schedule, Shape, Spacing, steps};
use crate::gate::GateSpec;
use crate::keys::Popularity;
use crate::span::Span;

/// The version of the scenario format.
pub const SCENARIO_SCHEMA: u32 = 1;

/// A whole scenario file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the format; 1.
    #[serde(default = "schema")]
    pub schema: u32,
    /// What it is called in reports.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where to, and how.
    #[serde(default)]
    pub target: TargetSpec,
    /// Open or closed, and how arrivals lie.
    #[serde(default)]
    pub load: LoadSpec,
    /// How many connections.
    #[serde(default)]
    pub connections: ConnectionSpec,
    /// What happens when, one after the other.
    #[serde(default, rename = "stage")]
    pub stages: Vec<StageSpec>,
    /// What is sent. Without any: `GET /`.
    #[serde(default, rename = "flow")]
    pub flows: Vec<FlowSpec>,
    /// What must come of it.
    #[serde(default, rename = "gate")]
    pub gates: Vec<GateSpec>,
    /// When a run says nothing, because the generator was too slow.
    #[serde(default)]
    pub honesty: HonestySpec,
    /// When a climbing stage is over the knee.
    #[serde(default)]
    pub knee: KneeSpec,
    /// What is watched on the server.
    #[serde(default)]
    pub server: ServerSpec,
    /// Other lengths and scales, by name.
    #[serde(default)]
    pub sizes: BTreeMap<String, SizeSpec>,
    /// Data files are looked for from here.
    #[serde(skip)]
    pub folder: PathBuf,
}

fn schema() -> u32 {
    SCENARIO_SCHEMA
}

/// Where requests go.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSpec {
    /// `http://`, `https://` or `unix:`; usually given on the command line.
    pub url: Option<String>,
    /// HTTP/1.1 or HTTP/2.
    pub protocol: Protocol,
    /// From when a request is due until it is given up.
    pub timeout: Span,
    /// For TCP and TLS together.
    pub connect_timeout: Span,
    /// Certificates to trust, as PEM, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Trust any certificate.
    pub insecure: bool,
}

impl Default for TargetSpec {
    fn default() -> Self {
        Self {
            url: None,
            protocol: Protocol::Http1,
            timeout: Span::secs(10),
            connect_timeout: Span::secs(5),
            ca: None,
            insecure: false,
        }
    }
}

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 with kept connections.
    #[default]
    Http1,
    /// HTTP/2: by ALPN with TLS, with prior knowledge without.
    Http2,
}

/// What decides when a request is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A schedule: the server's slowness does not slow the arrivals down.
    #[default]
    Open,
    /// Users who wait for an answer, think, and ask again: a slow server is
    /// asked less.
    Closed,
}

/// How requests come.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadSpec {
    /// Open or closed.
    pub mode: Mode,
    /// Even or as a Poisson process; open only.
    pub spacing: Spacing,
    /// Of arrivals, flows, keys and rows.
    pub seed: u64,
    /// Open: people behind the arrivals, each with a connection of their own.
    pub users: Option<u32>,
    /// Closed: from an answer to the next request. Open: what the users are
    /// believed to do, held against the rate by Little's law.
    pub think: Option<Span>,
}

impl Default for LoadSpec {
    fn default() -> Self {
        Self { mode: Mode::Open, spacing: Spacing::Poisson, seed: 1, users: None, think: None }
    }
}

/// How many connections, open mode. Users of closed mode have one each.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionSpec {
    /// Open from the start, or from the end of the ramp. Default: the users, else 10.
    pub count: Option<u32>,
    /// No more than that, when all are busy. Default: `count`, if there are users;
    /// else 1,000.
    pub max: Option<u32>,
    /// The first `count` are opened evenly over this time.
    pub ramp: Option<Span>,
    /// HTTP/1.1: keep a connection for the next request.
    pub keep_alive: bool,
    /// HTTP/2: requests at once on one connection.
    pub streams: u32,
}

impl Default for ConnectionSpec {
    fn default() -> Self {
        Self { count: None, max: None, ramp: None, keep_alive: true, streams: 1 }
    }
}

/// One stage. In open mode exactly one of `hold`, `ramp`, `steps`, `spike`,
/// `burst`, `replay`; in closed mode `users`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageSpec {
    /// What it is called in reports; default: its number.
    pub name: Option<String>,
    /// How long.
    #[serde(rename = "for")]
    pub length: Option<Span>,
    /// The same rate all the time.
    pub hold: Option<f64>,
    /// A straight line between two rates.
    pub ramp: Option<RampSpec>,
    /// Stairs; each step is a stage of its own in reports.
    pub steps: Option<StepsSpec>,
    /// Suddenly much more.
    pub spike: Option<SpikeSpec>,
    /// Many at the same instant.
    pub burst: Option<BurstSpec>,
    /// A recorded trace.
    pub replay: Option<ReplaySpec>,
    /// Closed mode: users at work (at the end of the stage, with `users_from`).
    pub users: Option<u32>,
    /// Closed mode: users at its start, in a straight line to `users`.
    pub users_from: Option<u32>,
    /// What the stage is for; default: `steady` for `hold` and `users`.
    pub role: Option<Role>,
}

/// What a stage is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Counted by no gate on the steady part.
    Warmup,
    /// What gates on the steady part are about.
    Steady,
    /// Ever more, until it is too much: here the knee is looked for.
    Climb,
    /// After too much: how long until all is as before.
    Recovery,
    /// Neither.
    Other,
}

/// `ramp = { from = 0, to = 500 }`
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampSpec {
    /// Requests a second at the start.
    pub from: f64,
    /// And at the end.
    pub to: f64,
}

/// `steps = { from = 500, to = 5000, count = 10 }`
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsSpec {
    /// Requests a second on the first step.
    pub from: f64,
    /// And on the last.
    pub to: f64,
    /// Number of steps.
    pub count: u32,
}

/// `spike = { base = 50, peak = 500, after = "10s", hold = "10s" }`
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpikeSpec {
    /// Requests a second before and after.
    pub base: f64,
    /// And between.
    pub peak: f64,
    /// When it begins.
    pub after: Span,
    /// How long it lasts.
    pub hold: Span,
}

/// `burst = { size = 100, every = "1s" }`
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurstSpec {
    /// Requests at once.
    pub size: u64,
    /// From one burst to the next.
    pub every: Span,
}

/// `replay = { file = "trace.csv" }`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// Seconds from the start of the stage, first column; a first line that is no
    /// number is skipped.
    pub file: PathBuf,
    /// 2 is twice as fast.
    #[serde(default = "one")]
    pub speed: f64,
    /// 0.1 takes every tenth line, 2 each twice. A scale is one more factor.
    #[serde(default = "one")]
    pub share: f64,
}

fn one() -> f64 {
    1.0
}

/// What is sent: one kind of request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlowSpec {
    /// What it is called in reports; default: method and path.
    pub name: Option<String>,
    /// How often, beside the others.
    pub weight: f64,
    /// `GET`, `POST`, …
    pub method: String,
    /// With `{{…}}` where something is put in.
    pub path: String,
    /// Likewise.
    pub headers: BTreeMap<String, String>,
    /// Likewise.
    pub body: Option<String>,
    /// The body from a file, as it is.
    pub body_file: Option<PathBuf>,
    /// Rows to put in: `.csv` with a line of names, or `.jsonl`.
    pub data: Option<PathBuf>,
    /// Which row.
    pub rows: RowOrder,
    /// What `{{key}}` is.
    pub keys: Option<KeysSpec>,
    /// What a good answer is.
    pub check: CheckSpec,
}

impl Default for FlowSpec {
    fn default() -> Self {
        Self {
            name: None,
            weight: 1.0,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: BTreeMap::new(),
            body: None,
            body_file: None,
            data: None,
            rows: RowOrder::default(),
            keys: None,
            check: CheckSpec::default(),
        }
    }
}

/// In which order rows are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowOrder {
    /// One after the other, and again from the first.
    #[default]
    Sequential,
    /// As the key: row number `key`.
    Key,
    /// Any.
    Random,
}

/// Keys `0..count`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSpec {
    /// How many there are.
    pub count: u64,
    /// Which are asked for more.
    #[serde(default)]
    pub popularity: Popularity,
}

/// What a good answer is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckSpec {
    /// `200`, `2xx`; default: any from 200 to 399.
    pub status: Vec<String>,
    /// Headers that must be there, with this text in their value.
    pub headers: BTreeMap<String, String>,
    /// Text that must be in the body (looked for in its first MiB).
    pub body_contains: Option<String>,
    /// The body is at least so long, in bytes.
    pub body_at_least: Option<u64>,
}

/// Beyond which of its own failings a run is invalid.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HonestySpec {
    /// Of the generator's own lag, 99 of 100.
    pub lag_p99: Span,
    /// An arrival sent later than this, by the generator's own fault, is late.
    pub late_after: Span,
    /// Share of arrivals that may be late or dropped.
    pub late_or_dropped: f64,
    /// Share of one core that the busiest worker may use.
    pub cpu: f64,
    /// Share of the time in which somebody on this machine waited for a
    /// processor (`/proc/pressure/cpu`, some).
    pub host_pressure: f64,
}

impl Default for HonestySpec {
    fn default() -> Self {
        Self {
            lag_p99: Span::millis(10),
            late_after: Span::millis(50),
            late_or_dropped: 0.001,
            cpu: 0.85,
            host_pressure: 0.6,
        }
    }
}

impl HonestySpec {
    /// For closed runs at full speed, which use all of a worker by intent: only
    /// the pressure of others is left out of account as well.
    pub const UNLIMITED: Self = Self {
        lag_p99: Span::secs(3600),
        late_after: Span::secs(3600),
        late_or_dropped: 1.0,
        cpu: 2.0,
        host_pressure: 2.0,
    };
}

/// When it is too much.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KneeSpec {
    /// p99 of the response time over this.
    pub p99: Span,
    /// A share of errors over this.
    pub errors: f64,
}

impl Default for KneeSpec {
    fn default() -> Self {
        Self { p99: Span::millis(100), errors: 0.01 }
    }
}

/// What of the server is watched.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSpec {
    /// Its process, if it is on this machine.
    pub pid: Option<u32>,
    /// Its metrics in Prometheus' text format.
    pub metrics: Option<String>,
}

/// Another size of the same scenario.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeSpec {
    /// Of rates, users and connections.
    #[serde(default = "one")]
    pub scale: f64,
    /// The whole length; stages keep their proportions.
    pub length: Option<Span>,
}

/// A stage as it is run: those of `steps` are one for each step.
#[derive(Clone, PartialEq, Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// From the start of the run.
    pub start: Duration,
    /// How long.
    pub length: Duration,
    /// What comes.
    pub load: StageLoad,
}

/// What comes in a stage.
#[derive(Clone, PartialEq, Debug)]
pub enum StageLoad {
    /// Arrivals.
    Open(Shape),
    /// Users, in a straight line.
    Closed {
        /// At the start.
        from: u32,
        /// At the end.
        to: u32,
    },
}

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read {what} {}; look whether the path is right", path.display())]
    Read {
        /// What was to be read.
        what: &'static str,
        /// From where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No TOML, or a field that does not exist.
    #[error("cannot read the scenario; docs/load.md lists its fields")]
    Toml(#[from] toml::de::Error),
    /// A value that makes no sense.
    #[error("scenario, {place}: found {found}, expected {expected}")]
    Value {
        /// Which field.
        place: String,
        /// What is there.
        found: String,
        /// What could be.
        expected: String,
    },
}

impl ScenarioError {
    pub(crate) fn value(
        place: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Value { place: place.into(), found: found.to_string(), expected: expected.into() }
    }
}

/// Users, think time and rate that cannot all be true (Little's law).
#[derive(Clone, PartialEq, Debug)]
pub struct Contradiction {
    /// Where.
    pub stage: String,
    /// What contradicts what, and what would not.
    pub text: String,
}

/// How far users and rate may lie apart.
const LITTLE_TOLERANCE: f64 = 0.25;

impl Scenario {
    /// Reads and validates TOML. Data files are looked for in the current folder.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text)?;
        scenario.fill();
        scenario.validate()?;
        Ok(scenario)
    }

    /// Reads and validates a file; its data files are looked for beside it.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_file(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            what: "the scenario",
            path: path.to_owned(),
            source,
        })?;
        let mut scenario = Self::from_toml(&text)?;
        scenario.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(scenario)
    }

    /// Flows of another file instead of its own: the requests of a service under
    /// a profile that knows none.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn with_flows_of(mut self, path: &Path) -> Result<Self, ScenarioError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Requests {
            flow: Vec<FlowSpec>,
        }
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            what: "the requests",
            path: path.to_owned(),
            source,
        })?;
        self.flows = toml::from_str::<Requests>(&text)?.flow;
        self.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        self.fill();
        self.validate()?;
        Ok(self)
    }

    fn fill(&mut self) {
        if self.flows.is_empty() {
            self.flows.push(FlowSpec::default());
        }
        for (at, stage) in self.stages.iter_mut().enumerate() {
            stage.name.get_or_insert_with(|| format!("stage {}", at + 1));
        }
        for flow in &mut self.flows {
            let name = || format!("{} {}", flow.method, flow.path);
            flow.name = Some(flow.name.clone().unwrap_or_else(name));
        }
    }

    /// The same scenario larger or smaller: rates, users, connections and bursts
    /// times `scale`, and all stages together as long as `length`.
    #[must_use]
    pub fn sized(&self, scale: f64, length: Option<Span>) -> Self {
        let mut sized = self.clone();
        let whole = self.length().as_secs_f64();
        let times = length.map_or(1.0, |length| length.as_secs_f64() / whole.max(1e-9));
        sized.load.users = self.load.users.map(|users| scaled(users, scale));
        sized.connections.count = self.connections.count.map(|count| scaled(count, scale));
        sized.connections.max = self.connections.max.map(|max| scaled(max, scale));
        sized.connections.ramp = self.connections.ramp.map(|ramp| ramp.times(times));
        sized.stages = self.stages.iter().map(|stage| stage.sized(scale, times)).collect();
        sized
    }

    /// The size of that name, which the scenario itself defines; `full` is always
    /// there.
    ///
    /// # Errors
    /// No such size.
    pub fn in_size(&self, name: &str) -> Result<Self, ScenarioError> {
        match self.sizes.get(name) {
            Some(size) => Ok(self.sized(size.scale, size.length)),
            None if name == "full" => Ok(self.clone()),
            None => {
                let names: Vec<&str> = self.sizes.keys().map(String::as_str).collect();
                let expected = format!("one of full, {}", names.join(", "));
                Err(ScenarioError::value("sizes", name, expected))
            }
        }
    }

    /// How long all stages last.
    pub fn length(&self) -> Duration {
        let spans = self.stages.iter().filter_map(|stage| stage.length);
        spans.map(Span::get).sum()
    }

    /// Connections open from the start, those of one worker's part included.
    pub fn connections(&self) -> u32 {
        match self.load.mode {
            Mode::Open => self.connections.count.or(self.load.users).unwrap_or(10),
            Mode::Closed => self.most_users(),
        }
    }

    /// Connections that there may be at once.
    pub fn most_connections(&self) -> u32 {
        let growing = if self.load.users.is_some() { 0 } else { 1_000 };
        match self.load.mode {
            Mode::Open => self.connections.max.unwrap_or(growing).max(self.connections()),
            Mode::Closed => self.most_users(),
        }
    }

    fn most_users(&self) -> u32 {
        let of = |stage: &StageSpec| stage.users.max(stage.users_from).unwrap_or(0);
        self.stages.iter().map(of).max().unwrap_or(0)
    }

    /// The stages as they are run. Replays are read here.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn stages(&self) -> Result<Vec<Stage>, ScenarioError> {
        let mut stages = Vec::new();
        let mut start = Duration::ZERO;
        for spec in &self.stages {
            for (name, length, load) in self.loads(spec)? {
                let role = spec.role.unwrap_or_else(|| spec.usual_role());
                stages.push(Stage { name, role, start, length, load });
                start += length;
            }
        }
        Ok(stages)
    }

    fn loads(&self, spec: &StageSpec) -> Result<Vec<(String, Duration, StageLoad)>, ScenarioError> {
        let name = spec.name.clone().unwrap_or_default();
        let length = spec.length.unwrap_or_default().get();
        if let Some(StepsSpec { from, to, count }) = spec.steps {
            let step = length / count.max(1);
            let one = |rate| StageLoad::Open(Shape::Hold { rate });
            let rates = steps(from, to, count.max(1)).enumerate();
            return Ok(rates
                .map(|(at, rate)| (format!("{name} {}/{count}", at + 1), step, one(rate)))
                .collect());
        }
        let load = match (spec.shape(&self.folder)?, spec.users) {
            (Some(shape), _) => StageLoad::Open(shape),
            (None, users) => {
                let to = users.unwrap_or(0);
                StageLoad::Closed { from: spec.users_from.unwrap_or(to), to }
            }
        };
        Ok(vec![(name, length, load)])
    }

    /// The arrivals of an open scenario; none of a closed one.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn schedule(&self) -> Result<Schedule, ScenarioError> {
        let legs = self.stages()?.into_iter().map(|stage| Leg {
            length: stage.length,
            shape: match stage.load {
                StageLoad::Open(shape) => shape,
                StageLoad::Closed { .. } => Shape::Hold { rate: 0.0 },
            },
        });
        Ok(Schedule::new(legs.collect(), self.load.spacing).with_seed(self.load.seed))
    }

    /// What Little's law says against it: with `users` who each think for `think`,
    /// no more and not much less than `users / think` requests a second come.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let (Mode::Open, Some(users), Some(think)) =
            (self.load.mode, self.load.users, self.load.think)
        else {
            return Vec::new();
        };
        let implied = f64::from(users) / think.as_secs_f64().max(1e-9);
        let steady = self.stages.iter().filter(|stage| stage.role() == Role::Steady);
        let rates = steady.filter_map(|stage| Some((stage.name.clone()?, stage.hold?)));
        rates
            .filter(|(_, rate)| (rate / implied - 1.0).abs() > LITTLE_TOLERANCE)
            .map(|(stage, rate)| Contradiction {
                text: format!(
                    "{users} users who think for {think} send {implied:.1} requests a second, \
                     not {rate}; that rate needs {:.0} users, or a think time of {}",
                    rate * think.as_secs_f64(),
                    Span::from(Duration::from_secs_f64(
                        (f64::from(users) / rate.max(1e-9)).min(1e8)
                    )),
                ),
                stage,
            })
            .collect()
    }

    /// What is wrong with gates that no run of this scenario could measure: one line
    /// for each. Better known before the run than after it.
    pub fn unmeasurable(&self) -> Vec<String> {
        let stages = self.stages().unwrap_or_default();
        let why = |gate: &GateSpec| {
            let missing = gate.missing_in(self, &stages)?;
            Some(format!("gate `{}`: {missing}", gate.objective()))
        };
        self.gates.iter().filter_map(why).collect()
    }

    /// What makes two runs comparable: the same scenario in the same size. The
    /// target, the gates and what is watched are left out.
    pub fn fingerprint(&self) -> String {
        let mut same = self.clone();
        same.target.url = None;
        same.target.ca = None;
        same.gates.clear();
        same.sizes.clear();
        same.server = ServerSpec::default();
        same.description.clear();
        let text = serde_json::to_string(&same).unwrap_or_default();
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }

    /// Whether it can be run.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        if self.schema != SCENARIO_SCHEMA {
            let expected = format!("{SCENARIO_SCHEMA}, the one that this version reads");
            return Err(ScenarioError::value("schema", self.schema, expected));
        }
        if self.stages.is_empty() {
            return Err(ScenarioError::value("stage", "none", "at least one [[stage]]"));
        }
        for (at, stage) in self.stages.iter().enumerate() {
            stage.validate(&format!("stage {}", at + 1), self.load.mode)?;
        }
        for flow in &self.flows {
            flow.validate()?;
        }
        for gate in &self.gates {
            gate.validate()?;
        }
        self.validate_honesty()?;
        for (name, size) in &self.sizes {
            positive(&format!("sizes.{name}.scale"), size.scale)?;
        }
        positive("connections.streams", f64::from(self.connections.streams))?;
        positive("target.timeout", self.target.timeout.as_secs_f64())?;
        positive("target.connect_timeout", self.target.connect_timeout.as_secs_f64())
    }

    fn validate_honesty(&self) -> Result<(), ScenarioError> {
        let HonestySpec { late_or_dropped, cpu, host_pressure, .. } = self.honesty;
        for (name, value) in
            [("late_or_dropped", late_or_dropped), ("cpu", cpu), ("host_pressure", host_pressure)]
        {
            within(&format!("honesty.{name}"), value, 0.0, 1e6)?;
        }
        Ok(())
    }
}

fn scaled(count: u32, scale: f64) -> u32 {
    ((f64::from(count) * scale).round() as u32).max(u32::from(count > 0))
}

/// No rate is higher: a billion a second.
const HIGHEST_RATE: f64 = 1e9;

fn within(place: &str, value: f64, low: f64, high: f64) -> Result<(), ScenarioError> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(ScenarioError::value(place, value, format!("a number from {low} to {high}"))),
    }
}

fn positive(place: &str, value: f64) -> Result<(), ScenarioError> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(ScenarioError::value(place, value, "a number above 0")),
    }
}

impl StageSpec {
    fn usual_role(&self) -> Role {
        match (self.hold, self.users, self.users_from, &self.steps) {
            (Some(_), ..) | (_, Some(_), None, _) => Role::Steady,
            (.., Some(_)) => Role::Climb,
            _ => Role::Other,
        }
    }

    fn role(&self) -> Role {
        self.role.unwrap_or_else(|| self.usual_role())
    }

    fn sized(&self, scale: f64, times: f64) -> Self {
        let mut sized = self.clone();
        sized.length = self.length.map(|length| length.times(times));
        sized.hold = self.hold.map(|rate| rate * scale);
        sized.users = self.users.map(|users| scaled(users, scale));
        sized.users_from = self.users_from.map(|users| scaled(users, scale));
        sized.ramp = self.ramp.map(|it| RampSpec { from: it.from * scale, to: it.to * scale });
        sized.steps = self.steps.map(|it| StepsSpec {
            from: it.from * scale,
            to: it.to * scale,
            count: it.count,
        });
        sized.spike = self.spike.map(|it| SpikeSpec {
            base: it.base * scale,
            peak: it.peak * scale,
            after: it.after.times(times),
            hold: it.hold.times(times),
        });
        sized.burst = self.burst.map(|it| BurstSpec {
            size: ((it.size as f64 * scale).round() as u64).max(1),
            every: it.every,
        });
        if let Some(replay) = &mut sized.replay {
            replay.share *= scale;
        }
        sized
    }

    /// How many kinds of load it names.
    fn kinds(&self) -> usize {
        let named = [
            self.hold.is_some(),
            self.ramp.is_some(),
            self.steps.is_some(),
            self.spike.is_some(),
            self.burst.is_some(),
            self.replay.is_some(),
        ];
        named.into_iter().filter(|it| *it).count()
    }

    fn validate(&self, place: &str, mode: Mode) -> Result<(), ScenarioError> {
        let length = self.length.unwrap_or_default();
        if length < Span::millis(1) {
            return Err(ScenarioError::value(format!("{place}.for"), length, "at least 1ms"));
        }
        match (mode, self.kinds(), self.users) {
            (Mode::Open, 1, None) | (Mode::Closed, 0, Some(_)) => {}
            (Mode::Open, kinds, _) => {
                let expected = "exactly one of hold, ramp, steps, spike, burst, replay (users are for closed mode)";
                return Err(ScenarioError::value(place, format!("{kinds} of them"), expected));
            }
            (Mode::Closed, ..) => {
                let expected = "`users`, and no rate: mode is closed";
                return Err(ScenarioError::value(place, "something else", expected));
            }
        }
        for (name, rate) in self.rates() {
            within(&format!("{place}.{name}"), rate, 0.0, HIGHEST_RATE)?;
        }
        match (self.steps, self.burst, &self.replay) {
            (Some(steps), ..) => within(place, f64::from(steps.count), 1.0, 1_000.0),
            (_, Some(burst), _) => {
                positive(&format!("{place}.burst.every"), burst.every.as_secs_f64())
            }
            (.., Some(replay)) => {
                positive(&format!("{place}.replay.speed"), replay.speed)?;
                within(&format!("{place}.replay.share"), replay.share, 1e-9, 1e3)
            }
            _ => Ok(()),
        }
    }

    fn rates(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let hold = self.hold.map(|rate| ("hold", rate));
        let ramp = self.ramp.map(|it| [("ramp.from", it.from), ("ramp.to", it.to)]);
        let steps = self.steps.map(|it| [("steps.from", it.from), ("steps.to", it.to)]);
        let spike = self.spike.map(|it| [("spike.base", it.base), ("spike.peak", it.peak)]);
        let pairs = [ramp, steps, spike].into_iter().flatten().flatten();
        hold.into_iter().chain(pairs)
    }

    fn shape(&self, folder: &Path) -> Result<Option<Shape>, ScenarioError> {
        let shape = if let Some(rate) = self.hold {
            Shape::Hold { rate }
        } else if let Some(RampSpec { from, to }) = self.ramp {
            Shape::Ramp { from, to }
        } else if let Some(SpikeSpec { base, peak, after, hold }) = self.spike {
            Shape::Spike { base, peak, after: after.get(), hold: hold.get() }
        } else if let Some(BurstSpec { size, every }) = self.burst {
            Shape::Burst { size, every: every.get() }
        } else if let Some(replay) = &self.replay {
            Shape::Replay { times: replay.times(folder)? }
        } else {
            return Ok(None);
        };
        Ok(Some(shape))
    }
}

impl ReplaySpec {
    fn times(&self, folder: &Path) -> Result<Arc<[Duration]>, ScenarioError> {
        let path = folder.join(&self.file);
        let text = std::fs::read_to_string(&path).map_err(|source| ScenarioError::Read {
            what: "the trace",
            path: path.clone(),
            source,
        })?;
        let mut times = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let column = line.split(',').next().unwrap_or_default().trim();
            match column.parse::<f64>() {
                Ok(secs) if (0.0..1e8).contains(&secs) => {
                    times.push(Duration::from_secs_f64(secs / self.speed));
                }
                Err(_) if at == 0 || column.is_empty() => {}
                _ => {
                    let place = format!("{} line {}", path.display(), at + 1);
                    return Err(ScenarioError::value(place, column, "seconds from the start"));
                }
            }
        }
        times.sort_unstable();
        // Evenly, so that what is left has the shape of the whole.
        let until = |at: usize| (at as f64 * self.share).floor() as usize;
        let copies = |(at, time)| std::iter::repeat_n(time, until(at + 1) - until(at));
        Ok(times.into_iter().enumerate().flat_map(copies).collect())
    }
}

impl FlowSpec {
    fn validate(&self) -> Result<(), ScenarioError> {
        let place =
            |field: &str| format!("flow `{}`, {field}", self.name.as_deref().unwrap_or("?"));
        positive(&place("weight"), self.weight)?;
        if !self.path.starts_with('/') {
            return Err(ScenarioError::value(
                place("path"),
                &self.path,
                "a path that starts with /",
            ));
        }
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(ScenarioError::value(place("method"), &self.method, "GET, POST, …"));
        }
        if self.body.is_some() && self.body_file.is_some() {
            return Err(ScenarioError::value(place("body"), "two", "`body` or `body_file`"));
        }
        self.keys.map_or(Ok(()), |keys| positive(&place("keys.count"), keys.count as f64))
    }
}
