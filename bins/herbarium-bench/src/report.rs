//! What every command gives: figures, and bars that they are held against.

use serde::Serialize;

use crate::bar::Bar;
use crate::error::BenchError;

/// What a command measured.
pub(crate) trait Report {
    /// The bars, met or not.
    fn bars(&self) -> &[Bar];
    /// For people.
    fn text(&self) -> String;
    /// For programs.
    fn json(&self) -> Result<String, BenchError>;
}

/// What the JSON of every command has in common.
#[derive(Serialize)]
pub(crate) struct Envelope<'a, F> {
    command: &'static str,
    version: &'static str,
    built_with: &'static str,
    #[serde(flatten)]
    figures: &'a F,
    bars: &'a [Bar],
    passed: bool,
}

/// The JSON of a report.
pub(crate) fn json<F: Serialize>(
    command: &'static str,
    figures: &F,
    bars: &[Bar],
) -> Result<String, BenchError> {
    let envelope = Envelope {
        command,
        version: env!("CARGO_PKG_VERSION"),
        built_with: herbarium_languages::build_set(),
        figures,
        bars,
        passed: !bars.iter().any(Bar::is_missed),
    };
    serde_json::to_string_pretty(&envelope).map_err(BenchError::Json)
}
