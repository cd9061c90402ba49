//! Requests with gaps, and what is put into them.
//!
//! A request without gaps is bytes that are made once. One with gaps is
//! rendered into a buffer that is used again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::keys::Keys;
use crate::random::Random;
use crate::scenario::{FlowSpec, RowOrder, ScenarioError};

/// Text with gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<u8>),
    Gap(Gap, Escape),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Gap {
    /// `{{key}}`
    Key,
    /// `{{index}}`: the number of the request.
    Index,
    /// `{{random}}`: 16 hexadecimal digits.
    Random,
    /// `{{name}}`: a column of the data.
    Column(usize),
}

/// What keeps a value from being more than a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Escape {
    /// Percent-encoded, but for `/`.
    Path,
    /// No control characters.
    Header,
    /// As it is.
    Plain,
    /// For the inside of a JSON string: `{{json:name}}`.
    Json,
}

/// Rows of a data file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<String>,
    cells: Vec<Vec<String>>,
}

/// What fills the gaps of one request.
pub(crate) struct Fill<'a> {
    index: u64,
    key: u64,
    random: u64,
    row: &'a [String],
}

impl Template {
    /// `place` is for errors.
    pub(crate) fn compile(
        text: &str,
        columns: &[String],
        escape: Escape,
        place: &str,
    ) -> Result<Self, ScenarioError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| {
                ScenarioError::value(place, format!("{{{{{after}"), "a `}}` for each `{{`")
            })?;
            pieces.push(Piece::Text(before.as_bytes().to_vec()));
            pieces.push(gap(name.trim(), columns, escape, place)?);
            rest = after;
        }
        pieces.push(Piece::Text(rest.as_bytes().to_vec()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self { pieces })
    }

    fn literal(text: &[u8]) -> Self {
        Self { pieces: vec![Piece::Text(text.to_vec())] }
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    pub(crate) fn render(&self, fill: &Fill<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Gap(gap, escape) => gap.write(fill, *escape, out),
            }
        }
    }

    fn text(&self, fill: &Fill<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.render(fill, &mut out);
        out
    }
}

fn gap(
    name: &str,
    columns: &[String],
    escape: Escape,
    place: &str,
) -> Result<Piece, ScenarioError> {
    let (name, escape) = match name.strip_prefix("json:") {
        Some(name) if escape == Escape::Plain => (name.trim(), Escape::Json),
        _ => (name, escape),
    };
    let gap = match name {
        "key" => Gap::Key,
        "index" => Gap::Index,
        "random" => Gap::Random,
        _ => {
            let column = columns.iter().position(|column| column == name);
            Gap::Column(column.ok_or_else(|| {
                let expected =
                    format!("key, index, random, or a column of the data ({})", columns.join(", "));
                ScenarioError::value(place, format!("{{{{{name}}}}}"), expected)
            })?)
        }
    };
    Ok(Piece::Gap(gap, escape))
}

impl Gap {
    fn write(self, fill: &Fill<'_>, escape: Escape, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Writing to memory does not fail.
        let _ = match self {
            Self::Key => write!(out, "{}", fill.key),
            Self::Index => write!(out, "{}", fill.index),
            Self::Random => write!(out, "{:016x}", fill.random),
            Self::Column(at) => {
                escaped(fill.row.get(at).map_or("", String::as_str), escape, out);
                Ok(())
            }
        };
    }
}

fn escaped(value: &str, escape: Escape, out: &mut Vec<u8>) {
    match escape {
        Escape::Plain => out.extend_from_slice(value.as_bytes()),
        Escape::Header => {
            out.extend(value.bytes().map(|it| if it < 32 || it == 127 { b' ' } else { it }))
        }
        Escape::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
        Escape::Path => value.bytes().for_each(|byte| percent(byte, out)),
    }
}

fn percent(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            out.push(byte)
        }
        _ => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    }
}

