//! The fields of a span as JSON, written once, when the span begins.
//!
//! Every request has a span, and most end without a line: what is written here is
//! mostly for nothing, and should cost next to nothing. The formatter of
//! `tracing-subscriber` goes through a serializer, some bytes at a time; this one
//! gathers the text on the stack and hands it on as a whole.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Formats fields as `{"name":value,…}`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JsonSpans;

impl<'writer> FormatFields<'writer> for JsonSpans {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut object = Object::new(&mut writer, '{');
        fields.record(&mut object);
        object.finish()
    }

    /// A field that is recorded again is there twice, and the later one counts.
    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        if fields.is_empty() {
            return Ok(());
        }
        let start = match current.fields.pop() {
            Some(_) if current.fields.len() > 1 => ',',
            _ => {
                current.fields.clear();
                '{'
            }
        };
        let mut writer = current.as_writer();
        let mut object = Object::new(&mut writer, start);
        fields.record(&mut object);
        object.finish()
    }
}

/// The fields of a request's span, and some.
const ROOM: usize = 384;

/// An object, gathered on the stack.
struct Object<'a, 'w> {
    out: &'a mut Writer<'w>,
    room: [u8; ROOM],
    used: usize,
    /// What comes before the next field.
    before: char,
    result: fmt::Result,
}

impl<'a, 'w> Object<'a, 'w> {
    fn new(out: &'a mut Writer<'w>, before: char) -> Self {
        Self { out, room: [0; ROOM], used: 0, before, result: Ok(()) }
    }

    fn name(&mut self, field: &Field) {
        let before = std::mem::replace(&mut self.before, ',');
        self.note(|it| {
            it.write_char(before)?;
            it.quoted(field.name())?;
            it.write_char(':')
        });
    }

    fn value(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        self.note(|it| it.write_fmt(value));
    }

    fn text(&mut self, field: &Field, text: &str) {
        self.name(field);
        self.note(|it| it.quoted(text));
    }

    fn quoted(&mut self, text: &str) -> fmt::Result {
        let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        if !text.bytes().all(is_plain) {
            return self.write_str(&crate::json::string(text));
        }
        self.write_char('"')?;
        self.write_str(text)?;
        self.write_char('"')
    }

    fn note(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = write(self);
        }
    }

    fn pour(&mut self) -> fmt::Result {
        let gathered = std::mem::take(&mut self.used);
        // Only whole texts were gathered.
        let text = std::str::from_utf8(&self.room[..gathered]).map_err(|_| fmt::Error)?;
        self.out.write_str(text)
    }
}

impl fmt::Write for Object<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.used + text.len() > ROOM {
            self.pour()?;
        }
        match self.room.get_mut(self.used..self.used + text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                self.used += text.len();
                Ok(())
            }
            None => self.out.write_str(text),
        }
    }
}

impl Visit for Object<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.value(field, format_args!("{value}"));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.value(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.value(field, format_args!("{value}")),
            false => self.value(field, format_args!("null")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

impl VisitOutput<fmt::Result> for Object<'_, '_> {
    fn finish(mut self) -> fmt::Result {
        if self.before == '{' {
            self.note(|it| it.write_char('{'));
        }
        self.note(|it| it.write_char('}'));
        self.result.and_then(|()| self.pour())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a line says of the span that this makes.
    fn check(span: impl FnOnce() -> tracing::Span, expected: &Value) {
        let lines = Lines::default();
        let sink = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || sink.clone());
        let layer = layer.json().with_span_list(false).fmt_fields(JsonSpans);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            span().in_scope(|| tracing::info!("a line"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).expect(&text);
        assert_eq!(line["span"], *expected, "{text}");
    }

    #[test]
    fn fields_are_as_they_were_given() {
        let name = "s";
        check(|| tracing::info_span!("s"), &json!({ "name": name }));
        check(
            || tracing::info_span!("s", a = 1, b = -2, c = true, d = 0.5, e = "x", f = ?Some(1)),
            &json!({ "name": name, "a": 1, "b": -2, "c": true, "d": 0.5, "e": "x", "f": "Some(1)" }),
        );
    }

    #[test]
    fn texts_are_escaped() {
        let text = "\"\\\n\u{1}\u{7f}ä🌿/";
        check(|| tracing::info_span!("s", text), &json!({ "name": "s", "text": text }));
    }

    #[test]
    fn texts_may_be_longer_than_the_room() {
        let (long, longer) = ("x".repeat(ROOM - 20), "y\n".repeat(ROOM));
        check(
            || tracing::info_span!("s", a = "b", long, longer, c = 1),
            &json!({ "name": "s", "a": "b", "long": long, "longer": longer, "c": 1 }),
        );
    }

    #[test]
    fn what_is_recorded_later_is_added() {
        let span = || {
            let span = tracing::info_span!("s", a = 1, b = tracing::field::Empty, c = "old");
            span.record("b", 2).record("c", "new");
            span
        };
        check(span, &json!({ "name": "s", "a": 1, "b": 2, "c": "new" }));
        let span = || {
            let span = tracing::info_span!("s", b = tracing::field::Empty);
            span.record("b", 2);
            span
        };
        check(span, &json!({ "name": "s", "b": 2 }));
    }
}
