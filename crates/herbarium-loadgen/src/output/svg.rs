//! Plots as inline SVG: no script, no font, nothing from elsewhere.

use std::fmt::Write as _;

use super::escaped;

/// Lines over one axis.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// What stands at the values.
    pub(super) unit: Unit,
    /// Values grow by tens, not by ones.
    pub(super) logarithmic: bool,
    /// Labels of the x axis: position and text.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) lines: Vec<Line<'a>>,
}

/// One line and its name.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unit {
    Seconds,
    Count,
    Bytes,
    Share,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;
/// Told apart in grey print by their dashes, in colour also by readers who see
/// fewer colours (Okabe and Ito).
const INKS: [(&str, &str); 5] = [
    ("#0072b2", ""),
    ("#d55e00", "6 3"),
    ("#009e73", "2 2"),
    ("#cc79a7", "8 3 2 3"),
    ("#444444", "1 3"),
];

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => crate::span::show_nanos(value * 1e9),
            Self::Bytes => format!("{:.1} MiB", value / (1 << 20) as f64),
            Self::Share => {
                format!("{:.3}", value).trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Self::Count if value >= 10_000.0 => format!("{:.0}k", value / 1000.0),
            Self::Count => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        }
    }
}

/// Values to positions.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// From the lowest to the highest of these; from 0 unless logarithmic.
    fn of(values: impl Iterator<Item = f64>, logarithmic: bool) -> Self {
        let usable = values.filter(|it| it.is_finite() && (!logarithmic || *it > 0.0));
        let (low, high) =
            usable.fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        if low > high {
            return Self { low: if logarithmic { 0.1 } else { 0.0 }, high: 1.0, logarithmic };
        }
        match logarithmic {
            true => Self {
                low: 10_f64.powf(low.log10().floor()),
                high: 10_f64.powf((high.log10() + 1e-9).ceil()).max(low * 10.0),
                logarithmic,
            },
            false => {
                Self { low: 0.0, high: if high > 0.0 { high * 1.05 } else { 1.0 }, logarithmic }
            }
        }
    }

    /// 0 at the low end, 1 at the high one.
    fn share(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let (low, high) = (self.low.log10().round() as i32, self.high.log10().round() as i32);
            return (low..=high).map(|it| 10_f64.powi(it)).collect();
        }
        let rough = (self.high - self.low) / 4.0;
        let ten = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * ten).find(|it| *it >= rough);
        let step = step.unwrap_or(rough);
        (0..=10).map(|it| f64::from(it) * step).take_while(|it| *it <= self.high).collect()
    }
}

impl Plot<'_> {
    /// A figure with its heading and legend; `None` without any point.
    pub(super) fn render(&self) -> Option<String> {
        let all = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        all().next()?;
        let scale = Scale::of(all().map(|(_, y)| y), self.logarithmic);
        let last =
            all().map(|(x, _)| x).chain(self.ticks.iter().map(|tick| tick.0)).fold(0.0, f64::max);
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out, &scale, last.max(1e-9));
        Some(out)
    }

    fn write(&self, out: &mut String, scale: &Scale, last: f64) -> std::fmt::Result {
        let x = |value: f64| LEFT + value / last * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - TOP - BOTTOM);
        let title = escaped(self.title);
        write!(out, "<figure><figcaption>{title}{}</figcaption>", self.legend())?;
        write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")?;
        for value in scale.ticks() {
            let (at, right) = (y(value), WIDTH - RIGHT);
            write!(out, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>")?;
            let (text, left) = (self.unit.show(value), LEFT - 6.0);
            write!(
                out,
                "<text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                at + 3.5
            )?;
        }
        for (value, text) in &self.ticks {
            let (at, bottom) = (x(*value), HEIGHT - BOTTOM);
            write!(out, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>")?;
            let text = escaped(text);
            write!(
                out,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                HEIGHT - 9.0
            )?;
        }
        for (at, line) in self.lines.iter().enumerate() {
            let (colour, dashes) = INKS[at % INKS.len()];
            let places = line.points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py)));
            let places: Vec<String> = places.collect();
            write!(
                out,
                "<polyline points=\"{}\" stroke=\"{colour}\" stroke-dasharray=\"{dashes}\"/>",
                places.join(" ")
            )?;
        }
        write!(out, "</svg></figure>")
    }

    fn legend(&self) -> String {
        let entry = |(at, line): (usize, &Line<'_>)| {
            let (colour, dashes) = INKS[at % INKS.len()];
            format!(
                "<span class=\"key\"><svg viewBox=\"0 0 26 8\" width=\"26\" height=\"8\"><path d=\"M0 4H26\" \
                 stroke=\"{colour}\" stroke-dasharray=\"{dashes}\" stroke-width=\"2\"/></svg> {}</span>",
                escaped(line.name)
            )
        };
        self.lines.iter().enumerate().map(entry).collect()
    }
}

/// Five or so round times up to a length in seconds.
pub(super) fn time_ticks(length: f64) -> Vec<(f64, String)> {
    const STEPS: [f64; 17] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
        7200.0, 21_600.0,
    ];
    let step = STEPS.into_iter().find(|step| length / step <= 8.0).unwrap_or(length / 8.0);
    let count = (length / step).floor() as usize;
    (0..=count)
        .map(|it| it as f64 * step)
        .map(|at| (at, crate::span::show_nanos(at * 1e9)))
        .collect()
}
