//! Whether an answer is a good one.

use memchr::memmem;

use crate::outcome::Fault;
use crate::scenario::{CheckSpec, ScenarioError};

/// No more of a body is kept for looking into it.
pub(crate) const MOST_BODY: usize = 1 << 20;

/// A [`CheckSpec`], ready.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    statuses: Vec<(u16, u16)>,
    headers: Vec<(String, String)>,
    contains: Option<memmem::Finder<'static>>,
    at_least: u64,
}

impl Check {
    pub(crate) fn compile(spec: &CheckSpec) -> Result<Self, ScenarioError> {
        let statuses: Result<Vec<_>, _> = spec.status.iter().map(|text| range(text)).collect();
        let mut statuses = statuses?;
        if statuses.is_empty() {
            statuses.push((200, 399));
        }
        let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        Ok(Self {
            statuses,
            headers: spec.headers.iter().map(lower).collect(),
            contains: spec.body_contains.as_ref().map(|it| memmem::Finder::new(it).into_owned()),
            at_least: spec.body_at_least.unwrap_or(0),
        })
    }

    pub(crate) fn needs_body(&self) -> bool {
        self.contains.is_some()
    }

    pub(crate) fn needs_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// `lookup` gives the value of a header.
    pub(crate) fn headers_are_good<'a>(&self, lookup: impl Fn(&str) -> Option<&'a [u8]>) -> bool {
        self.headers.iter().all(|(name, part)| {
            lookup(name).is_some_and(|value| memmem::find(value, part.as_bytes()).is_some())
        })
    }

    /// What is wrong with a whole answer.
    pub(crate) fn judge(&self, answer: &Answer, body: &[u8]) -> Option<Fault> {
        let status = answer.status;
        if !self.statuses.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
            return Some(match status {
                400..=499 => Fault::Status4xx,
                500.. => Fault::Status5xx,
                _ => Fault::StatusOther,
            });
        }
        let has_text = self.contains.as_ref().is_none_or(|it| it.find(body).is_some());
        let is_good = answer.headers_good && has_text && answer.bytes >= self.at_least;
        (!is_good).then_some(Fault::Check)
    }
}

/// What is known of an answer that came whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: u64,
    pub(crate) headers_good: bool,
    /// The connection can be used again.
    pub(crate) keep: bool,
}

/// `200` or `2xx`.
fn range(text: &str) -> Result<(u16, u16), ScenarioError> {
    let number = |text: &str| text.parse().ok().filter(|it| (100..=999).contains(it));
    let range = match text.strip_suffix("xx") {
        Some(digit) => digit
            .parse::<u16>()
            .ok()
            .filter(|it| (1..=9).contains(it))
            .map(|it| (it * 100, it * 100 + 99)),
        None => number(text).map(|it| (it, it)),
    };
    range.ok_or_else(|| ScenarioError::value("check.status", text, "`200` or `2xx`"))
}
