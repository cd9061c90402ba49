//! What is promised: `slo.toml`.

use serde::Deserialize;

/// The objectives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slo {
    pub(crate) availability: Availability,
    pub(crate) latency: Latency,
    pub(crate) memory: Memory,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Availability {
    pub(crate) objective: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    pub(crate) objective: f64,
    pub(crate) seconds: f64,
    pub(crate) streams: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    pub(crate) limit_bytes: u64,
}

impl Slo {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let slo: Self = toml::from_str(text).map_err(|error| format!("slo.toml: {error}"))?;
        for objective in [slo.availability.objective, slo.latency.objective] {
            if !(0.5..1.0).contains(&objective) {
                return Err(format!(
                    "slo.toml: expected an objective from 0.5 to below 1, found {objective}"
                ));
            }
        }
        Ok(slo)
    }
}

/// What may fail, as it is written in a rule: `1 - 0.999` has no short form in binary.
pub(crate) fn budget(objective: f64) -> String {
    let text = format!("{:.6}", 1.0 - objective);
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_fail_is_written_short() {
        assert_eq!(budget(0.999), "0.001");
        assert_eq!(budget(0.99), "0.01");
        assert_eq!(budget(0.9995), "0.0005");
    }

    #[test]
    fn objectives_that_make_no_sense_are_refused() {
        let text = |objective: &str| {
            format!(
                "[availability]\nobjective = {objective}\n[latency]\nobjective = 0.9\n\
                 seconds = 0.1\nstreams = \"a\"\n[memory]\nlimit_bytes = 1\n"
            )
        };
        assert!(Slo::read(&text("0.99")).is_ok());
        assert!(Slo::read(&text("99.9")).expect_err("percent").contains("99.9"));
        assert!(Slo::read("").is_err());
    }
}
