use std::fmt::Write as _;

use super::svg::{Line, Plot, Unit, time_ticks};
use super::{escaped, secs};
use crate::report::{Part, Point, Report, Summary, Verdict};

const STYLE: &str = include_str!("report.css");

/// One page with everything in it: no script, nothing from elsewhere, good in
/// print.
pub fn html(report: &Report) -> String {
    let name = escaped(&report.scenario.name);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}: {}</title><style>{STYLE}</style></head><body>\n",
        report.verdict
    );
    // Writing to a string does not fail.
    let _ = write_body(&mut out, report);
    out.push_str("</body></html>\n");
    out
}

fn write_body(out: &mut String, report: &Report) -> std::fmt::Result {
    write_head(out, report)?;
    write_gates(out, report)?;
    write_times(out, report)?;
    for plot in plots(report) {
        writeln!(out, "{}", plot.render().unwrap_or_default())?;
    }
    write_parts(out, "Stages", &report.stages)?;
    write_parts(out, "Flows", &report.flows)?;
    write_errors(out, report)?;
    write_foot(out, report)
}

fn write_head(out: &mut String, report: &Report) -> std::fmt::Result {
    let class = match report.verdict {
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::Unreachable => "bad",
        Verdict::Invalid | Verdict::Interrupted => "doubtful",
    };
    let Report { whole, scenario, .. } = report;
    writeln!(
        out,
        "<header><h1>{} <span class=\"verdict {class}\">{}</span></h1><p>{}</p><p>{} · {} · {}</p></header>",
        escaped(&scenario.name),
        report.verdict,
        escaped(&scenario.description),
        escaped(&report.target),
        report.started,
        secs(Some(report.seconds)),
    )?;
    let figures = [
        ("requests", whole.requests.to_string()),
        ("good ones a second", format!("{:.1}", whole.rate)),
        ("errors", format!("{:.4}%", whole.error_ratio * 100.0)),
        ("response p50", secs(whole.response.p50)),
        ("response p99", secs(whole.response.p99)),
        ("service p99", secs(whole.service.p99)),
    ];
    write!(out, "<dl class=\"figures\">")?;
    for (name, value) in figures {
        write!(out, "<div><dd>{value}</dd><dt>{name}</dt></div>")?;
    }
    writeln!(out, "</dl>")
}

fn write_gates(out: &mut String, report: &Report) -> std::fmt::Result {
    for limit in report.honesty.limits.iter().filter(|limit| !limit.kept) {
        writeln!(
            out,
            "<p class=\"warning\">Invalid: {} is {:.4}, and {:.4} is allowed. This run says more about \
             the generator or its machine than about the server.</p>",
            escaped(&limit.name),
            limit.measured.unwrap_or(0.0),
            limit.limit,
        )?;
    }
    if report.gates.is_empty() {
        return Ok(());
    }
    write!(out, "<h2>Gates</h2><table><tr><th>objective</th><th>measured</th><th></th></tr>")?;
    for gate in &report.gates {
        let (class, word) = match gate.passed {
            Some(true) => ("good", "pass"),
            Some(false) => ("bad", "fail"),
            None => ("doubtful", "unknown"),
        };
        write!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{word}</td></tr>",
            escaped(&gate.objective),
            escaped(&gate.measured),
        )?;
    }
    writeln!(out, "</table>")
}

fn write_times(out: &mut String, report: &Report) -> std::fmt::Result {
    let rows = [
        ("response: due to done", &report.whole.response),
        ("service: sent to done", &report.whole.service),
        ("wait: due to sent", &report.wait),
        ("the generator's own lag", &report.lag),
        ("connect", &report.connect),
    ];
    write!(
        out,
        "<h2>Times</h2><table><tr><th></th><th>count</th><th>p50</th><th>p90</th><th>p95</th>\
         <th>p99</th><th>p99.9</th><th>max</th></tr>"
    )?;
    for (name, times) in rows.into_iter().filter(|(_, times)| times.count > 0) {
        let Summary { count, p50, p90, p95, p99, p999, max, .. } = times;
        let cells = [p50, p90, p95, p99, p999, max].map(|it| format!("<td>{}</td>", secs(*it)));
        write!(out, "<tr><th>{name}</th><td>{count}</td>{}</tr>", cells.concat())?;
    }
    writeln!(out, "</table>")
}

fn plots(report: &Report) -> Vec<Plot<'_>> {
    let end = report.series.last().map_or(1.0, |point| point.at + point.seconds);
    let over_time = |title, unit, logarithmic, lines| Plot {
        title,
        unit,
        logarithmic,
        ticks: time_ticks(end),
        lines,
    };
    type Get = fn(&Point) -> Option<f64>;
    let line = |name, get: Get| {
        let points = report.series.iter();
        let middle = |point: &Point| point.at + point.seconds / 2.0;
        let points = points.filter_map(|point| Some((middle(point), get(point)?)));
        Line { name, points: points.collect() }
    };
    vec![
        by_percentile(report),
        over_time(
            "Response time",
            Unit::Seconds,
            true,
            vec![
                line("p50", |it| it.p50),
                line("p90", |it| it.p90),
                line("p99", |it| it.p99),
                line("max", |it| it.max),
            ],
        ),
        over_time(
            "Rate, a second",
            Unit::Count,
            false,
            vec![
                line("due", |it| Some(it.due as f64 / it.seconds.max(1e-9))),
                line("done", |it| Some(it.requests as f64 / it.seconds.max(1e-9))),
            ],
        ),
        over_time(
            "Errors, a second",
            Unit::Count,
            false,
            vec![line("errors", |it| Some(it.errors as f64 / it.seconds.max(1e-9)))],
        ),
        over_time(
            "The generator's own lag",
            Unit::Seconds,
            true,
            vec![line("p99", |it| it.lag_p99)],
        ),
        over_time(
            "Connections and requests under way",
            Unit::Count,
            false,
            vec![
                line("open connections", |it| Some(it.open as f64)),
                line("under way", |it| Some(it.in_flight as f64)),
            ],
        ),
        over_time(
            "The generator's processor time, of one core",
            Unit::Share,
            false,
            vec![line("busiest worker", |it| Some(it.cpu))],
        ),
        over_time("The server's memory", Unit::Bytes, false, server_memory(report)),
        over_time(
            "The server's processor time, of one core",
            Unit::Share,
            false,
            server_cpu(report),
        ),
    ]
}

