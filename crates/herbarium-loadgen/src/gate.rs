//! Gates: what must come of a run.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::usage_of;
use crate::outcome::Fault;
use crate::report::Report;
use crate::scenario::{Role, Scenario, ScenarioError, Stage};
use crate::span::Span;

/// One `[[gate]]` of a scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSpec {
    /// What is measured.
    pub metric: Metric,
    /// Of times: which percentile; 100 is the longest. Default: 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// Over which part of the run. Default: the steady part.
    #[serde(default)]
    pub window: Window,
    /// One flow only, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// One stage only, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Of errors: these classes only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<Fault>,
    /// It must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Bound>,
    /// It must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Bound>,
    /// A report to be held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PathBuf>,
    /// With a baseline: at most so many times its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// `prometheus`: its address, such as `http://127.0.0.1:9090`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// `prometheus`: a query that gives one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// What a gate measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// From when a request was due to the end of its answer.
    Response,
    /// From when it was sent to the end of its answer.
    Service,
    /// From when it was due to when it was sent.
    Wait,
    /// The generator's own part of that.
    Lag,
    /// Time to connect.
    Connect,
    /// Errors, as a share of requests.
    Errors,
    /// Requests without an error, a second.
    Rate,
    /// Requests without an error, as a share of the arrivals.
    Delivered,
    /// A query to a Prometheus.
    Prometheus,
    /// The server's memory: growth an hour, as a share (Theil-Sen).
    MemorySlope,
    /// The server's memory at the end, as a multiple of that at the start.
    MemoryGrowth,
    /// The server's open files at the end, less those at the start.
    Descriptors,
    /// p99 of the last quarter of the steady part, as a multiple of the first.
    P99Drift,
    /// From the start of the recovery stage until all is as before.
    Recovery,
    /// The highest rate of a climbing stage that was not too much.
    Knee,
    /// The rate of the last steady stage, as a share of the best.
    Scaling,
}

/// Which part of the run.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Window {
    /// All of it.
    Whole,
    /// Its steady stages; all of it, if there is none.
    #[default]
    Steady,
    /// The worst stretch of that length.
    Worst(Span),
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Steady => f.write_str("steady"),
            Self::Worst(span) => write!(f, "worst {span}"),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.as_str(), text.strip_prefix("worst ")) {
            ("whole", _) => Ok(Self::Whole),
            ("steady", _) => Ok(Self::Steady),
            (_, Some(span)) => span.parse().map(Self::Worst).map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom(format!(
                "the window `{text}` is none of `whole`, `steady`, `worst 10s`"
            ))),
        }
    }
}

/// A limit: `"30ms"` for times, a number for all else.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// A time.
    Time(Span),
    /// A number.
    Number(f64),
}

impl Bound {
    /// Seconds, or the number.
    pub fn value(self) -> f64 {
        match self {
            Self::Time(span) => span.as_secs_f64(),
            Self::Number(number) => number,
        }
    }
}

