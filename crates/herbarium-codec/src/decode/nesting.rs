//! The first loop: parents, and from the last child of each node the number of
//! nodes under it; on its way it puts down gaps and lengths.
//!
//! Nodes on one level have one parent. A node that is the last on its level
//! leaves it to its own children: nothing comes behind it. So a level begins
//! with a first child of a node that is not the last, and ends with a last
//! child that has no children; what each node does to the level is known
//! without looking at another.
//!
//! Numbers of nodes have 16 bits where the tree allows it, and the last
//! children of such a tree lie in an array of fixed length: a number needs no
//! comparison to be a place in it.

use std::cell::Cell;
use std::ops::Range;

use super::block::Block;
use super::columns::invalid;
use crate::DecodeError;
use crate::lane::{BLOCK, WIDE};
use crate::tree::Tree;

/// Finds parents and last children, keeping its memory from tree to tree.
#[derive(Default)]
pub(super) struct Nestings {
    small: Option<Box<Nesting<Places<SMALL>>>>,
    medium: Option<Box<Nesting<Places<MEDIUM>>>>,
    large: Box<Nesting<Vec<u32>>>,
}

/// Trees with fewer nodes take little memory.
const SMALL: usize = 1 << 12;
/// As many places as 16 bits number.
const MEDIUM: usize = 1 << 16;

impl Nestings {
    /// The one for a tree of so many nodes, ready for its root.
    pub(super) fn of(&mut self, count: usize) -> &mut dyn Nest {
        let nest: &mut dyn Nest = if count < SMALL {
            &mut **self.small.get_or_insert_default()
        } else if count < usize::from(WIDE) {
            &mut **self.medium.get_or_insert_default()
        } else {
            &mut *self.large
        };
        nest.restart(count);
        nest
    }
}

/// What the walk asks of a nesting, whatever the size of the tree.
pub(super) trait Nest {
    /// Forgets the tree before, and waits for the root of one of `count` nodes.
    fn restart(&mut self, count: usize);

    /// Finds the parents of some nodes of a block that begins with the node
    /// `first`, and remembers who is whose last child. Puts gaps and lengths
    /// down, and gives how many lengths of the column there were.
    fn nest(
        &mut self,
        block: &mut Block,
        nodes: Range<usize>,
        first: u32,
    ) -> Result<usize, DecodeError>;

    /// Gives the parents of a block of so many nodes from `first` on to the
    /// tree.
    fn push_parents(&self, first: u32, len: usize, tree: &mut Tree);

    /// Nodes above that still wait for their last child.
    fn level(&self) -> usize;

    /// Counts the nodes under each.
    fn count_under(&mut self, count: usize, tree: &mut Tree);
}

/// A nesting of trees whose last children fit into `L`.
struct Nesting<L: LastChildren> {
    last: L,
    levels: Levels<L::Number>,
    level: usize,
    /// Parents of the nodes of a block.
    parents: [L::Number; BLOCK],
}

impl<L: LastChildren> Default for Nesting<L> {
    fn default() -> Self {
        let parents = [L::Number::NONE; BLOCK];
        Self { last: L::default(), levels: Levels::default(), level: 0, parents }
    }
}

impl<L: LastChildren> Nest for Nesting<L> {
    fn restart(&mut self, count: usize) {
        self.last.restart(count);
        self.levels.restart();
        self.level = 1;
    }

    fn nest(
        &mut self,
        block: &mut Block,
        nodes: Range<usize>,
        first: u32,
    ) -> Result<usize, DecodeError> {
        let Self { last, levels, level, parents } = self;
        let mut lens = 0u8;
        let mut used = 0usize;
        for start in nodes.clone().step_by(PART) {
            let part = start..nodes.end.min(start.saturating_add(PART));
            levels.make_room(*level);
            let at = (first, *level, lens);
            let (level_behind, lens_behind) = match levels.deep.is_empty() {
                true => nest_in(&mut *levels.shallow, last, parents, block, part, at),
                false => nest_in(&mut levels.deep, last, parents, block, part, at),
            };
            used = used.wrapping_add(usize::from(lens_behind.wrapping_sub(lens)));
            (*level, lens) = (level_behind, lens_behind);
        }
        match last.outside() {
            None => Ok(used),
            Some(node) => Err(invalid("tree", 44, "one root", format!("node {node} beside it"))),
        }
    }

    fn push_parents(&self, first: u32, len: usize, tree: &mut Tree) {
        L::Number::push_parents(self.parents.get(..len).unwrap_or_default(), first, tree);
    }

    fn level(&self) -> usize {
        self.level
    }

    fn count_under(&mut self, count: usize, tree: &mut Tree) {
        self.last.count_under(count, tree);
    }
}

