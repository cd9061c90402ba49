//! From matches to symbols.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use herbarium_codec::{Node, Point, Range, Tree};
use herbarium_query::{QueryCursor, QueryMatch};

use crate::kind::{Role, SymbolKind};
use crate::nest::Nest;
use crate::owner;
use crate::query::{Part, SymbolQuery, Use};
use crate::symbol::{Documents, Symbol, Symbols};

/// Finds symbols, keeping its working memory from file to file.
///
/// Memory grows with the symbols of a file, not with its nodes.
#[derive(Debug, Default)]
pub struct SymbolFinder {
    /// One for each query of a language: what it has worked out for the last file
    /// often holds for the next.
    cursors: Vec<QueryCursor>,
    match_limit: Option<u32>,
    time_limit: Option<Duration>,
    stopped: bool,
    exceeded_limit: bool,
    named: Vec<Named>,
    /// Nodes that are definitions, sorted.
    defined: Vec<u32>,
    symbols: Vec<Symbol>,
    docs: Vec<u32>,
    documents: Documents,
    nest: Nest,
}

/// A name that a pattern gives.
#[derive(Debug, Clone, Copy)]
struct Named {
    start: u32,
    end: u32,
    /// 1 for references, 0 for others: what wins where names are the same.
    rank: u8,
    pattern: u16,
    tag: Option<(Role, SymbolKind)>,
    node: u32,
    docs: (u32, u32),
    owner: (u32, u32),
}

impl SymbolFinder {
    /// A finder without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long it may take to find the symbols of a file. Then it ends, with
    /// what is found until then; [`SymbolFinder::did_stop`] says so. No limit by
    /// default.
    pub fn set_time_limit(&mut self, limit: Option<Duration>) -> &mut Self {
        self.time_limit = limit;
        self
    }

    /// Sets how many matches may be in the making at a time. Where more would be,
    /// some are given up; [`SymbolFinder::did_exceed_match_limit`] says so. No
    /// limit by default.
    pub fn set_match_limit(&mut self, limit: u32) -> &mut Self {
        self.match_limit = Some(limit);
        self
    }

    /// Whether the search in the last file was ended by the time limit.
    pub fn did_stop(&self) -> bool {
        self.stopped
    }

    /// Whether the search in the last file gave up matches for the limit.
    pub fn did_exceed_match_limit(&self) -> bool {
        self.exceeded_limit
    }

    /// The symbols of a tree. `source` is what the tree was made from.
    ///
    /// None where the query is for another grammar than the tree.
    pub fn find<'a>(
        &'a mut self,
        query: &'a SymbolQuery,
        tree: &'a Tree,
        source: &'a [u8],
    ) -> Symbols<'a> {
        self.collect(query, tree, source);
        self.choose();
        self.make(query, tree, source);
        self.nest.run(query, tree, source, &mut self.symbols);
        owner::resolve(source, &mut self.symbols);
        let (docs, documents) = (&self.docs, &self.documents);
        Symbols { symbols: &self.symbols, docs, documents, query, tree, source }
    }

    /// All names that patterns give.
    fn collect(&mut self, query: &SymbolQuery, tree: &Tree, source: &[u8]) {
        self.named.clear();
        self.docs.clear();
        self.documents.clear();
        self.nest.clear();
        (self.stopped, self.exceeded_limit) = (false, false);
        let deadline = self.time_limit.and_then(|limit| Instant::now().checked_add(limit));
        for number in 0..query.passes.len() {
            if self.cursors.len() == number {
                self.cursors.push(QueryCursor::new());
            }
            let cursor = &mut self.cursors[number];
            cursor.set_match_limit(self.match_limit.unwrap_or(u32::MAX));
            cursor.set_time_limit(deadline.map(|it| it.saturating_duration_since(Instant::now())));
            self.run(query, number, tree, source);
            self.stopped = self.cursors[number].did_stop();
            self.exceeded_limit |= self.cursors[number].did_exceed_match_limit();
            if self.stopped {
                break;
            }
        }
        self.documents.sort_unstable_by_key(|(whole, _)| *whole);
    }

    fn run(&mut self, query: &SymbolQuery, pass: usize, tree: &Tree, source: &[u8]) {
        let cursor = &mut self.cursors[pass];
        let mut matches = cursor.matches(&query.passes[pass], tree.root_node(), source);
        while let Some(found) = matches.next_match() {
            let Some((tag, node)) = tag_of(query, &found) else {
                self.nest.note_scopes(query, &found);
                note_docs(query, &found, &mut self.docs, &mut self.documents);
                continue;
            };
            let Some(node) = placed(query, found.pattern_index, node) else { continue };
            let docs = push_docs(query, &found, node, &mut self.docs);
            let owner = owner_of(query, &found);
            for capture in found.captures() {
                if query.parts.get(capture.index as usize) == Some(&Part::Name) {
                    let (start, end) = name_bytes(query, found.pattern_index, capture.node);
                    self.named.push(Named {
                        start: start as u32,
                        end: end as u32,
                        rank: u8::from(matches!(tag, Some((Role::Reference, _)))),
                        pattern: found.pattern_index as u16,
                        tag,
                        node: node.id() as u32,
                        docs,
                        owner,
                    });
                }
            }
        }
    }

    /// One symbol for each name.
    fn choose(&mut self) {
        self.named.sort_unstable_by_key(|it| {
            let documented = Reverse(it.docs.1 - it.docs.0);
            (it.start, it.end, it.rank, it.pattern, documented, it.node)
        });
        self.named.dedup_by_key(|it| (it.start, it.end));
        self.defined.clear();
        self.defined.extend(self.named.iter().filter(|it| it.rank == 0).map(|it| it.node));
        self.defined.sort_unstable();
    }

    fn make(&mut self, query: &SymbolQuery, tree: &Tree, source: &[u8]) {
        self.symbols.clear();
        let defined = &self.defined;
        let wraps = |node: &Node<'_>| {
            let is_definition = || defined.binary_search(&(node.id() as u32)).is_ok();
            query.use_of(node.kind_id()) == Use::Wrapper && !is_definition()
        };
        let named = self.named.iter();
        let symbols = named.filter_map(|named| symbol(named, query, tree, source, &wraps));
        self.symbols.extend(symbols);
        self.symbols.sort_unstable_by_key(|it| {
            let (range, name) = (&it.range, &it.name_range);
            (range.start_byte, Reverse(range.end_byte), it.role, name.start_byte, name.end_byte)
        });
    }
}

