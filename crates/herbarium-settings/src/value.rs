//! What a setting can hold, and how it is written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A type of values that are written as text.
///
/// [`parse`](Self::parse) takes what [`show`](Self::show) gives.
pub trait Value: Clone + PartialEq + Send + Sync + 'static {
    /// What is written, in a word or two: `size`, `time`, `list of addresses`.
    const KIND: &'static str;

    /// Reads one.
    ///
    /// # Errors
    /// What was expected, as the end of a sentence.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads one from a list in a file.
    ///
    /// # Errors
    /// What was expected; for all types but [`List`], one value.
    fn parse_list(_items: &[String]) -> Result<Self, String> {
        Err(format!("expected one {}, not a list", Self::KIND))
    }

    /// How it is written.
    fn show(&self) -> String;

    /// How it is written in a TOML file.
    fn show_toml(&self) -> String {
        quoted(&self.show())
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

impl Size {
    /// So many KiB.
    pub const fn kib(number: u64) -> Self {
        Self(number << 10)
    }

    /// So many MiB.
    pub const fn mib(number: u64) -> Self {
        Self(number << 20)
    }

    /// As a length in memory: the largest there is, where it is larger.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let whole = |&&(_, bits): &&(&str, u32)| self.0 > 0 && self.0.trailing_zeros() >= bits;
        match units.iter().find(whole) {
            Some((unit, bits)) => write!(f, "{} {unit}", self.0 >> bits),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl Value for Size {
    const KIND: &'static str = "size";

    fn parse(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A time. Zero is one: what it means is said by the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub Duration);

impl Time {
    /// So many seconds.
    pub const fn seconds(number: u64) -> Self {
        Self(Duration::from_secs(number))
    }

    /// So many milliseconds.
    pub const fn millis(number: u64) -> Self {
        Self(Duration::from_millis(number))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            _ if millis.is_multiple_of(3_600_000) => write!(f, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(f, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => write!(f, "{}s", millis / 1_000),
            _ => write!(f, "{millis}ms"),
        }
    }
}

impl Value for Time {
    const KIND: &'static str = "time";

    fn parse(text: &str) -> Result<Self, String> {
        parse_time(text).map(Self)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A part of a whole, 0 to 1, written as a number or as a percentage.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(pub f64);

impl Value for Share {
    const KIND: &'static str = "share";

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (digits, of) = text.strip_suffix('%').map_or((text, 1.0), |it| (it.trim_end(), 100.0));
        let share = digits.parse::<f64>().ok().map(|number| number / of);
        share
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self)
            .ok_or_else(|| "expected a share of 0 to 1, or of 0% to 100%".into())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }

    fn show_toml(&self) -> String {
        self.show()
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err("expected true or false".into()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn show_toml(&self) -> String {
        self.show()
    }
}

impl Value for u64 {
    const KIND: &'static str = "number";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim().replace('_', "");
        digits.parse().map_err(|_| "expected a whole number".into())
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn show_toml(&self) -> String {
        // TOML's own numbers end sooner.
        if i64::try_from(*self).is_ok() { self.show() } else { quoted(&self.show()) }
    }
}

impl Value for usize {
    const KIND: &'static str = "number";

    fn parse(text: &str) -> Result<Self, String> {
        let number = u64::parse(text)?;
        Self::try_from(number).map_err(|_| "expected a number that this machine can count".into())
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn show_toml(&self) -> String {
        (*self as u64).show_toml()
    }
}

impl Value for String {
    const KIND: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str) -> Result<Self, String> {
        match text.is_empty() || text.contains('\0') {
            true => Err("expected a path".into()),
            false => Ok(Self::from(text)),
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for SocketAddr {
    const KIND: &'static str = "address";

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        text.parse().map_err(|_| {
            "expected an IP address and a port, such as 127.0.0.1:7878 or [::1]:7878".into()
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for IpAddr {
    const KIND: &'static str = "IP address";

    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| "expected an IP address".into())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Maybe none: written as `none`, or as nothing.
impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "none" => Ok(None),
            text => T::parse(text).map(Some).map_err(|expected| format!("{expected}, or none")),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::show)
    }

    fn show_toml(&self) -> String {
        self.as_ref().map_or_else(|| quoted("none"), T::show_toml)
    }
}

/// Maybe left to the program to choose: written as `auto`, or as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Auto<T>(pub Option<T>);

impl<T: Value> Value for Auto<T> {
    const KIND: &'static str = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "auto" => Ok(Self(None)),
            text => T::parse(text)
                .map(|value| Self(Some(value)))
                .map_err(|expected| format!("{expected}, or auto")),
        }
    }

    fn show(&self) -> String {
        self.0.as_ref().map_or_else(|| "auto".to_owned(), T::show)
    }

    fn show_toml(&self) -> String {
        self.0.as_ref().map_or_else(|| quoted("auto"), T::show_toml)
    }
}

/// Any number of values: a list in a file, with commas between elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct List<T>(pub Vec<T>);

impl<T: Value> Value for List<T> {
    const KIND: &'static str = "list";

    fn parse(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(T::parse).collect::<Result<_, _>>().map(Self)
    }

    fn parse_list(items: &[String]) -> Result<Self, String> {
        let read =
            |item: &String| T::parse(item).map_err(|expected| format!("{expected} at {item:?}"));
        items.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        self.0.iter().map(T::show).collect::<Vec<_>>().join(", ")
    }

    fn show_toml(&self) -> String {
        let items: Vec<_> = self.0.iter().map(T::show_toml).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A size as it is typed: bytes, or a number with K, M or G (units of 1,024).
///
/// # Errors
/// What was expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = number_and_unit(text);
    let unit = match unit.as_str() {
        "" | "b" => Some(1_u64),
        "k" | "kb" | "kib" => Some(1 << 10),
        "m" | "mb" | "mib" => Some(1 << 20),
        "g" | "gb" | "gib" => Some(1 << 30),
        _ => None,
    };
    scaled(&digits, unit)
        .ok_or_else(|| "expected a number of bytes, or a number with K, M or G, such as 32M".into())
}

/// A time as it is typed: seconds, or a number with ms, s, m, h or d.
///
/// # Errors
/// What was expected.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let (digits, unit) = number_and_unit(text);
    let unit = match unit.as_str() {
        "ms" => Some(1_u64),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    scaled(&digits, unit)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected seconds, or a number with ms, s, m or h, such as 90s".into())
}

fn number_and_unit(text: &str) -> (String, String) {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
    (digits.to_owned(), lower[digits.len()..].trim_start().to_owned())
}

fn scaled(digits: &str, unit: Option<u64>) -> Option<u64> {
    // No sign: `u64` would take a plus.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>());
    number?.ok()?.checked_mul(unit?)
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        let check =
            |text: &str, size: Option<u64>| assert_eq!(parse_size(text).ok(), size, "{text}");
        check("0", Some(0));
        check("4096", Some(4096));
        check("64k", Some(64 << 10));
        check("32M", Some(32 << 20));
        check("2 GiB", Some(2 << 30));
        check("512MiB", Some(512 << 20));
        check("", None);
        check("M", None);
        check("12X", None);
        check("-1", None);
        check("+1", None);
        check("1.5M", None);
        check("99999999999G", None);
    }

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(parse_time(text).ok(), ms.map(Duration::from_millis), "{text}");
        };
        check("60", Some(60_000));
        check("250ms", Some(250));
        check("90 s", Some(90_000));
        check("2MIN", Some(120_000));
        check("1h", Some(3_600_000));
        check("7d", Some(604_800_000));
        check("0", Some(0));
        check("", None);
        check("s", None);
        check("1.5s", None);
        check("99999999999999999h", None);
    }

    #[test]
    fn shares_are_numbers_or_percentages() {
        let check = |text: &str, share: Option<f64>| {
            assert_eq!(Share::parse(text).ok(), share.map(Share), "{text}");
        };
        check("0.25", Some(0.25));
        check("25%", Some(0.25));
        check("1", Some(1.0));
        check("1.01", None);
        check("-1%", None);
        check("NaN", None);
    }

    #[test]
    fn a_list_has_commas_between_and_may_be_empty() {
        let check = |text: &str, list: &[u64]| {
            assert_eq!(List::<u64>::parse(text), Ok(List(list.to_vec())), "{text}");
        };
        check("", &[]);
        check("1", &[1]);
        check("1, 2,3,", &[1, 2, 3]);
        assert!(List::<u64>::parse("1,x").is_err());
        let error = List::<u64>::parse_list(&["1".into(), "x".into()]).unwrap_err();
        assert_eq!(error, "expected a whole number at \"x\"");
        assert_eq!(u64::parse_list(&[]), Err("expected one number, not a list".into()));
    }

    fn check_written<T: Value + std::fmt::Debug>(value: T) {
        assert_eq!(T::parse(&value.show()), Ok(value.clone()));
        let toml: toml::Table = format!("it = {}", value.show_toml()).parse().unwrap();
        let text = match &toml["it"] {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
                    .collect();
                assert_eq!(T::parse_list(&items), Ok(value));
                return;
            }
            other => other.to_string(),
        };
        assert_eq!(T::parse(&text), Ok(value));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(number: u64, millis in 0..u64::MAX / 2, text in "\\PC{0,20}", share in 0.0..=1.0, port: u16) {
            check_written(Size(number));
            check_written(number);
            check_written(Time::millis(millis));
            check_written(text.clone());
            check_written(Share(share));
            check_written(number % 2 == 0);
            check_written(List(vec![Size(number), Size(7)]));
            check_written(Some(Size(number)));
            check_written(None::<Size>);
            check_written(Auto(Some(number)));
            check_written(Auto::<Size>(None));
            check_written(SocketAddr::from(([127, 0, 0, 1], port)));
            check_written(List(vec![SocketAddr::from(([127, 0, 0, 1], port))]));
        }

        #[test]
        fn nothing_that_is_typed_panics(text: String) {
            let _ = (Size::parse(&text), Time::parse(&text), Share::parse(&text), u64::parse(&text));
            let _ = (SocketAddr::parse(&text), PathBuf::parse(&text), List::<bool>::parse(&text));
        }
    }
}