/// Nests some nodes of a block that begins with a number, from a level and a
/// place in the column of lengths on. Gives level and place behind the last.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "nodes of a block, places and codes of a byte")]
fn nest_in<P: Parents<L::Number>, L: LastChildren>(
    levels: &mut P,
    last: &mut L,
    parents: &mut [L::Number; BLOCK],
    block: &mut Block,
    nodes: Range<usize>,
    (first, level, mut lens_at): (u32, usize, u8),
) -> (usize, u8) {
    let Block { codes, column, gaps, lens, steps, .. } = block;
    let mut level = P::level(level);
    for place in nodes.start..nodes.end.min(BLOCK) {
        let node = L::Number::of(first.wrapping_add(place as u32));
        let code = usize::from(codes[place]);
        let parent = levels.at(level);
        parents[place] = parent;
        last.set(parent, node);
        level = levels.step(level, steps.level[code], node);
        gaps[place] = steps.gap[code];
        let in_column = steps.column[code];
        lens[place.wrapping_add(1)] = column[usize::from(lens_at)] & in_column | steps.len[code];
        // All bits are -1.
        lens_at = lens_at.wrapping_sub(in_column);
    }
    (P::place(level), lens_at)
}

/// Nodes that the loop takes in one go.
const STRIP: usize = 8;

/// Numbers of nodes.
trait Number: Copy {
    /// No node.
    const NONE: Self;
    fn of(node: u32) -> Self;
    /// Gives the parents of the nodes from `first` on to the tree.
    fn push_parents(parents: &[Self], first: u32, tree: &mut Tree);
}

impl Number for u16 {
    const NONE: Self = Self::MAX;

    #[inline]
    fn of(node: u32) -> Self {
        node as Self
    }

    fn push_parents(parents: &[Self], first: u32, tree: &mut Tree) {
        let nodes = first as Self..;
        tree.push_parent_distances(
            parents.iter().zip(nodes).map(|(parent, node)| node.wrapping_sub(*parent)),
        );
    }
}

impl Number for u32 {
    const NONE: Self = Self::MAX;

    #[inline]
    fn of(node: u32) -> Self {
        node
    }

    fn push_parents(parents: &[Self], _first: u32, tree: &mut Tree) {
        tree.push_parents(parents);
    }
}

/// The last child of each node; the node itself where there is none.
trait LastChildren: Default {
    type Number: Number;
    fn restart(&mut self, count: usize);
    /// `parent` is no node where `child` stands beside the root.
    fn set(&mut self, parent: Self::Number, child: Self::Number);
    /// A node beside the root.
    fn outside(&self) -> Option<u32>;
    fn count_under(&mut self, count: usize, tree: &mut Tree);
}

/// Room for fewer than `N` nodes. The last place is that of [`u16::NONE`].
struct Places<const N: usize>(Box<[u16; N]>);

impl<const N: usize> Default for Places<N> {
    fn default() -> Self {
        let places: Result<Box<[u16; N]>, _> = vec![0; N].into_boxed_slice().try_into();
        Self(places.unwrap_or_else(|_| Box::new([0; N])))
    }
}

impl<const N: usize> Places<N> {
    /// The number itself, for a node that there is room for.
    #[inline]
    fn within(node: u16) -> usize {
        const { assert!(N.is_power_of_two() && N <= MEDIUM) }
        usize::from(node) & N.wrapping_sub(1)
    }
}

impl<const N: usize> LastChildren for Places<N> {
    type Number = u16;

    fn restart(&mut self, count: usize) {
        debug_assert!(count < N);
        self.0.iter_mut().take(count).zip(0..).for_each(|(last, node)| *last = node);
        self.set(u16::NONE, 0);
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn set(&mut self, parent: u16, child: u16) {
        self.0[Self::within(parent)] = child;
    }

    /// The root is nobody's child but its own.
    fn outside(&self) -> Option<u32> {
        self.0.last().filter(|child| **child != 0).map(|child| u32::from(*child))
    }

    fn count_under(&mut self, count: usize, tree: &mut Tree) {
        self.find_last(count);
        let numbers = self.0.iter().take(count).zip(0u16..);
        tree.set_under_few(numbers.map(|(last, node)| last.wrapping_sub(node)));
    }
}

impl<const N: usize> Places<N> {
    /// The last node under the last child of a node is the last under the node.
    #[inline(never)]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn find_last(&mut self, count: usize) {
        let last = Cell::from_mut(&mut *self.0).as_array_of_cells();
        let find = |node: &Cell<u16>| node.set(last[Self::within(node.get())].get());
        let (rest, strips) = last.get(..count).unwrap_or_default().as_rchunks::<STRIP>();
        strips.iter().rev().for_each(|strip| strip.iter().rev().for_each(find));
        rest.iter().rev().for_each(find);
    }
}