/// Role, kind and node of a match; no role for names to ignore, nothing at all
/// for matches that make no symbol.
fn tag_of<'tree>(
    query: &SymbolQuery,
    found: &QueryMatch<'_, 'tree>,
) -> Option<(Option<(Role, SymbolKind)>, Node<'tree>)> {
    found.captures().find_map(|capture| match query.parts.get(capture.index as usize)? {
        Part::Tag(role, kind) => Some((Some((*role, *kind)), capture.node)),
        Part::Ignore => Some((None, capture.node)),
        _ => None,
    })
}

/// The node that is the symbol: the one captured, or the declaration around its
/// declarators where the pattern asks for that. None where it stands in the
/// wrong place.
fn placed<'tree>(query: &SymbolQuery, pattern: usize, node: Node<'tree>) -> Option<Node<'tree>> {
    let pattern = query.patterns.get(pattern)?;
    if pattern.not_in.is_some() && node.parent().map(|node| node.kind_id()) == pattern.not_in {
        return None;
    }
    let node = std::iter::successors(Some(node), Node::parent).take(pattern.out + 1).last()?;
    let Some(kind) = pattern.declared_by else { return Some(node) };
    let mut part = node;
    loop {
        // Not the value, nor the size of an array.
        if part.field_id().is_some() && !query.declarator.contains(&part.field_id()) {
            return None;
        }
        part = part.parent()?;
        if query.use_of(part.kind_id()) != Use::Declarator {
            return (part.kind_id() == kind).then_some(part);
        }
    }
}

/// Where the name is: the captured node, or what is in it where the pattern asks for that.
fn name_bytes(query: &SymbolQuery, pattern: usize, node: Node<'_>) -> (usize, usize) {
    let (start, end) = (node.start_byte(), node.end_byte());
    if !query.patterns.get(pattern).is_some_and(|it| it.inside) {
        return (start, end);
    }
    let last = node.child_count().checked_sub(1).and_then(|it| node.child(it));
    match (node.child(0), last) {
        (Some(first), Some(last)) if first.end_byte() < last.start_byte() => {
            (first.end_byte(), last.start_byte())
        }
        _ => (start, end),
    }
}

/// Where the name of what a match belongs to stands; an empty range if it has none.
fn owner_of(query: &SymbolQuery, found: &QueryMatch<'_, '_>) -> (u32, u32) {
    let is_owner = |index: u32| query.parts.get(index as usize) == Some(&Part::Container);
    let owner = found.captures().filter(|it| is_owner(it.index)).last();
    owner.map_or((0, 0), |it| (it.node.start_byte() as u32, it.node.end_byte() as u32))
}

