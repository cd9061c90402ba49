//! Symbols as lines: JSON, or for people.

use std::io::Write;
use std::path::Path;

use herbarium_languages::Row;
use herbarium_symbols::{Symbol, Symbols};
use serde::Serialize;

use crate::ask::place::{Looks, PointJson, Range};
use crate::paint::Ink;
use crate::paths::printable_line;

/// Prints the symbols of one file.
pub(super) struct Lines<'a> {
    looks: Looks<'a>,
    path: String,
    language: &'static Row,
}

/// One symbol, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct SymbolJson<'a> {
    path: &'a str,
    language: &'a str,
    role: &'a str,
    kind: &'a str,
    name: &'a str,
    name_range: RangeJson,
    range: RangeJson,
    container: Option<ContainerJson<'a>>,
    signature: &'a str,
    doc: Option<String>,
}

#[derive(Serialize)]
struct RangeJson {
    start_byte: usize,
    end_byte: usize,
    start: PointJson,
    end: PointJson,
}

#[derive(Serialize)]
struct ContainerJson<'a> {
    kind: Option<&'a str>,
    name: std::borrow::Cow<'a, str>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(looks: Looks<'a>, path: &Path, language: &'static Row) -> Self {
        let path = if looks.json { looks.shown.lossy(path) } else { looks.shown.text(path) };
        Self { looks, path, language }
    }

    /// The path as it is shown.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, symbol: &Symbol, symbols: &Symbols<'_>) {
        let (name, signature) = (symbols.name(symbol), symbols.signature(symbol));
        if self.looks.json {
            let json = SymbolJson {
                path: &self.path,
                language: self.language.id,
                role: symbol.role.as_str(),
                kind: symbol.kind.as_str(),
                name: &name,
                name_range: range(&symbol.name_range),
                range: range(&symbol.range),
                container: symbols.container_name(symbol).map(|name| ContainerJson {
                    kind: symbols.container(symbol).map(|it| it.kind.as_str()),
                    name,
                }),
                signature: &signature,
                doc: symbols.doc(symbol),
            };
            let _ = serde_json::to_writer(&mut *out, &json);
        } else {
            self.put_text(out, symbol, &name, &signature);
        }
        out.push(b'\n');
    }

    /// Writing to memory does not fail.
    fn put_text(&self, out: &mut Vec<u8>, symbol: &Symbol, name: &str, signature: &str) {
        let paint = self.looks.paint;
        let of = &symbol.name_range;
        let place = Range { bytes: of.start_byte..of.end_byte, start: of.start_point };
        self.looks.put_place(out, &self.path, &place);
        let _ = write!(out, " {} ", paint.ink(Ink::Field, symbol.kind));
        let _ = write!(out, "{}", paint.ink(Ink::Heading, printable_line(name)));
        if signature != name {
            let signature = printable_line(signature);
            let _ = write!(out, "{}", paint.ink(Ink::Faint, format_args!(": {signature}")));
        }
    }
}

fn range(of: &herbarium_codec::Range) -> RangeJson {
    RangeJson {
        start_byte: of.start_byte,
        end_byte: of.end_byte,
        start: of.start_point.into(),
        end: of.end_point.into(),
    }
}