/// Any number of nodes, and a place for those beside the root.
impl LastChildren for Vec<u32> {
    type Number = u32;

    fn restart(&mut self, count: usize) {
        self.clear();
        self.extend(0..count as u32);
        self.push(0);
    }

    #[inline]
    fn set(&mut self, parent: u32, child: u32) {
        let last = match (parent as usize) < self.len() {
            true => self.get_mut(parent as usize),
            false => self.last_mut(),
        };
        if let Some(last) = last {
            *last = child;
        }
    }

    fn outside(&self) -> Option<u32> {
        self.last().copied().filter(|child| *child != 0)
    }

    fn count_under(&mut self, count: usize, tree: &mut Tree) {
        self.truncate(count);
        find_last(self);
        self.iter_mut().zip(0..).for_each(|(last, node)| *last = last.wrapping_sub(node));
        tree.set_under(self);
    }
}

/// As [`Places::find_last`].
#[inline(never)]
fn find_last(last: &mut [u32]) {
    let last = Cell::from_mut(last).as_slice_of_cells();
    for node in last.iter().rev() {
        if let Some(under) = last.get(node.get() as usize) {
            node.set(under.get());
        }
    }
}

/// The parents of the levels at hand. Level 0 is outside the tree; the root
/// stands on level 1, and is its own parent.
struct Levels<N> {
    shallow: Box<Shallow<N>>,
    /// Empty until the tree is deeper than [`SHALLOW`].
    deep: Vec<N>,
}

/// Levels in an array whose length the compiler knows: most trees of people's
/// code stay below 60.
const SHALLOW: usize = 256;
/// Nodes that are nested in one go. Each is at most one level above the last.
const PART: usize = SHALLOW / 2;

impl<N: Number> Default for Levels<N> {
    fn default() -> Self {
        Self { shallow: Box::new(Shallow { parents: [N::NONE; 2 * SHALLOW] }), deep: Vec::new() }
    }
}

impl<N: Number> Levels<N> {
    /// Only the level of a root is there.
    fn restart(&mut self) {
        let [outside, _, root, ..] = &mut self.shallow.parents;
        (*outside, *root) = (N::NONE, N::of(0));
        self.deep.clear();
    }

    /// Makes sure that a part of nodes from this level on finds room.
    fn make_room(&mut self, level: usize) {
        if self.deep.is_empty() && level >= SHALLOW.saturating_sub(PART) {
            self.deep.extend(self.shallow.parents.iter().step_by(2));
        }
    }
}

trait Parents<N> {
    /// A level that there is room for; see [`Levels::make_room`].
    type Level: Copy;
    fn level(place: usize) -> Self::Level;
    fn place(level: Self::Level) -> usize;
    fn at(&self, level: Self::Level) -> N;
    /// From the level of a node to that of the next, whose parent it is if it
    /// has children; see [`Steps::level`](super::steps::Steps::level).
    fn step(&mut self, level: Self::Level, step: u32, node: N) -> Self::Level;
}

/// Two places for each level: that of the parent, and one for what leaves put
/// down, which nobody looks at. So the loop need not know a leaf.
struct Shallow<N> {
    parents: [N; 2 * SHALLOW],
}

impl<N: Number> Parents<N> for Shallow<N> {
    /// That of the place.
    type Level = usize;

    fn level(place: usize) -> usize {
        place.wrapping_mul(2) & (2 * SHALLOW - 2)
    }

    fn place(level: usize) -> usize {
        level / 2
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn at(&self, level: usize) -> N {
        self.parents[level & (2 * SHALLOW - 2)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "masked to the length of the array")]
    fn step(&mut self, level: usize, step: u32, node: N) -> usize {
        let place = (level as u32).wrapping_add(step) as usize & (2 * SHALLOW - 1);
        self.parents[place] = node;
        place & (2 * SHALLOW - 2)
    }
}

impl<N: Number> Parents<N> for Vec<N> {
    type Level = usize;

    fn level(place: usize) -> usize {
        place
    }

    fn place(level: usize) -> usize {
        level
    }

    #[inline]
    fn at(&self, level: usize) -> N {
        self.get(level).copied().unwrap_or(N::NONE)
    }

    #[inline]
    fn step(&mut self, level: usize, step: u32, node: N) -> usize {
        let leaf = step & 1 != 0;
        let level = level.wrapping_add_signed((step as i32 >> 1) as isize);
        match self.get_mut(level) {
            Some(place) if !leaf => *place = node,
            None if !leaf => self.push(node),
            _ => {}
        }
        level
    }
}