impl Rows {
    /// `.jsonl` is one object a line; all else is CSV with a line of names.
    pub(crate) fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            what: "the data",
            path: path.to_owned(),
            source,
        })?;
        let is_json = path.extension().is_some_and(|it| it == "jsonl" || it == "ndjson");
        let rows = if is_json { Self::of_jsonl(&text) } else { Self::of_csv(&text) };
        let rows = rows.map_err(|(line, found, expected)| {
            ScenarioError::value(format!("{} line {line}", path.display()), found, expected)
        })?;
        match rows.cells.is_empty() {
            false => Ok(rows),
            true => {
                Err(ScenarioError::value(path.display().to_string(), "no rows", "at least one"))
            }
        }
    }

    fn of_csv(text: &str) -> Result<Self, (usize, String, &'static str)> {
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let wrong = |line, error: csv::Error| (line, error.to_string(), "comma-separated values");
        let columns = reader.headers().map_err(|error| wrong(1, error))?;
        let columns = columns.iter().map(|name| name.trim().to_owned()).collect();
        let mut cells = Vec::new();
        for (at, record) in reader.records().enumerate() {
            let record = record.map_err(|error| wrong(at + 2, error))?;
            cells.push(record.iter().map(str::to_owned).collect());
        }
        Ok(Self { columns, cells })
    }

    fn of_jsonl(text: &str) -> Result<Self, (usize, String, &'static str)> {
        let mut rows = Vec::new();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (at, line) in lines {
            let row: BTreeMap<String, serde_json::Value> = serde_json::from_str(line)
                .map_err(|error| (at + 1, error.to_string(), "one JSON object a line"))?;
            rows.push(row);
        }
        let mut columns: Vec<String> = rows.iter().flat_map(BTreeMap::keys).cloned().collect();
        columns.sort();
        columns.dedup();
        let text_of = |value: Option<&serde_json::Value>| match value {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let cells = rows.iter().map(|row| columns.iter().map(|it| text_of(row.get(it))).collect());
        let cells = cells.collect();
        Ok(Self { columns, cells })
    }
}

/// A flow, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: Template,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) body: Option<Template>,
    /// All of an HTTP/1.1 request, where there is no gap.
    pub(crate) fixed: Option<Vec<u8>>,
    head: Template,
    keys: Option<Keys>,
    rows: Rows,
    order: RowOrder,
    random: bool,
}

impl Request {
    pub(crate) fn compile(
        flow: &FlowSpec,
        folder: &Path,
        authority: &str,
        base: &str,
        keep_alive: bool,
    ) -> Result<Self, ScenarioError> {
        let place = format!("flow `{}`", flow.name.as_deref().unwrap_or("?"));
        let rows = match &flow.data {
            Some(file) => Rows::read(&folder.join(file))?,
            None => Rows::default(),
        };
        let compile = |text: &str, escape| Template::compile(text, &rows.columns, escape, &place);
        let path = compile(&format!("{base}{}", flow.path), Escape::Path)?;
        let mut headers = Vec::new();
        for (name, value) in &flow.headers {
            check_header(name, value, &place)?;
            headers.push((name.to_ascii_lowercase(), compile(value, Escape::Header)?));
        }
        let body = match (&flow.body, &flow.body_file) {
            (Some(text), _) => Some(compile(text, Escape::Plain)?),
            (None, Some(file)) => Some(Template::literal(&read_body(&folder.join(file))?)),
            (None, None) => None,
        };
        let mut request = Self {
            method: flow.method.clone(),
            path,
            headers,
            body,
            fixed: None,
            head: Template::default(),
            keys: flow.keys.map(|keys| Keys::new(keys.count, keys.popularity)),
            rows,
            order: flow.rows,
            random: true,
        };
        request.head = request.http1_head(authority, keep_alive);
        request.fix();
        Ok(request)
    }

    /// Where nothing is put in, the bytes are made here and now.
    fn fix(&mut self) {
        let body_is_fixed = self.body.as_ref().is_none_or(Template::is_fixed);
        if self.head.is_fixed() && body_is_fixed {
            self.random = false;
            let (mut out, mut scratch) = (Vec::new(), Vec::new());
            self.render_http1(&Fill::NOTHING, &mut out, &mut scratch);
            self.fixed = Some(out);
        }
    }

