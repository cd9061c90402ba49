//! The tests of the alerts, as promtool reads them: each alert fires, does not fire, and what it
//! says where its series are absent.

use std::fmt::Write as _;

use super::alerts::{Alert, Case};
use super::rules::{Group, quoted};

/// The instance that the tests are about.
const INSTANCE: &str = "{job=\"herbariumd\", instance=\"one:9464\"";

/// How much time passes in a test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Short,
    /// More than a day: a file of its own, whose rules are looked at less often.
    Long,
}

impl Length {
    fn of(case: &Case) -> Self {
        let minutes = case.at.strip_suffix('m').and_then(|it| it.parse::<u32>().ok());
        if minutes.is_some_and(|it| it > 24 * 60) { Self::Long } else { Self::Short }
    }

    const fn interval(self) -> &'static str {
        match self {
            Self::Short => "1m",
            Self::Long => "5m",
        }
    }
}

/// Three tests an alert, those of them that take so long.
pub(crate) fn yaml(groups: &[Group], length: Length) -> String {
    let mut text = format!(
        "# Written by `cargo xtask observe` from xtask/src/observe/alerts.rs.\n\
         rule_files: [herbarium.rules.yml]\nevaluation_interval: {}\ntests:\n",
        length.interval()
    );
    let alerts = groups.iter().flat_map(|group| &group.rules).filter_map(|it| it.alert.as_ref());
    for alert in alerts {
        let absent = Case { at: "30m", series: &[] };
        // The one that asks whether anything is there at all.
        let when_absent = alert.expression.starts_with("absent(");
        for (what, case, fires) in [
            ("fires", &alert.fires, true),
            ("does not fire", &alert.quiet, false),
            ("series absent", &absent, when_absent),
        ] {
            if Length::of(case) == length {
                one(&mut text, alert, what, case, fires);
            }
        }
    }
    text
}

fn one(text: &mut String, alert: &Alert, what: &str, case: &Case, fires: bool) {
    let _ = write!(text, "  - name: \"{}: {what}\"\n    interval: 1m\n", alert.name);
    if case.series.is_empty() {
        text.push_str("    input_series: []\n");
    } else {
        text.push_str("    input_series:\n");
    }
    for (series, values) in case.series {
        let series = series.replace("{I", INSTANCE);
        let _ = writeln!(text, "      - series: '{series}'\n        values: {}", quoted(values));
    }
    let _ = write!(
        text,
        "    alert_rule_test:\n      - alertname: {}\n        eval_time: {}\n",
        alert.name, case.at
    );
    if !fires {
        text.push_str("        exp_alerts: []\n");
        return;
    }
    text.push_str("        exp_alerts:\n          - exp_labels:\n");
    let severity = [("severity", alert.severity.name())];
    for (label, value) in severity.iter().chain(&alert.labels) {
        let _ = writeln!(text, "              {label}: {}", quoted(value));
    }
    text.push_str("            exp_annotations:\n");
    for (name, value) in alert.annotations() {
        let _ = writeln!(text, "              {name}: {}", quoted(&filled(alert, &value)));
    }
}

/// The templates filled with the labels of the test.
fn filled(alert: &Alert, text: &str) -> String {
    alert.labels.iter().fold(text.to_owned(), |text, (label, value)| {
        text.replace(&format!("{{{{ $labels.{label} }}}}"), value)
    })
}
