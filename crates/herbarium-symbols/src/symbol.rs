//! What is found.

use std::borrow::Cow;
use std::ops::Deref;

use herbarium_codec::{Range, Tree};

use crate::doc;
use crate::kind::{Role, SymbolKind};
use crate::query::SymbolQuery;
use crate::signature;

/// A definition or a reference. What takes text to tell, [`Symbols`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Symbol {
    /// Definition or reference.
    pub role: Role,
    /// What is defined, or how the name is used.
    pub kind: SymbolKind,
    /// Where the name stands.
    pub name_range: Range,
    /// Where all of it stands: a function with its body, a call with its arguments.
    pub range: Range,
    /// Which symbol of the list is the innermost definition around this one. What
    /// a definition belongs to can stand elsewhere: see [`Symbols::container`].
    pub container: Option<u32>,
    /// The node of the role's capture.
    pub(crate) node: u32,
    pub(crate) pattern: u16,
    /// Captured documentation: a range of the list of nodes.
    pub(crate) docs: (u32, u32),
    /// Where the name of what it belongs to stands; empty where its place says that.
    pub(crate) owner_name: (u32, u32),
    /// That, where it is in the list.
    pub(crate) owner: Option<u32>,
}

/// Documentation that stands beside what it is about: the node with all of it, and
/// a range of the list of captured documentation.
pub(crate) type Documents = Vec<(u32, (u32, u32))>;

/// The symbols of a file; a slice of [`Symbol`], with what takes the source to
/// tell.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    pub(crate) symbols: &'a [Symbol],
    pub(crate) docs: &'a [u32],
    pub(crate) documents: &'a Documents,
    pub(crate) query: &'a SymbolQuery,
    pub(crate) tree: &'a Tree,
    pub(crate) source: &'a [u8],
}

impl<'a> Symbols<'a> {
    /// The name. What is not UTF-8 is replaced.
    pub fn name(&self, symbol: &Symbol) -> Cow<'a, str> {
        let range = &symbol.name_range;
        let name = String::from_utf8_lossy(self.text(range.start_byte, range.end_byte));
        let pattern = self.query.patterns.get(usize::from(symbol.pattern));
        match pattern.is_some_and(|it| it.inside) && name.contains('<') {
            true => Cow::Owned(without_tags(&name)),
            false => name,
        }
    }

    /// The definition without its body, on one line and at most some 200 bytes
    /// long; for what has no body, its first line.
    pub fn signature(&self, symbol: &Symbol) -> String {
        signature::of(self, symbol)
    }

    /// The documentation: what the query captures as such, or the comments
    /// directly above, without the marks that make them comments.
    ///
    /// Only definitions have any.
    pub fn doc(&self, symbol: &Symbol) -> Option<String> {
        (symbol.role == Role::Definition).then(|| doc::of(self, symbol)).flatten()
    }

    /// What a symbol belongs to: the definition in this file that the text says,
    /// as a Go receiver or the `A` of `void A::b()` in C++ does; else the
    /// innermost one around it.
    ///
    /// A definition is within another when its range is. A type is not within
    /// what is declared with it: in `struct a { int b; } c;`, `c` does not
    /// contain `a`; and a field that a constructor declares is within the type.
    /// From container to container one comes to an end.
    pub fn container(&self, symbol: &Symbol) -> Option<&'a Symbol> {
        self.symbols.get(symbol.owner.or(symbol.container)? as usize)
    }

    /// The name of what a symbol belongs to, also where that is defined in
    /// another file.
    pub fn container_name(&self, symbol: &Symbol) -> Option<Cow<'a, str>> {
        match symbol.owner_name {
            (start, end) if start < end => {
                Some(String::from_utf8_lossy(self.text(start as usize, end as usize)))
            }
            _ => self.container(symbol).map(|container| self.name(container)),
        }
    }

    /// The innermost definition around a symbol.
    pub(crate) fn around(&self, symbol: &Symbol) -> Option<&'a Symbol> {
        self.symbols.get(symbol.container? as usize)
    }

    /// As much of the text between two bytes as there is.
    pub(crate) fn text(&self, start: usize, end: usize) -> &'a [u8] {
        self.source.get(start..end.min(self.source.len())).unwrap_or_default()
    }
}

/// The text of what has elements in it.
fn without_tags(markup: &str) -> String {
    let mut pieces = markup.split('<');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('>').map_or("", |(_, text)| text));
    }
    text
}

impl Deref for Symbols<'_> {
    type Target = [Symbol];

    fn deref(&self) -> &[Symbol] {
        self.symbols
    }
}

impl<'a> IntoIterator for Symbols<'a> {
    type Item = &'a Symbol;
    type IntoIter = std::slice::Iter<'a, Symbol>;

    fn into_iter(self) -> Self::IntoIter {
        self.symbols.iter()
    }
}

impl std::fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.symbols).finish()
    }
}
