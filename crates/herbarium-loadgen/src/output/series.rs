use std::fmt::Write as _;

use crate::report::{Point, Report};

const COLUMNS: &str = "at,seconds,due,requests,errors,rate,p50,p90,p99,max,service_p99,lag_p99,\
                       late,dropped,bytes,open,in_flight,cpu";

/// The series, one line a point; times in seconds.
pub fn csv(report: &Report) -> String {
    let mut out = format!("{COLUMNS}\n");
    for point in &report.series {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}", line(point));
    }
    out
}

fn line(point: &Point) -> String {
    let secs = |value: Option<f64>| value.map_or(String::new(), |it| format!("{it:.9}"));
    let Point { at, seconds, due, requests, errors, late, dropped, bytes, open, in_flight, .. } =
        point;
    let rate = *requests as f64 / seconds.max(1e-9);
    let times = [point.p50, point.p90, point.p99, point.max, point.service_p99, point.lag_p99];
    let times = times.map(secs).join(",");
    format!(
        "{at:.3},{seconds:.3},{due},{requests},{errors},{rate:.3},{times},{late},{dropped},{bytes},\
         {open},{in_flight},{:.4}",
        point.cpu
    )
}
