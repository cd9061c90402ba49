//! Values that only this program has settings of.

use std::time::Duration;

use herbarium_cache::Compression;
use herbarium_health::logs;
use herbarium_http as http;
use herbarium_settings::{Time, Value, parse_time};

/// So many requests in so much time: `600/m`, `10/s`, `1000/15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) http::Rate);

impl Value for Rate {
    const KIND: &'static str = "rate";

    fn parse(text: &str) -> Result<Self, String> {
        read_rate(text)
            .map(Self)
            .ok_or_else(|| "expected requests and a time, such as 10/s, 600/m or 1000/15m".into())
    }

    fn show(&self) -> String {
        let window = Time(self.0.window).to_string();
        // One of a unit is the unit: `600/m`.
        let unit = match window.strip_prefix('1') {
            Some(unit) if unit.starts_with(|c: char| c.is_ascii_alphabetic()) => unit,
            _ => &window,
        };
        format!("{}/{unit}", self.0.requests)
    }
}

fn read_rate(text: &str) -> Option<http::Rate> {
    let (requests, window) = text.split_once('/')?;
    let requests = requests.trim().parse().ok().filter(|number| *number > 0)?;
    let window = Some(window.trim()).filter(|window| !window.is_empty())?;
    let has_number = window.starts_with(|c: char| c.is_ascii_digit());
    let window = if has_number { parse_time(window) } else { parse_time(&format!("1{window}")) };
    let window = window.ok().filter(|window| *window > Duration::ZERO)?;
    Some(http::Rate { requests, window })
}

/// A network of addresses: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) http::Network);

impl Value for Network {
    const KIND: &'static str = "network";

    fn parse(text: &str) -> Result<Self, String> {
        let expected = |_| "expected an IP address or a network, such as 10.0.0.0/8".to_owned();
        text.trim().parse().map(Self).map_err(expected)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// How bytes are compressed: `none`, `lz4`, `zstd` or, with a level, `zstd:9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compressed(pub(crate) Compression);

/// The level that `zstd` alone stands for.
const USUAL_LEVEL: i32 = 3;

impl Value for Compressed {
    const KIND: &'static str = "compression";

    fn parse(text: &str) -> Result<Self, String> {
        let (method, level) = match text.trim().split_once(':') {
            Some((method, level)) => (method, Some(level)),
            None => (text.trim(), None),
        };
        let level = level.map(|level| level.parse().ok().filter(|level| (1..=22).contains(level)));
        match (method, level) {
            ("none", None) => Ok(Self(Compression::None)),
            ("lz4", None) => Ok(Self(Compression::Lz4)),
            ("zstd", None) => Ok(Self(Compression::zstd(USUAL_LEVEL))),
            ("zstd", Some(Some(level))) => Ok(Self(Compression::zstd(level))),
            _ => Err("expected none, lz4, zstd, or zstd with a level, zstd:1 to zstd:22".into()),
        }
    }

    fn show(&self) -> String {
        match &self.0 {
            Compression::None => "none".to_owned(),
            Compression::Zstd { level: USUAL_LEVEL, .. } => "zstd".to_owned(),
            Compression::Zstd { level, .. } => format!("zstd:{level}"),
            // No other can be read.
            _ => "lz4".to_owned(),
        }
    }
}

/// One of a few words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident($inner:ty), $kind:literal, { $($word:literal => $value:expr),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $inner);

        impl Value for $name {
            const KIND: &'static str = $kind;

            fn parse(text: &str) -> Result<Self, String> {
                match text.trim() {
                    $($word => Ok(Self($value)),)+
                    _ => Err(format!("expected one of {}", [$($word),+].join(", "))),
                }
            }

            fn show(&self) -> String {
                let words = [$(($word, $value)),+];
                words.iter().find(|(_, value)| *value == self.0).map_or("", |it| it.0).to_owned()
            }
        }
    };
}

words! {
    /// How lines of the log look.
    LogFormat(logs::Format), "format", {
        "auto" => logs::Format::Auto,
        "human" => logs::Format::Human,
        "json" => logs::Format::Json,
    }
}

words! {
    /// Where proxies say for whom they ask.
    ForwardedHeader(http::ForwardedHeader), "header", {
        "x-forwarded-for" => http::ForwardedHeader::XForwardedFor,
        "forwarded" => http::ForwardedHeader::Forwarded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_requests_and_a_time() {
        let check = |text: &str, rate: Option<(u32, u64)>| {
            let rate = rate.map(|(requests, seconds)| {
                Rate(http::Rate { requests, window: Duration::from_secs(seconds) })
            });
            assert_eq!(Rate::parse(text).ok(), rate, "{text}");
            if let Some(rate) = rate {
                assert_eq!(Rate::parse(&rate.show()), Ok(rate));
            }
        };
        check("10/s", Some((10, 1)));
        check("600 / m", Some((600, 60)));
        check("1000/15m", Some((1000, 900)));
        check("5/10s", Some((5, 10)));
        check("0/s", None);
        check("5", None);
        check("5/", None);
        check("5/0s", None);
        check("-5/s", None);
    }

    #[test]
    fn compressions_are_words_and_a_level() {
        let check = |text: &str, shown: Option<&str>| {
            let read = Compressed::parse(text).ok();
            assert_eq!(read.as_ref().map(Value::show).as_deref(), shown, "{text}");
            let again = shown.map(|shown| Compressed::parse(shown).expect("what is shown"));
            assert_eq!(again, read, "{text}");
        };
        check("none", Some("none"));
        check(" lz4 ", Some("lz4"));
        check("zstd", Some("zstd"));
        check("zstd:3", Some("zstd"));
        check("zstd:22", Some("zstd:22"));
        for text in ["", "zstd:", "zstd:0", "zstd:23", "zstd:x", "lz4:1", "none:1", "gzip"] {
            check(text, None);
        }
    }

    #[test]
    fn words_are_read_as_they_are_shown() {
        for word in ["auto", "human", "json"] {
            assert_eq!(LogFormat::parse(word).map(|it| it.show()), Ok(word.to_owned()));
        }
        assert_eq!(LogFormat::parse("xml"), Err("expected one of auto, human, json".into()));
        assert_eq!(Network::parse("10.0.0.0/8").map(|it| it.show()), Ok("10.0.0.0/8".to_owned()));
    }
}
