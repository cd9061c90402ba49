//! Numbers as people read and write them.

use std::time::Duration;

pub(crate) use herbarium_settings::{parse_size, parse_time as parse_time_or_none};

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number of bytes with three digits or so, in units of 1,024.
pub(crate) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{number} B"),
        _ if value < 10.0 => format!("{value:.2} {unit}"),
        _ if value < 100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A time that passed, as exact as one cares about.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.as_millis() < 10 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time in seconds, likewise.
pub(crate) fn seconds(time: f64) -> String {
    duration(Duration::try_from_secs_f64(time).unwrap_or_default())
}

/// Bytes a node; `None` where there is no node.
pub(crate) fn bytes_a_node(stored_bytes: u64, nodes: u64) -> Option<f64> {
    // Three decimals are what the figure is good for, in JSON too.
    (nodes > 0).then(|| (stored_bytes as f64 / nodes as f64 * 1e3).round() / 1e3)
}

/// A part as a percentage of a whole; `None` of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| format!("{:.1}%", part as f64 * 100.0 / whole as f64))
}

/// A time as it is typed, above zero.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    herbarium_settings::parse_time(text).ok().filter(|time| !time.is_zero()).ok_or_else(|| {
        "expected seconds above 0, or a number with ms, s, m or h, such as 90s".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_threes() {
        let check = |number, text: &str| assert_eq!(grouped(number), text);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let check = |number, text: &str| assert_eq!(bytes(number), text);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.00 KiB");
        check(15 << 10, "15.0 KiB");
        check(500 << 20, "500 MiB");
        check(3 << 40, "3.00 TiB");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let check = |ms, text: &str| assert_eq!(duration(Duration::from_millis(ms)), text);
        check(1, "1.0 ms");
        check(420, "420 ms");
        check(1_550, "1.6 s");
        check(61_000, "1 min 1 s");
        check(7_260_000, "2 h 1 min");
    }

    #[test]
    fn a_time_may_be_none_only_where_that_means_something() {
        for none in ["0", "0s", "00ms", " 0m "] {
            assert_eq!(parse_time_or_none(none), Ok(Duration::ZERO), "{none}");
            assert!(parse_time(none).is_err(), "{none}");
        }
        for time in ["90", "90s", "90000ms"] {
            assert_eq!(parse_time(time), Ok(Duration::from_secs(90)), "{time}");
        }
        for wrong in ["", "s", "0x", "-0"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
            assert!(parse_time_or_none(wrong).is_err(), "{wrong}");
        }
    }
}
