//! A query on one tree.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use herbarium::Cancel;
use herbarium::query::{Compiler, Query, QueryCapture, QueryCursor};
use serde::Serialize;

use crate::ServiceOptions;
use crate::metrics::{QUERIES_CUT, QUERY_TIME};
use crate::nested::{json, open_object};
use crate::opening::{Opened, hex};
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{CaptureView, Order, Place, QueryRequest, SourceQueryRequest};

/// What is asked of a tree.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) query: String,
    order: Order,
    bytes: Option<[usize; 2]>,
    points: Option<[crate::types::RowColumn; 2]>,
    max_start_depth: Option<u32>,
    max_matches: Option<u64>,
    after: u64,
    text: Option<bool>,
}

impl Ask {
    /// The question, and the source if it came along.
    pub(crate) fn of(request: QueryRequest) -> (Self, Option<String>) {
        let QueryRequest { query, order, bytes, points, .. } = request;
        let QueryRequest { max_start_depth, max_matches, after, text, source, .. } = request;
        (Self { query, order, bytes, points, max_start_depth, max_matches, after, text }, source)
    }

    /// The question, and the source.
    pub(crate) fn of_source(request: SourceQueryRequest) -> (Self, String) {
        let SourceQueryRequest { source, query, order, bytes, points, .. } = request;
        let SourceQueryRequest { max_start_depth, max_matches, after, text, .. } = request;
        let text = Some(text.unwrap_or(true));
        (Self { query, order, bytes, points, max_start_depth, max_matches, after, text }, source)
    }

    pub(crate) fn check(&self, options: &ServiceOptions) -> Result<(), Problem> {
        check_query(&self.query, options)?;
        let stretches = [
            self.bytes.is_some_and(|[start, end]| start > end),
            self.points.is_some_and(|[a, b]| (a.row, a.column) > (b.row, b.column)),
        ];
        if stretches.contains(&true) {
            return Err(problem::bad_place("an end before the start"));
        }
        let most = options.max_matches;
        match self.max_matches {
            Some(asked) if asked == 0 || asked > most => {
                Err(problem::bad_number("max_matches", asked, most))
            }
            _ => Ok(()),
        }
    }

    /// A cursor with its limits.
    fn cursor(&self, options: &ServiceOptions) -> QueryCursor {
        let mut cursor = QueryCursor::new();
        cursor.set_time_limit(Some(options.query_time));
        cursor.set_match_limit(options.max_pending_matches);
        cursor.set_max_start_depth(self.max_start_depth);
        if let Some([start, end]) = self.bytes {
            cursor.set_byte_range(start..end);
        }
        if let Some([start, end]) = self.points {
            cursor.set_point_range(start.into()..end.into());
        }
        cursor
    }

    /// Whether there is nothing in reach: an empty stretch at the start means all of the
    /// text to the engine.
    fn is_empty(&self) -> bool {
        self.bytes == Some([0, 0])
            || self.points.is_some_and(|[_, end]| (end.row, end.column) == (0, 0))
    }
}

pub(crate) fn check_query(query: &str, options: &ServiceOptions) -> Result<(), Problem> {
    match query.len() <= options.max_query_bytes {
        true => Ok(()),
        false => Err(problem::query_too_long(query.len(), options.max_query_bytes)),
    }
}

/// Whether a query looks at texts: has one of the predicates that do. A text within it
/// that only looks so counts, too: then the source is asked for and not needed.
pub(crate) fn looks_at_text(query: &str) -> bool {
    ["eq?", "match?", "any-of?"].into_iter().any(|end| {
        query.match_indices(end).any(|(at, _)| {
            let before = query.get(..at).unwrap_or_default();
            let start = before.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '-');
            start.ends_with('#')
        })
    })
}

impl Shared {
    /// Until when a query that is asked now may be compiled.
    pub(crate) fn compile_time(&self) -> Instant {
        Instant::now() + self.options.query_time
    }