/// Keeps documentation that stands beside what it is about.
fn note_docs(
    query: &SymbolQuery,
    found: &QueryMatch<'_, '_>,
    docs: &mut Vec<u32>,
    documents: &mut Documents,
) {
    let is_whole = |index: u32| query.parts.get(index as usize) == Some(&Part::Documents);
    if let Some(whole) = found.captures().find(|it| is_whole(it.index)) {
        let docs = push_docs(query, found, whole.node, docs);
        documents.push((whole.node.id() as u32, docs));
    }
}

/// Adds the documentation of a match to the list; where in it.
fn push_docs(
    query: &SymbolQuery,
    found: &QueryMatch<'_, '_>,
    node: Node<'_>,
    docs: &mut Vec<u32>,
) -> (u32, u32) {
    let start = docs.len();
    let is_doc = |index: u32| query.parts.get(index as usize) == Some(&Part::Doc);
    let nodes = found.captures().filter(|it| is_doc(it.index)).map(|it| it.node);
    docs.extend(nodes.map(|node| node.id() as u32));
    if query.patterns.get(found.pattern_index).is_some_and(|pattern| pattern.adjacent) {
        let tree = node.tree();
        let mut below = node.start_position().row;
        let mut kept = docs.len();
        while let Some(doc) = docs[start..kept].last().and_then(|doc| tree.node(*doc as usize)) {
            if doc.end_position().row + 1 < below {
                break;
            }
            below = doc.start_position().row;
            kept -= 1;
        }
        docs.drain(start..kept);
    }
    (start as u32, docs.len() as u32)
}

/// The symbol that a name stands for. `wraps` says of a node whether what is in
/// it begins and ends with it.
fn symbol(
    named: &Named,
    query: &SymbolQuery,
    tree: &Tree,
    source: &[u8],
    wraps: &impl Fn(&Node<'_>) -> bool,
) -> Option<Symbol> {
    let (role, kind) = named.tag?;
    let mut node = tree.node(named.node as usize)?;
    if role == Role::Definition {
        while let Some(wrapper) = node.parent().filter(wraps) {
            node = wrapper;
        }
    }
    let (start, end) = name_in(query, named, source);
    // Most of a symbol's places are in the line of its name: no need to look for that again.
    let row = tree.point_at(start).row;
    let line = tree.line_range(row);
    let point = |byte: usize| match line.contains(&byte) {
        true => Point { row, column: byte - line.start },
        false => tree.point_at(byte),
    };
    let range = |start: usize, end: usize| Range {
        start_byte: start,
        end_byte: end,
        start_point: point(start),
        end_point: point(end),
    };
    Some(Symbol {
        role,
        kind,
        name_range: range(start, end),
        range: range(node.start_byte(), node.end_byte()),
        container: None,
        node: named.node,
        pattern: named.pattern,
        docs: named.docs,
        owner_name: named.owner,
        owner: None,
    })
}

/// Where in what is captured as its name the name stands.
fn name_in(query: &SymbolQuery, named: &Named, source: &[u8]) -> (usize, usize) {
    let (mut start, mut end) = (named.start as usize, named.end as usize);
    let Some(pattern) = query.patterns.get(usize::from(named.pattern)) else { return (start, end) };
    if let Some(cut) = &pattern.cut {
        let text = source.get(start..end).and_then(|it| std::str::from_utf8(it).ok());
        let kept = text.and_then(|it| it.find(&**cut).map(|at| it[..at].trim_end().len()));
        end = kept.filter(|len| *len > 0).map_or(end, |len| start + len);
    }
    if pattern.inside {
        (start, end) = trimmed(source, start, end, b" \t\r\n");
    }
    if let Some(trim) = &pattern.trim {
        (start, end) = trimmed(source, start, end, trim.as_bytes());
    }
    (start, end)
}

/// The range without these bytes at its ends.
fn trimmed(source: &[u8], start: usize, end: usize, trim: &[u8]) -> (usize, usize) {
    let text = source.get(start..end).unwrap_or_default();
    let is_kept = |byte: &u8| !trim.contains(byte);
    match (text.iter().position(is_kept), text.iter().rposition(is_kept)) {
        (Some(first), Some(last)) => (start + first, start + last + 1),
        _ => (start, end),
    }
}