    fn http1_head(&self, authority: &str, keep_alive: bool) -> Template {
        let mut pieces = vec![Piece::Text(format!("{} ", self.method).into_bytes())];
        pieces.extend(self.path.pieces.iter().cloned());
        let mut lines = b" HTTP/1.1\r\n".to_vec();
        if !self.headers.iter().any(|(name, _)| name == "host") {
            lines.extend_from_slice(format!("host: {authority}\r\n").as_bytes());
        }
        if !keep_alive {
            lines.extend_from_slice(b"connection: close\r\n");
        }
        pieces.push(Piece::Text(lines));
        for (name, value) in &self.headers {
            pieces.push(Piece::Text(format!("{name}: ").into_bytes()));
            pieces.extend(value.pieces.iter().cloned());
            pieces.push(Piece::Text(b"\r\n".to_vec()));
        }
        Template { pieces }
    }

    /// What fills the gaps of request number `index`.
    pub(crate) fn fill(&self, seed: u64, index: u64, at: Duration) -> Fill<'_> {
        if !self.random {
            return Fill::NOTHING;
        }
        let mut random = Random::of(seed, index);
        let key = self.keys.as_ref().map_or(0, |keys| keys.pick(&mut random, at));
        let number = random.next_u64();
        let count = self.rows.cells.len() as u64;
        let row = match (self.order, count) {
            (_, 0) => 0,
            (RowOrder::Sequential, _) => index % count,
            (RowOrder::Key, _) => key % count,
            (RowOrder::Random, _) => random.below(count),
        };
        let row = self.rows.cells.get(row as usize).map_or(&[][..], Vec::as_slice);
        Fill { index, key, random: number, row }
    }

    /// All of an HTTP/1.1 request. `scratch` is for the body.
    pub(crate) fn render_http1(&self, fill: &Fill<'_>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        out.clear();
        self.head.render(fill, out);
        let Some(body) = &self.body else {
            // Without it, some servers wait for a body of such requests.
            if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
            out.extend_from_slice(b"\r\n");
            return;
        };
        scratch.clear();
        body.render(fill, scratch);
        out.extend_from_slice(format!("content-length: {}\r\n\r\n", scratch.len()).as_bytes());
        out.extend_from_slice(scratch);
    }

    /// A request for hyper.
    pub(crate) fn render_http2(
        &self,
        fill: &Fill<'_>,
        scheme: &str,
        authority: &str,
    ) -> Option<http::Request<http_body_util::Full<bytes::Bytes>>> {
        let path = self.path.text(fill);
        let uri = http::Uri::builder().scheme(scheme).authority(authority);
        let uri = uri.path_and_query(path.as_slice()).build().ok()?;
        let mut builder = http::Request::builder().method(self.method.as_str()).uri(uri);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            builder = builder.header(name.as_str(), value.text(fill));
        }
        let body = self.body.as_ref().map(|body| body.text(fill)).unwrap_or_default();
        builder.body(http_body_util::Full::new(body.into())).ok()
    }
}

impl Fill<'_> {
    const NOTHING: Self = Self { index: 0, key: 0, random: 0, row: &[] };
}

fn read_body(path: &Path) -> Result<Vec<u8>, ScenarioError> {
    std::fs::read(path).map_err(|source| ScenarioError::Read {
        what: "the body",
        path: path.to_owned(),
        source,
    })
}

/// Headers that say how the message is framed are ours to write.
fn check_header(name: &str, value: &str, place: &str) -> Result<(), ScenarioError> {
    let is_name = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    let framing = ["content-length", "transfer-encoding", "connection"];
    if !is_name || framing.contains(&name.to_ascii_lowercase().as_str()) {
        let expected = "a header's name, other than content-length, transfer-encoding, connection";
        return Err(ScenarioError::value(format!("{place}, headers"), name, expected));
    }
    match value.bytes().any(|byte| byte < 32 || byte == 127) {
        true => Err(ScenarioError::value(
            format!("{place}, headers.{name}"),
            "a control character",
            "text",
        )),
        false => Ok(()),
    }
}
