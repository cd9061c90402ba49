//! Captures a live tree-sitter tree as a [`herbarium_codec::Tree`].
//!
//! Parsing gives a `tree_sitter::Tree`, which is large and lives only as long
//! as the process. A [`Capturer`] copies what its public API shows (kinds,
//! fields, ranges, flags, errors) into a Herbarium tree, which is small, can be
//! pressed into bytes and opened again anywhere.
//!
//! This crate knows tree-sitter and the codec, and no language: give it any
//! grammar, with the grammar table that [`grammar_of`] reads off it.
//!
//! ```
//! use std::sync::Arc;
//! use herbarium_capture::{Capturer, grammar_of};
//!
//! let language = tree_sitter::Language::from(tree_sitter_rust::LANGUAGE);
//! let grammar = Arc::new(grammar_of(&language, "rust", "0.24.2")?);
//! let mut parser = tree_sitter::Parser::new();
//! parser.set_language(&language)?;
//!
//! let source = "fn main() {}";
//! let live = parser.parse(source, None).ok_or("no tree")?;
//! let tree = Capturer::new(&grammar).capture(&live, source.as_bytes())?;
//! assert_eq!(tree.root_node().to_sexp(), live.root_node().to_sexp());
//!
//! let bytes = herbarium_codec::encode(&tree);
//! assert_eq!(herbarium_codec::decode(&bytes, &grammar)?, tree);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! `direct` (default): the tree is read through a small C shim that walks the
//! parser's own subtrees, about three times faster than tree-sitter's cursor.
//! It needs the static library that the `tree-sitter` crate builds, of the
//! exact version that is linked. Without the feature the cursor does the work;
//! the trees are the same, but for missing tokens that a grammar hides, which
//! only the shim sees and only S-expressions show.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod compare;
#[cfg_attr(feature = "direct", expect(dead_code, reason = "the other way, kept compiled"))]
mod cursor;
#[cfg(feature = "direct")]
mod direct;
mod grammar;
#[cfg(feature = "direct")]
mod table;

use std::sync::Arc;

use herbarium_codec::{BuildError, Grammar, NewNode, Quirk, Tree, TreeBuilder};

#[cfg(not(feature = "direct"))]
use cursor::Walker;
#[cfg(feature = "direct")]
use direct::Walker;

pub use compare::{Difference, differences};
pub use grammar::grammar_of;
#[cfg(feature = "direct")]
pub use table::parse_table_of;

/// Captures trees of one grammar, keeping its working memory.
pub struct Capturer {
    builder: TreeBuilder,
    walker: Walker,
    open: Vec<Open>,
}

/// A node on the path to where the walk is, in trees with errors.
struct Open {
    index: u32,
    children: u32,
    has_error: bool,
    is_error: bool,
    /// A node at or under it shows why. An error itself does once it has
    /// children.
    explained: bool,
}

/// Why a live tree was not captured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The tree was edited and not parsed again: its ranges fit no source.
    #[error(
        "cannot capture an edited tree: parse the new source with it first, then capture the result"
    )]
    Edited,
    /// The source is not one that trees are kept over, or the tree is not one
    /// of that source and grammar.
    #[error("cannot capture the tree as one of grammar `{grammar}` over a source of {len} bytes")]
    Build {
        /// Name of the grammar.
        grammar: String,
        /// Length of the source given.
        len: usize,
        /// What did not fit.
        source: BuildError,
    },
}

impl Capturer {
    /// A capturer for trees of one grammar.
    pub fn new(grammar: &Arc<Grammar>) -> Self {
        Self { builder: TreeBuilder::new(grammar), walker: Walker::new(), open: Vec::new() }
    }

    /// The grammar of the trees.
    pub fn grammar(&self) -> &Arc<Grammar> {
        self.builder.grammar()
    }

    /// Copies a live tree. `source` is what it was parsed from, as UTF-8 or
    /// any other bytes given to `Parser::parse`.
    ///
    /// Cost: about a tenth of parsing the source.
    ///
    /// # Errors
    /// See [`CaptureError`].
    pub fn capture(
        &mut self,
        live: &tree_sitter::Tree,
        source: &[u8],
    ) -> Result<Tree, CaptureError> {
        let mut tree = self.empty_tree(live, source)?;
        self.builder.finish_into(&mut tree).map_err(|error| self.failed(source, error))?;
        tree.shrink_to_fit();
        Ok(tree)
    }

