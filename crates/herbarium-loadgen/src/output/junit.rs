use std::fmt::Write as _;

use super::escaped;
use crate::report::{GateResult, Report};

/// JUnit XML: one test for the generator's honesty, one for each gate.
pub fn junit(report: &Report) -> String {
    let suite = escaped(&report.scenario.name);
    let failures = report.gates.iter().filter(|gate| gate.passed == Some(false)).count();
    let unknown = report.gates.iter().filter(|gate| gate.passed.is_none()).count();
    let errors = unknown + usize::from(!report.honesty.valid);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" \
         time=\"{:.3}\" timestamp=\"{}\">",
        report.gates.len() + 1,
        report.seconds,
        report.started.trim_end_matches('Z'),
    );
    out.push_str(&case(&suite, "the generator kept up", honesty(report)));
    for gate in &report.gates {
        out.push_str(&case(&suite, &gate.objective, outcome(gate)));
    }
    out.push_str("</testsuite>\n");
    out
}

/// The element of what went wrong, and its message.
type Wrong = Option<(&'static str, String)>;

fn honesty(report: &Report) -> Wrong {
    let broken = report.honesty.limits.iter().filter(|limit| !limit.kept);
    let texts: Vec<String> = broken
        .map(|limit| {
            let measured = limit.measured.unwrap_or(0.0);
            format!("{} is {measured:.4}, allowed {:.4}", limit.name, limit.limit)
        })
        .collect();
    (!report.honesty.valid).then(|| ("error", texts.join("; ")))
}

fn outcome(gate: &GateResult) -> Wrong {
    match gate.passed {
        Some(true) => None,
        Some(false) => Some(("failure", format!("measured: {}", gate.measured))),
        None => Some(("error", gate.measured.clone())),
    }
}

fn case(suite: &str, name: &str, wrong: Wrong) -> String {
    let name = escaped(name);
    match wrong {
        None => format!("  <testcase classname=\"{suite}\" name=\"{name}\"/>\n"),
        Some((element, message)) => format!(
            "  <testcase classname=\"{suite}\" name=\"{name}\">\n    <{element} message=\"{}\"/>\n  \
             </testcase>\n",
            escaped(&message)
        ),
    }
}
