//! The schedule as a picture of text, for `--dry-run`.

use std::fmt::Write as _;
use std::time::Duration;

use herbarium_loadgen::Scenario;
use herbarium_loadgen::scenario::{Mode, Stage, StageLoad};

use crate::exit::Trouble;

const WIDTH: usize = 72;
const HEIGHT: usize = 12;

/// Stages, totals, the rate over time, and what contradicts itself.
pub(crate) fn schedule(scenario: &Scenario) -> Result<String, Trouble> {
    let stages = scenario.stages()?;
    let schedule = scenario.schedule()?;
    let mut out = String::new();
    let level = |at: Duration| match scenario.load.mode {
        Mode::Open => schedule.rate_at(at),
        Mode::Closed => users_at(&stages, at),
    };
    let unit = match scenario.load.mode {
        Mode::Open => "requests a second",
        Mode::Closed => "users",
    };
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}: {} of {unit}", scenario.name, show(scenario.length()));
    for stage in &stages {
        let _ = writeln!(
            out,
            "  {:>8} {:<20} {:>8}  {:?}  {}",
            show(stage.start),
            stage.name,
            show(stage.length),
            stage.role,
            describe(&stage.load),
        );
    }
    if scenario.load.mode == Mode::Open {
        let _ = writeln!(out, "  {:.0} requests expected", schedule.expected());
    }
    let (least, most) = (scenario.connections(), scenario.most_connections());
    let _ = writeln!(out, "  connections: {least}, at most {most}\n");
    out.push_str(&plot(scenario.length(), level));
    for gate in scenario.unmeasurable() {
        let _ = writeln!(out, "\nwith these options it cannot be run: {gate}");
    }
    for contradiction in scenario.contradictions() {
        let _ =
            writeln!(out, "\ncontradiction in `{}`: {}", contradiction.stage, contradiction.text);
    }
    Ok(out)
}

fn show(time: Duration) -> String {
    herbarium_loadgen::Span::from(time).to_string()
}

fn describe(load: &StageLoad) -> String {
    match load {
        StageLoad::Open(shape) => format!("{shape:?}").chars().take(80).collect(),
        StageLoad::Closed { from, to } if from == to => format!("{to} users"),
        StageLoad::Closed { from, to } => format!("{from} to {to} users"),
    }
}

fn users_at(stages: &[Stage], at: Duration) -> f64 {
    let stage = stages.iter().rfind(|stage| stage.start <= at);
    let Some(Stage { start, length, load: StageLoad::Closed { from, to }, .. }) = stage else {
        return 0.0;
    };
    let share = (at - *start).as_secs_f64() / length.as_secs_f64().max(1e-9);
    f64::from(*from) + (f64::from(*to) - f64::from(*from)) * share.min(1.0)
}

/// Columns of blocks, the highest value at the top left.
fn plot(length: Duration, level: impl Fn(Duration) -> f64) -> String {
    let column = |at: usize| level(length.mul_f64((at as f64 + 0.5) / WIDTH as f64));
    let columns: Vec<f64> = (0..WIDTH).map(column).collect();
    let top = columns.iter().copied().fold(0.0, f64::max).max(1e-9);
    let mut out = String::new();
    for row in (0..HEIGHT).rev() {
        let label = if row == HEIGHT - 1 { format!("{top:>9.1}") } else { " ".repeat(9) };
        let cells = columns.iter().map(|value| block(value / top * HEIGHT as f64 - row as f64));
        let _ = writeln!(out, "{label} |{}", cells.collect::<String>().trim_end());
    }
    let end = show(length);
    let _ = writeln!(out, "{:>9} +{}", "0", "-".repeat(WIDTH));
    let _ = writeln!(out, "{:>9}  0s{end:>width$}", "", width = WIDTH - 2);
    out
}

fn block(fill: f64) -> char {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    BLOCKS[(fill.clamp(0.0, 1.0) * 8.0).round() as usize]
}
