//! Which kinds of nodes a tree has: noted in its row, so that it need not be
//! opened to know that a query finds nothing in it.
//!
//! A set of bits, by number of the kind, without the zero bytes at its end. Only
//! named kinds are in it: of tokens without a name most files have most, and
//! leaving them out halves what the sets take. Bit 0, a kind that no node has,
//! stands for errors.

use std::sync::Arc;

use herbarium_codec::{ERROR_KIND, Grammar, Tree};

/// The kinds of a tree; empty where that cannot be told from its shapes.
pub(crate) fn kinds_of(tree: &Tree) -> Arc<[u8]> {
    if tree.has_quirks() {
        return Arc::from([]);
    }
    let mut has_shape = vec![tree.shared_shapes().is_none(); tree.shapes_len()];
    if tree.shared_shapes().is_some() {
        for node in 0..tree.descendant_count() as u32 {
            if let Some(has) = has_shape.get_mut(tree.shape_of(node) as usize) {
                *has = true;
            }
        }
    }
    let mut bits = Vec::new();
    for (shape, _) in (0..).zip(has_shape).filter(|(_, has)| *has) {
        let kind = tree.shape_info(shape).map_or(0, |info| info.kind);
        if let Some(bit) = bit_of(tree.grammar(), kind) {
            let byte = usize::from(bit / 8);
            if bits.len() <= byte {
                bits.resize(byte + 1, 0);
            }
            bits[byte] |= 1 << (bit % 8);
        }
    }
    bits.into()
}

/// Whether there may be a node of a kind. Of kinds that are not noted there may
/// always be one.
pub(crate) fn may_have(kinds: &[u8], grammar: &Grammar, kind: u16) -> bool {
    let Some(bit) = bit_of(grammar, kind).filter(|_| !kinds.is_empty()) else { return true };
    kinds.get(usize::from(bit / 8)).is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
}

/// The bit of a kind that is noted.
fn bit_of(grammar: &Grammar, kind: u16) -> Option<u16> {
    if kind == ERROR_KIND {
        return Some(0);
    }
    let noted = grammar.parts().kinds.get(usize::from(kind));
    let noted = noted.is_some_and(|it| it.named && it.visible && !it.supertype);
    (noted && kind != 0).then_some(kind)
}