impl Metric {
    /// Whether it is a time with percentiles.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Response | Self::Service | Self::Wait | Self::Lag | Self::Connect)
    }

    /// Whether its limit is a duration.
    fn takes_span(self) -> bool {
        self.is_time() || self == Self::Recovery
    }

    /// The name in scenarios and reports.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|it| it.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl GateSpec {
    /// A gate on a metric of the steady part, without a limit yet.
    pub fn on(metric: Metric) -> Self {
        Self {
            metric,
            percentile: None,
            window: Window::Steady,
            flow: None,
            stage: None,
            class: Vec::new(),
            below: None,
            above: None,
            baseline: None,
            at_most: None,
            prometheus: None,
            query: None,
        }
    }

    /// With an upper limit for a time.
    #[must_use]
    pub fn below(self, limit: Duration) -> Self {
        Self { below: Some(Bound::Time(limit.into())), ..self }
    }

    /// What it says, in words.
    pub fn objective(&self) -> String {
        let mut text = self.metric.name();
        if self.metric.is_time() {
            text = match self.percentile() {
                100.0 => format!("{text} max"),
                percentile => format!("{text} p{percentile}"),
            };
        }
        if let Some(query) = &self.query {
            text = format!("{text} `{query}`");
        }
        if !self.class.is_empty() {
            let names: Vec<&str> = self.class.iter().map(|class| class.name()).collect();
            text = format!("{text} ({})", names.join(", "));
        }
        for (word, name) in [("flow", &self.flow), ("stage", &self.stage)] {
            if let Some(name) = name {
                text = format!("{text}, {word} `{name}`");
            }
        }
        if self.has_window() && self.stage.is_none() {
            text = format!("{text}, {}", self.window);
        }
        format!("{text} {}", self.limit())
    }

    fn limit(&self) -> String {
        let show = |bound: &Bound| match bound {
            Bound::Time(span) => span.to_string(),
            Bound::Number(number) => number.to_string(),
        };
        let below = self.below.iter().map(|bound| format!("below {}", show(bound)));
        let above = self.above.iter().map(|bound| format!("above {}", show(bound)));
        let times = self.at_most.iter().map(|times| format!("at most {times} x the baseline"));
        below.chain(above).chain(times).collect::<Vec<_>>().join(" and ")
    }

    /// The percentile of a time.
    pub fn percentile(&self) -> f64 {
        self.percentile.unwrap_or(99.0)
    }

    fn has_window(&self) -> bool {
        use Metric::{Delivered, Errors, Rate, Response, Service};
        matches!(self.metric, Response | Service | Errors | Rate | Delivered)
    }

    /// What it needs and a scenario does not have.
    pub(crate) fn missing_in(&self, scenario: &Scenario, stages: &[Stage]) -> Option<String> {
        let has_role = |role| stages.iter().any(|stage| stage.role == role);
        let watched = || {
            match (scenario.server.pid, &scenario.server.metrics) {
            (None, None) => Some("name the server's process (--server-pid) or metrics (--server-metrics): without, it is not watched".to_owned()),
            (Some(pid), None) if usage_of(pid).is_none() => Some(format!("there is no process {pid} on this machine")),
            _ => None,
        }
        };
        let by_metric = match self.metric {
            Metric::MemorySlope | Metric::MemoryGrowth | Metric::Descriptors => watched(),
            Metric::Recovery if !has_role(Role::Recovery) => {
                Some("no stage has the role recovery".to_owned())
            }
            Metric::Knee if !has_role(Role::Climb) => {
                Some("no stage has the role climb".to_owned())
            }
            _ => None,
        };
        let unknown = |what, name: &Option<String>, is: &dyn Fn(&str) -> bool| {
            let name = name.as_deref().filter(|name| !is(name))?;
            Some(format!("there is no {what} `{name}`"))
        };
        let has_flow =
            |name: &str| scenario.flows.iter().any(|flow| flow.name.as_deref() == Some(name));
        by_metric
            .or_else(|| {
                unknown("stage", &self.stage, &|name| stages.iter().any(|it| it.name == name))
            })
            .or_else(|| unknown("flow", &self.flow, &has_flow))
            .or_else(|| {
                let path = scenario.folder.join(self.baseline.as_ref()?);
                Report::read(&path).err().map(|error| error.to_string())
            })
    }

    pub(crate) fn validate(&self) -> Result<(), ScenarioError> {
        let place = || format!("gate `{}`", self.metric.name());
        let wrong = |found: &str, expected: &str| ScenarioError::value(place(), found, expected);
        let bounds: Vec<Bound> = self.below.into_iter().chain(self.above).collect();
        if bounds.is_empty() && self.at_most.is_none() {
            return Err(wrong("no limit", "`below`, `above`, or `baseline` with `at_most`"));
        }
        if self.baseline.is_some() != self.at_most.is_some() {
            return Err(wrong("one of two", "`baseline` and `at_most` together"));
        }
        if bounds.iter().any(|it| matches!(it, Bound::Time(_)) != self.metric.takes_span()) {
            let expected = match self.metric.takes_span() {
                true => "a limit that is a time, such as \"30ms\"",
                false => "a limit that is a number",
            };
            return Err(wrong("a limit of another kind", expected));
        }
        if !(0.0..=100.0).contains(&self.percentile()) {
            return Err(wrong(&self.percentile().to_string(), "a percentile from 0 to 100"));
        }
        let asks = [self.prometheus.is_some(), self.query.is_some()];
        if asks != [self.metric == Metric::Prometheus; 2] {
            return Err(wrong(
                "something else",
                "`prometheus` and `query` with metric prometheus, and only there",
            ));
        }
        match (self.window, self.metric) {
            (Window::Worst(_), Metric::Response | Metric::Errors | Metric::Rate)
                if self.flow.is_none() && self.stage.is_none() =>
            {
                Ok(())
            }
            (Window::Worst(_), _) => {
                Err(wrong("window `worst`", "it for response, errors, rate of all flows"))
            }
            _ => Ok(()),
        }
    }
}