    /// The query of a language: kept, except in the baseline. Blocks.
    pub(crate) fn compile(&self, language: &str, text: &str) -> Result<Arc<Query>, Problem> {
        let deadline = self.compile_time();
        if !self.options.baseline {
            let query = self.herbarium.compile_until(language, text, deadline);
            return query.map_err(|error| problem::no_query(language, &error));
        }
        let tables = self.engine().query_tables(language);
        let tables = tables.map_err(|error| problem::no_tables(language, &error))?;
        let compiler = Compiler::new(tables.grammar, tables.parse_table);
        let query = compiler.compile_until(text, Some(deadline));
        query.map(Arc::new).map_err(|error| problem::bad_query(language, &error))
    }

    /// Asks a tree; the answer as JSON. Blocks.
    pub(crate) fn ask(
        &self,
        opened: &Opened,
        ask: &Ask,
        cancel: &Cancel,
    ) -> Result<Vec<u8>, Problem> {
        let query = self.compile(opened.language, &ask.query)?;
        let must = looks_at_text(&ask.query);
        let source = match (&opened.source, must || ask.text == Some(true)) {
            (Some(source), _) => Some(Arc::clone(source)),
            (None, false) => None,
            (None, true) => Some(self.find_source(opened).ok_or_else(|| {
                problem::source_needed(match must {
                    true => "the query has predicates on text",
                    false => "the text of captures is asked for",
                })
            })?),
        };
        let text = source.filter(|_| must || ask.text != Some(false));
        let begun = Instant::now();
        let answer = Answer { opened, query: &query, ask, options: &self.options };
        let bytes = answer.run(text.as_deref(), cancel);
        let took = QUERY_TIME.as_histogram(&[opened.language]);
        took.record(begun.elapsed().as_secs_f64());
        Ok(bytes)
    }
}

/// An answer that is being written.
struct Answer<'a> {
    opened: &'a Opened,
    query: &'a Query,
    ask: &'a Ask,
    options: &'a ServiceOptions,
}

#[derive(Serialize)]
struct Front<'a> {
    key: String,
    language: &'a str,
}

/// What is written after the matches.
#[derive(Serialize)]
struct Back {
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Entries as they are found.
struct Entries<'a> {
    out: Vec<u8>,
    writer: MatchWriter<'a>,
    /// Entries to be passed over, and then to be written.
    skip: u64,
    left: u64,
    written: u64,
    more: bool,
}

impl Entries<'_> {
    /// Takes an entry in; false when there is no more to be taken.
    fn take<'t>(
        &mut self,
        pattern: usize,
        captures: impl Iterator<Item = QueryCapture<'t>>,
    ) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return true;
        }
        if self.left == 0 {
            self.more = true;
            return false;
        }
        if self.written > 0 {
            self.out.push(b',');
        }
        self.left -= 1;
        self.written += 1;
        self.out.push(b'{');
        self.writer.write(&mut self.out, pattern, captures);
        self.out.push(b'}');
        true
    }
}

impl Answer<'_> {
    fn run(&self, source: Option<&[u8]>, cancel: &Cancel) -> Vec<u8> {
        let Self { opened, ask, .. } = self;
        let mut cursor = ask.cursor(self.options);
        let mut out = Vec::with_capacity(4096);
        open_object(&mut out, &Front { key: hex(&opened.key), language: opened.language });
        out.extend_from_slice(b",\"matches\":[");
        let texts = source.filter(|_| ask.text != Some(false));
        let mut entries = Entries {
            out,
            writer: MatchWriter::new(self.query, texts, self.options.max_capture_text),
            skip: ask.after,
            left: ask.max_matches.unwrap_or(self.options.max_matches),
            written: 0,
            more: false,
        };
        if !ask.is_empty() {
            self.find(&mut cursor, source.unwrap_or_default(), cancel, &mut entries);
        }
        let stopped_by = match () {
            () if entries.more => Some("matches"),
            () if cursor.did_stop() => Some("time"),
            () if cursor.did_exceed_match_limit() => Some("pending_matches"),
            () => None,
        };
        if let Some(limit) = stopped_by {
            QUERIES_CUT.as_counter(&[limit]).increment(1);
        }
        let next = entries.more.then_some(ask.after.saturating_add(entries.written));
        let mut out = entries.out;
        out.extend_from_slice(b"],");
        let mut back = Vec::new();
        json(&mut back, &Back { complete: stopped_by.is_none(), stopped_by, next });
        out.extend_from_slice(back.get(1..).unwrap_or_default());
        out
    }

    fn find(
        &self,
        cursor: &mut QueryCursor,
        source: &[u8],
        cancel: &Cancel,
        entries: &mut Entries<'_>,
    ) {
        let (root, stop) = (self.opened.tree.root_node(), Some(cancel.as_atomic()));
        match self.ask.order {
            Order::Matches => {
                let mut matches = cursor.matches_until(self.query, root, source, stop);
                while let Some(one) = matches.next_match() {
                    if !entries.take(one.pattern_index, one.captures()) {
                        return;
                    }
                }
            }
            Order::Captures => {
                let mut captures = cursor.captures_until(self.query, root, source, stop);
                while let Some((one, number)) = captures.next_capture() {
                    let capture = one.captures().skip(number).take(1);
                    if !entries.take(one.pattern_index, capture) {
                        return;
                    }
                }
            }
        }
    }
}