/// Percentiles over an axis on which each nine takes as much room.
fn by_percentile(report: &Report) -> Plot<'_> {
    let nines = |percent: f64| -(1.0 - percent / 100.0).log10();
    let steps = (0..=80).map(|it| f64::from(it) * 0.05);
    let line = |name, times: &Summary| {
        let enough = |at: &f64| 10_f64.powf(*at) <= times.count as f64;
        let at = steps.clone().filter(enough);
        let value = |at: f64| times.percentile(100.0 * (1.0 - 10_f64.powf(-at)));
        Line { name, points: at.filter_map(|at| Some((at, value(at)?))).collect() }
    };
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];
    Plot {
        title: "Times by percentile",
        unit: Unit::Seconds,
        logarithmic: true,
        ticks: ticks.into_iter().map(|it| (nines(it), format!("p{it}"))).collect(),
        lines: vec![
            line("response", &report.whole.response),
            line("service", &report.whole.service),
        ],
    }
}

fn server_memory(report: &Report) -> Vec<Line<'_>> {
    let points = report.server.iter().filter_map(|it| Some((it.at, it.memory?)));
    vec![Line { name: "resident", points: points.collect() }]
}

fn server_cpu(report: &Report) -> Vec<Line<'_>> {
    let points = report.server.windows(2).filter_map(|pair| {
        let used = pair[1].cpu? - pair[0].cpu?;
        Some((pair[1].at, (used / (pair[1].at - pair[0].at).max(1e-9)).max(0.0)))
    });
    vec![Line { name: "used", points: points.collect() }]
}

fn write_parts(out: &mut String, title: &str, parts: &[Part]) -> std::fmt::Result {
    if parts.len() < 2 {
        return Ok(());
    }
    write!(
        out,
        "<h2>{title}</h2><table><tr><th></th><th>requests</th><th>good a second</th><th>errors</th>\
         <th>p50</th><th>p99</th><th>max</th></tr>"
    )?;
    for part in parts {
        let Summary { p50, p99, max, .. } = &part.response;
        let times = [p50, p99, max].map(|it| format!("<td>{}</td>", secs(*it))).concat();
        write!(
            out,
            "<tr><th>{}</th><td>{}</td><td>{:.1}</td><td>{:.3}%</td>{times}</tr>",
            escaped(&part.name),
            part.requests,
            part.rate,
            part.error_ratio * 100.0,
        )?;
    }
    writeln!(out, "</table>")
}

fn write_errors(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.whole.errors.sum() == 0 {
        return Ok(());
    }
    write!(out, "<h2>Errors</h2><table><tr><th>class</th><th>count</th></tr>")?;
    for (fault, count) in report.whole.errors.iter() {
        write!(out, "<tr><th>{fault}</th><td>{count}</td></tr>")?;
    }
    writeln!(out, "</table>")
}

fn write_foot(out: &mut String, report: &Report) -> std::fmt::Result {
    for note in &report.notes {
        writeln!(out, "<p class=\"warning\">{}</p>", escaped(note))?;
    }
    if let Some(knee) = &report.knee {
        let rate =
            knee.rate.map_or("below the first step".to_owned(), |it| format!("{it:.1} a second"));
        let beyond = knee.beyond.as_ref().map_or(", no step was too much".to_owned(), |step| {
            format!(", too much in {}", escaped(step))
        });
        writeln!(out, "<p>Knee: {rate}{beyond}.</p>")?;
    }
    if let Some(recovery) = &report.recovery {
        let text = recovery.seconds.map_or("not within the stage".to_owned(), |it| secs(Some(it)));
        writeln!(out, "<p>Recovery: {text}.</p>")?;
    }
    let limits = report.honesty.limits.iter().map(|limit| {
        let measured = limit.measured.map_or("unknown".to_owned(), |it| format!("{it:.4}"));
        format!("{} {measured} (allowed {:.4})", limit.name, limit.limit)
    });
    writeln!(
        out,
        "<footer><p>herbarium-load {} on {} ({}, {} cores), {} workers, {:.2} processor seconds. {}.</p>\
         <p>Scenario {}, machine {}.</p></footer>",
        escaped(&report.version),
        escaped(&report.host.name),
        escaped(&report.host.processor),
        report.host.cores,
        report.workers,
        report.honesty.cpu_seconds,
        limits.collect::<Vec<_>>().join(", "),
        report.scenario_fingerprint,
        report.host_fingerprint,
    )
}
