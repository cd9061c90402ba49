//! Matches as lines: JSON, or as grep prints them.

use std::io::Write;
use std::path::PathBuf;

use herbarium_languages::Row;
use herbarium_query::{Query, QueryCapture, QueryMatch};
use serde::Serialize;

use crate::ask::place::{Looks, PointJson, Range};

/// Prints the matches of one file.
pub(super) struct Lines<'a> {
    looks: Looks<'a>,
    query: &'a Query,
    path: PathBuf,
    language: &'static Row,
    /// The path as it is shown, once it is needed.
    text: Option<String>,
    /// Number of the next match.
    number: u64,
}

/// One capture, as `docs/cli.md` describes it.
#[derive(Serialize)]
struct CaptureJson<'a> {
    path: &'a str,
    language: &'a str,
    #[serde(rename = "match")]
    number: u64,
    pattern: usize,
    #[serde(flatten)]
    captured: Option<CapturedJson<'a>>,
}

#[derive(Serialize)]
struct CapturedJson<'a> {
    capture: &'a str,
    kind: &'a str,
    start_byte: usize,
    end_byte: usize,
    start: PointJson,
    end: PointJson,
    text: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: &'a str,
    language: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        looks: Looks<'a>,
        query: &'a Query,
        path: PathBuf,
        language: &'static Row,
    ) -> Self {
        Self { looks, query, path, language, text: None, number: 0 }
    }

    /// The path as people see it.
    pub(super) fn path_text(&self) -> String {
        self.looks.shown.text(&self.path)
    }

    /// The path alone.
    pub(super) fn file(&mut self, out: &mut Vec<u8>) {
        let (looks, language) = (self.looks, self.language.id);
        let path = self.path();
        match looks.json {
            true => put_json(out, &FileJson { path, language }),
            false => looks.put_path(out, path),
        }
        out.push(b'\n');
    }

    /// A line for each capture, in the order in which they were made, or for the
    /// one of this number.
    pub(super) fn one_match(
        &mut self,
        found: &QueryMatch<'_, '_>,
        wanted: Option<u32>,
        source: &[u8],
        out: &mut Vec<u8>,
    ) {
        let pattern = found.pattern_index;
        if found.capture_count() == 0 {
            self.line(pattern, None, source, out);
        }
        for capture in found.captures().filter(|it| wanted.is_none_or(|index| index == it.index)) {
            self.line(pattern, Some(capture), source, out);
        }
        self.number += 1;
    }

    fn line(
        &mut self,
        pattern: usize,
        capture: Option<QueryCapture<'_>>,
        source: &[u8],
        out: &mut Vec<u8>,
    ) {
        let (looks, language, number) = (self.looks, self.language.id, self.number);
        let names = self.query.capture_names();
        let name = |capture: &QueryCapture<'_>| {
            names.get(capture.index as usize).map_or("", String::as_str)
        };
        let path = self.path();
        match (looks.json, &capture) {
            (true, _) => {
                let captured = capture.as_ref().map(|it| captured(it, name(it), source));
                put_json(out, &CaptureJson { path, language, number, pattern, captured });
            }
            (false, None) => {
                looks.put_path(out, path);
                let _ = write!(out, ": pattern {pattern} matches and captures nothing");
            }
            (false, Some(capture)) => {
                let node = capture.node;
                let range = Range { bytes: node.byte_range(), start: node.start_position() };
                looks.put_place(out, path, &range);
                looks.put_capture(out, name(capture));
                looks.put_source_line(out, &range, source);
            }
        }
        out.push(b'\n');
    }

    fn path(&mut self) -> &str {
        let Self { looks, path, text, .. } = self;
        text.get_or_insert_with(|| match looks.json {
            true => looks.shown.lossy(path),
            false => looks.shown.text(path),
        })
    }
}

fn captured<'a>(capture: &QueryCapture<'a>, name: &'a str, source: &'a [u8]) -> CapturedJson<'a> {
    let node = capture.node;
    CapturedJson {
        capture: name,
        kind: node.kind(),
        start_byte: node.start_byte(),
        end_byte: node.end_byte(),
        start: node.start_position().into(),
        end: node.end_position().into(),
        text: String::from_utf8_lossy(source.get(node.byte_range()).unwrap_or_default()),
    }
}

/// Writing to memory does not fail, nor is there anything in it that JSON has not got.
fn put_json(out: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(out, value);
}
