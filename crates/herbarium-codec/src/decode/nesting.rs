//! The first loop: parents, and the last child of each node.
//!
//! Nodes on one level have one parent. A node that is the last on its level
//! leaves it to its own children: nothing comes behind it. So a level begins
//! with a first child of a node that is not the last, and ends with a last
//! child that has no children; what each node does to the level is known
//! without looking at another.

use std::ops::Range;

use super::columns::invalid;
use super::walk::{At, Block};
use crate::DecodeError;
use crate::lane::BLOCK;

/// Finds parents and last children of some nodes of a block.
pub(super) fn nest(
    block: &mut Block,
    nodes: Range<usize>,
    last: &mut [u32],
    levels: &mut Levels,
    at: &mut At,
) -> Result<(), DecodeError> {
    let numbers = at.first.wrapping_add(nodes.start as u32)..;
    let places = last.get_mut(numbers.start as usize..).unwrap_or_default();
    places.iter_mut().take(nodes.len()).zip(numbers).for_each(|(last, node)| *last = node);
    match levels.deep.is_empty() {
        true => nest_in(&mut *levels.shallow, block, nodes, last, at),
        false => nest_in(&mut levels.deep, block, nodes, last, at),
    }
}

#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "nodes of a block, and codes of a byte")]
fn nest_in<P: Parents>(
    parents: &mut P,
    block: &mut Block,
    nodes: Range<usize>,
    last: &mut [u32],
    at: &mut At,
) -> Result<(), DecodeError> {
    let mut level = P::within(at.level as usize);
    for place in nodes.start..nodes.end.min(BLOCK) {
        let node = at.first.wrapping_add(place as u32);
        let code = usize::from(block.codes[place]);
        let parent = parents.at(level);
        block.parents[place] = parent;
        match last.get_mut(parent as usize) {
            Some(last) => *last = node,
            None => return Err(invalid("tree", 44, "one root", format!("node {node} beside it"))),
        }
        let below = P::within(level.wrapping_add(block.steps.stays[code] as usize));
        parents.put(below, node);
        level = P::within(below.wrapping_sub(block.steps.leaf[code] as usize));
    }
    at.level = level as u32;
    Ok(())
}

/// The parents of the levels at hand. Level 0 is outside the tree; the root
/// stands on level 1, and is its own parent.
#[derive(Default)]
pub(super) struct Levels {
    shallow: Box<Shallow>,
    /// Empty until the tree is deeper than [`SHALLOW`].
    deep: Vec<u32>,
}

/// No parent.
const NONE: u32 = u32::MAX;

/// Levels in an array whose length the compiler knows: most trees of people's
/// code stay below 100.
const SHALLOW: usize = 1024;

impl Levels {
    /// Only the level of a root is there.
    pub(super) fn restart(&mut self) {
        self.shallow.put(0, NONE);
        self.shallow.put(1, 0);
        self.deep.clear();
    }

    /// Makes sure that a block of nodes from this level on finds room.
    pub(super) fn make_room(&mut self, level: u32) {
        if self.deep.is_empty() && level as usize >= SHALLOW.saturating_sub(BLOCK) {
            self.deep.extend_from_slice(&self.shallow.parents);
        }
    }
}

trait Parents {
    /// The level itself, where there is room for it; see [`Levels::make_room`].
    fn within(level: usize) -> usize;
    fn at(&self, level: usize) -> u32;
    fn put(&mut self, level: usize, parent: u32);
}

struct Shallow {
    parents: [u32; SHALLOW],
}

impl Default for Shallow {
    fn default() -> Self {
        Self { parents: [NONE; SHALLOW] }
    }
}

impl Parents for Shallow {
    #[inline]
    fn within(level: usize) -> usize {
        level & (SHALLOW - 1)
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn at(&self, level: usize) -> u32 {
        self.parents[Self::within(level)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn put(&mut self, level: usize, parent: u32) {
        self.parents[Self::within(level)] = parent;
    }
}

impl Parents for Vec<u32> {
    #[inline]
    fn within(level: usize) -> usize {
        level
    }

    #[inline]
    fn at(&self, level: usize) -> u32 {
        self.get(level).copied().unwrap_or(NONE)
    }

    #[inline]
    fn put(&mut self, level: usize, parent: u32) {
        match self.get_mut(level) {
            Some(place) => *place = parent,
            None => self.push(parent),
        }
    }
}
