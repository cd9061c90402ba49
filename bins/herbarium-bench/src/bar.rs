//! Bars: what a figure must reach.

use std::borrow::Cow;

use serde::Serialize;

use crate::table::Table;

/// A bar: what a figure must not exceed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bar {
    /// What is measured.
    name: Cow<'static, str>,
    /// The most that is allowed.
    limit: f64,
    /// The figure; where there are several, the worst.
    measured: Option<f64>,
    /// Whose figure it is, where there are several.
    of: Option<String>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Pass,
    Fail,
    /// Nothing was there to be measured, which is no pass.
    NotMeasured,
}

impl Bar {
    /// A bar for one figure.
    pub(crate) fn one(
        name: impl Into<Cow<'static, str>>,
        limit: f64,
        measured: Option<f64>,
    ) -> Self {
        let verdict = match measured {
            Some(measured) if measured <= limit => Verdict::Pass,
            // A figure that is no number is over every limit.
            Some(_) => Verdict::Fail,
            None => Verdict::NotMeasured,
        };
        Self { name: name.into(), limit, measured, of: None, verdict }
    }

    /// A bar that each of many figures must meet.
    pub(crate) fn each<'a>(
        name: &'static str,
        limit: f64,
        figures: impl Iterator<Item = (&'a str, f64)>,
    ) -> Self {
        let worst = figures.max_by(|a, b| a.1.total_cmp(&b.1));
        let bar = Self::one(name, limit, worst.map(|(_, figure)| figure));
        Self { of: worst.map(|(of, _)| of.to_owned()), ..bar }
    }

    /// Whether the figure is over the limit. A bar that was not measured is not
    /// missed: small code bases lack files of some kinds.
    pub(crate) fn is_missed(&self) -> bool {
        self.verdict == Verdict::Fail
    }
}

/// Bars as a table.
pub(crate) fn show(bars: &[Bar]) -> String {
    let mut table = Table::new(1, ["bar", "at most", "measured", "worst", "verdict"]);
    for bar in bars {
        let verdict = match bar.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::NotMeasured => "not measured",
        };
        table.row([
            bar.name.to_string(),
            figure(bar.limit),
            bar.measured.map_or_else(String::new, figure),
            bar.of.clone().unwrap_or_default(),
            verdict.to_owned(),
        ]);
    }
    table.text()
}

/// As many decimals as a bar has use for.
fn figure(figure: f64) -> String {
    match figure {
        _ if figure.fract() == 0.0 => format!("{figure:.0}"),
        _ if figure.abs() < 0.1 => format!("{figure:.4}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: f64, figures: &[(&str, f64)], verdict: Verdict, of: Option<&str>) {
        let bar = Bar::each("a bar", limit, figures.iter().copied());
        assert_eq!((bar.verdict, bar.of.as_deref()), (verdict, of), "{figures:?}");
    }

    #[test]
    fn the_worst_figure_decides() {
        check(1.0, &[("a", 0.5), ("b", 1.0)], Verdict::Pass, Some("b"));
        check(1.0, &[("a", 0.5), ("b", 1.1), ("c", 0.2)], Verdict::Fail, Some("b"));
    }

    #[test]
    fn nothing_measured_is_no_pass() {
        check(1.0, &[], Verdict::NotMeasured, None);
    }

    #[test]
    fn what_is_no_number_fails() {
        check(1.0, &[("a", f64::NAN)], Verdict::Fail, Some("a"));
    }
}
