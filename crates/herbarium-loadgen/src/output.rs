//! Reports in other shapes: for spreadsheets, for HdrHistogram's tools, for
//! continuous integration, for people.

mod hlog;
mod html;
mod junit;
mod live;
mod markdown;
mod series;
mod svg;

pub use hlog::hlog;
pub use html::html;
pub use junit::junit;
pub use live::Live;
pub use markdown::markdown;
pub use series::csv;

/// Text within XML and HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not even an escape makes them legal in XML.
            control if control.is_control() && !matches!(control, '\n' | '\t') => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// Seconds for reading; `-` for none.
fn secs(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |it| crate::span::show_nanos(it * 1e9))
}
