use std::fmt::Write as _;

use crate::report::Report;

/// Response times as a histogram log, version 1.3, read by HdrHistogram's own
/// tools; times are in nanoseconds, `Interval_Max` in milliseconds.
pub fn hlog(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "#[Logged with herbarium-load {}]", report.version);
    let _ = writeln!(out, "#[Histogram log format version 1.3]");
    let _ = writeln!(out, "#[StartTime: 0.000 (seconds since {})]", report.started);
    let _ = writeln!(
        out,
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
    );
    for point in report.series.iter().filter(|point| !point.response.is_empty()) {
        let max = point.max.unwrap_or(0.0) * 1e3;
        let _ = writeln!(out, "{:.3},{:.3},{max:.6},{}", point.at, point.seconds, point.response);
    }
    out
}