/// Writes matches, within the limits on texts.
pub(crate) struct MatchWriter<'a> {
    query: &'a Query,
    source: Option<&'a [u8]>,
    most_text: usize,
}

/// All texts of one match together are so many times as long as one may be.
const TEXTS: usize = 16;

impl<'a> MatchWriter<'a> {
    /// With a source, captures have their text.
    pub(crate) fn new(query: &'a Query, source: Option<&'a [u8]>, most_text: usize) -> Self {
        Self { query, source, most_text }
    }

    /// Writes the members of a match, without braces.
    pub(crate) fn write<'t>(
        &self,
        out: &mut Vec<u8>,
        pattern: usize,
        captures: impl Iterator<Item = QueryCapture<'t>>,
    ) {
        out.extend_from_slice(b"\"pattern\":");
        json(out, &pattern);
        out.extend_from_slice(b",\"captures\":[");
        let mut left = self.most_text.saturating_mul(TEXTS);
        for (number, capture) in captures.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            json(out, &self.view(capture, &mut left));
        }
        out.push(b']');
    }

    fn view<'v>(&'v self, capture: QueryCapture<'v>, left: &mut usize) -> CaptureView<'v> {
        let node = capture.node;
        let (start, end) = Place::of(&node.range());
        let names = self.query.capture_names();
        let name = names.get(capture.index as usize).map_or("", String::as_str);
        let (text, text_cut) = match self.source {
            Some(source) => {
                let whole = source.get(node.byte_range()).unwrap_or_default();
                let (text, cut) = cut(whole, self.most_text.min(*left));
                *left = left.saturating_sub(text.len());
                (Some(text), cut)
            }
            None => (None, false),
        };
        CaptureView { name, node: node.id(), kind: node.kind(), start, end, text, text_cut }
    }
}

/// As much of a text as may be handed out, and whether that is less than all of it.
fn cut(text: &[u8], most: usize) -> (Cow<'_, str>, bool) {
    if text.len() <= most {
        return (String::from_utf8_lossy(text), false);
    }
    // Not within a character.
    let is_start = |byte: &u8| !(0x80..0xc0).contains(byte);
    let end = (most.saturating_sub(3)..=most).rev().find(|at| text.get(*at).is_some_and(is_start));
    (String::from_utf8_lossy(text.get(..end.unwrap_or(most)).unwrap_or_default()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_on_text_are_noticed() {
        let check = |query: &str, looks: bool| assert_eq!(looks_at_text(query), looks, "{query}");
        check("(a) @b", false);
        check("((a) @b (#eq? @b \"x\"))", true);
        check("((a) @b (#not-eq? @b \"x\"))", true);
        check("((a) @b (#any-not-match? @b \"x\"))", true);
        check("((a) @b (#any-of? @b \"x\"))", true);
        check("((a) @b (#is? local))", false);
        check("((a) @b (#set! eq \"match\"))", false);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut(b"abc", 3), (Cow::Borrowed("abc"), false));
        assert_eq!(cut(b"abcd", 3), (Cow::Borrowed("abc"), true));
        assert_eq!(cut("aäö".as_bytes(), 4), (Cow::Borrowed("aä"), true));
        assert_eq!(cut("a🌿b".as_bytes(), 4), (Cow::Borrowed("a"), true));
        assert_eq!(cut(b"abc", 0), (Cow::Borrowed(""), true));
    }
}