    /// As [`Capturer::capture`], into a tree whose memory is used again.
    ///
    /// # Errors
    /// See [`CaptureError`].
    pub fn capture_into(
        &mut self,
        live: &tree_sitter::Tree,
        source: &[u8],
        tree: &mut Tree,
    ) -> Result<(), CaptureError> {
        self.fill(live, source)?;
        self.builder.finish_into(tree).map_err(|error| self.failed(source, error))
    }

    fn empty_tree(
        &mut self,
        live: &tree_sitter::Tree,
        source: &[u8],
    ) -> Result<Tree, CaptureError> {
        self.fill(live, source)?;
        Ok(Tree::new(self.grammar()))
    }

    fn fill(&mut self, live: &tree_sitter::Tree, source: &[u8]) -> Result<(), CaptureError> {
        let root = live.root_node();
        if root.has_changes() {
            return Err(CaptureError::Edited);
        }
        let broken = root.has_error();
        let filled = self.builder.start(source).and_then(|()| self.push_nodes(live, broken));
        filled.map_err(|error| self.failed(source, error))
    }

    fn push_nodes(&mut self, live: &tree_sitter::Tree, broken: bool) -> Result<(), BuildError> {
        let Self { builder, walker, open } = self;
        open.clear();
        let mut index = 0;
        walker.visit(live, |node| {
            let node = match node {
                Found::Node(node) => node,
                Found::Quirk(index, quirk) => return builder.quirk(index, quirk),
            };
            if broken {
                close(builder, open, node.depth);
                explain(open, &node);
                if node.hidden {
                    return push_hidden(builder, open, &node);
                }
            }
            builder.push(node.into())?;
            if broken {
                if let Some(character) = node.unexpected {
                    builder.unexpected(character);
                }
                let is_error = node.kind == herbarium_codec::ERROR_KIND;
                let (has_error, explained) = (node.has_error, node.missing);
                open.push(Open { index, children: 0, has_error, is_error, explained });
            }
            index += 1;
            Ok(())
        })?;
        close(builder, open, 0);
        Ok(())
    }

    fn failed(&self, source: &[u8], error: BuildError) -> CaptureError {
        let grammar = self.grammar().name().to_owned();
        CaptureError::Build { grammar, len: source.len(), source: error }
    }
}

/// What a walk gives.
enum Found {
    /// The next node.
    Node(Visit),
    /// What queries see otherwise about a node that was given before.
    #[cfg_attr(
        not(feature = "direct"),
        expect(dead_code, reason = "cursors do not show what quirks are about")
    )]
    Quirk(u32, Quirk),
}

/// A node as a walk gives it.
#[derive(Clone, Copy)]
struct Visit {
    start: u32,
    end: u32,
    depth: u32,
    kind: u16,
    field: u16,
    extra: bool,
    missing: bool,
    has_error: bool,
    /// A missing token that the grammar hides: no node.
    hidden: bool,
    /// Whether the grammar names it.
    named: bool,
    /// What an error without any parts stumbled over; -1 for bytes that are no
    /// character.
    unexpected: Option<i32>,
    /// Supertypes between the node and its parent, by bit.
    supertypes: u32,
}

impl From<Visit> for NewNode {
    #[inline]
    fn from(node: Visit) -> Self {
        let Visit { start, end, depth, kind, field, extra, missing, supertypes, .. } = node;
        Self { kind, field, depth, start, end, extra, missing, supertypes }
    }
}

/// Leaves the nodes at `depth` and below; marks those whose error nothing shows.
fn close(builder: &mut TreeBuilder, open: &mut Vec<Open>, depth: u32) {
    for node in open.drain(open.len().min(depth as usize)..) {
        if node.has_error && !node.explained {
            builder.mark_error(node.index);
        }
    }
}

/// Tells the parent that it has one more child, or one that explains its error.
fn explain(open: &mut [Open], node: &Visit) {
    if let Some(parent) = open.last_mut() {
        parent.explained |= node.has_error || (parent.is_error && !node.hidden);
        parent.children += u32::from(!node.hidden);
    }
}

fn push_hidden(builder: &mut TreeBuilder, open: &[Open], node: &Visit) -> Result<(), BuildError> {
    match open.last() {
        Some(parent) => {
            builder.hidden_missing(parent.index, parent.children, node.kind, node.named)
        }
        None => Ok(()),
    }
}
