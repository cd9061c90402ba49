//! What became of a request.

use serde::{Deserialize, Serialize};

/// Why a request counts as an error. The first group got no whole answer, the
/// second got one that was not what the scenario wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nobody listens there.
    Refused,
    /// No connection for another reason.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The server reset the connection.
    Reset,
    /// The server closed the connection before the answer was whole.
    Closed,
    /// What came is not HTTP, or not what its own head says.
    Malformed,
    /// No whole answer within the time-out.
    Timeout,
    /// Not even sent within the time-out: every connection was busy.
    Unserved,
    /// A status of 400 to 499 that is not wanted.
    Status4xx,
    /// A status of 500 or more that is not wanted.
    Status5xx,
    /// Any other status that is not wanted.
    StatusOther,
    /// A header or the body is not as the scenario wants it.
    Check,
}

/// Number of [`Fault`]s.
pub(crate) const FAULTS: usize = 12;

impl Fault {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; FAULTS] = [
        Self::Refused,
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Closed,
        Self::Malformed,
        Self::Timeout,
        Self::Unserved,
        Self::Status4xx,
        Self::Status5xx,
        Self::StatusOther,
        Self::Check,
    ];

    /// The name in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Unserved => "unserved",
            Self::Status4xx => "status4xx",
            Self::Status5xx => "status5xx",
            Self::StatusOther => "status-other",
            Self::Check => "check",
        }
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether a whole answer came.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Status4xx | Self::Status5xx | Self::StatusOther | Self::Check)
    }

    /// Whether the server could not even be reached.
    pub fn is_unreachable(self) -> bool {
        matches!(self, Self::Refused | Self::Connect | Self::Tls)
    }

    /// What a connection's error is called.
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            ErrorKind::UnexpectedEof => Self::Closed,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::InvalidData => Self::Malformed,
            _ => Self::Reset,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A count for each [`Fault`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults([u64; FAULTS]);

impl Faults {
    /// How many of one kind.
    pub fn get(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// One more.
    pub fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// All kinds together.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Kinds that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// Written as an object of the kinds that occurred.
impl Serialize for Faults {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(fault, count)| (fault.name(), count)))
    }
}

impl<'de> Deserialize<'de> for Faults {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = std::collections::BTreeMap::<Fault, u64>::deserialize(deserializer)?;
        let mut faults = Self::default();
        counts.into_iter().for_each(|(fault, count)| faults.0[fault as usize] = count);
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_counters_belong_together() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at);
            assert_eq!(Fault::from_name(fault.name()), Some(fault));
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(json, format!("\"{fault}\""));
        }
    }
}
