//! Durations as people write them: `250us`, `10ms`, `1.5s`, `2m`, `1h30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that is text in TOML and JSON.
///
/// ```
/// use herbarium_loadgen::Span;
/// use std::time::Duration;
///
/// assert_eq!("1m30s".parse::<Span>()?.get(), Duration::from_secs(90));
/// assert_eq!(Span::from(Duration::from_millis(1500)).to_string(), "1.5s");
/// assert!("ten".parse::<Span>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span(Duration);

/// Units, the longest first, in nanoseconds.
const UNITS: [(&str, f64); 6] =
    [("h", 3600e9), ("m", 60e9), ("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)];

/// A year: no run is longer, and sums of a few stay far from overflow.
const LONGEST: f64 = 365.0 * 24.0 * 3600e9;

impl Span {
    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The plain duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Seconds with their fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// The duration times a factor, at least a nanosecond.
    pub fn times(self, factor: f64) -> Self {
        let nanos = (self.0.as_nanos() as f64 * factor).clamp(1.0, LONGEST);
        Self(Duration::from_nanos(nanos as u64))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no duration; write it like 250us, 10ms, 1.5s or 1h30m");
        let mut rest = text.trim();
        let mut nanos = 0.0;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = UNITS.iter().find(|(name, _)| *name == rest[..letters].trim());
            nanos += number * unit.ok_or_else(wrong)?.1;
            rest = &rest[letters..];
        }
        match nanos <= LONGEST {
            true => Ok(Self(Duration::from_nanos(nanos as u64))),
            false => Err(format!("`{text}` is longer than a year")),
        }
    }
}

/// The largest unit that is not larger than the duration, with up to three
/// digits after the point.
impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&show_nanos(self.0.as_nanos() as f64))
    }
}

/// Nanoseconds for reading: `912ms`, `1.5s`.
pub fn show_nanos(nanos: f64) -> String {
    if nanos <= 0.0 {
        return "0s".to_owned();
    }
    let (unit, size) = UNITS.iter().find(|(_, size)| nanos >= *size).unwrap_or(&UNITS[5]);
    let value = nanos / size;
    let digits = if value >= 100.0 {
        1
    } else if value >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&exact(self.0))
    }
}

/// Nothing is rounded away: the text is read again.
fn exact(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let whole = UNITS.iter().find(|(_, size)| nanos.is_multiple_of(*size as u128));
    let (unit, size) = whole.unwrap_or(&UNITS[5]);
    format!("{}{unit}", nanos / *size as u128)
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for nanos in [0, 1, 999, 1_000, 1_500_000, 90_000_000_000, 3_600_000_000_000, 1_234_567] {
            let span = Span(Duration::from_nanos(nanos));
            assert_eq!(exact(span.get()).parse(), Ok(span), "{nanos}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "5", "5x", "1.2.3s", "-1s", "9999999h", "1s 2"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
