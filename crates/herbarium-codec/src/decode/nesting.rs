//! The first loop: parents, and from the last child of each node the number of
//! nodes under it.
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

use super::columns::invalid;
use super::steps::Steps;
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

    /// Finds the parents of the nodes from `first` on, and remembers who is
    /// whose last child. `place` is that of the first in its block.
    fn nest(
        &mut self,
        codes: &[u8],
        steps: &Steps,
        first: u32,
        place: usize,
    ) -> Result<(), DecodeError>;

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
        codes: &[u8],
        steps: &Steps,
        first: u32,
        place: usize,
    ) -> Result<(), DecodeError> {
        let Self { last, levels, level, parents } = self;
        let parents = parents.get_mut(place..).unwrap_or_default();
        let parts = codes.chunks(PART).zip(parents.chunks_mut(PART));
        for ((codes, parents), first) in parts.zip((first..).step_by(PART)) {
            levels.make_room(*level);
            *level = match levels.deep.is_empty() {
                true => nest_in(&mut *levels.shallow, last, parents, codes, steps, (first, *level)),
                false => nest_in(&mut levels.deep, last, parents, codes, steps, (first, *level)),
            };
        }
        match last.outside() {
            None => Ok(()),
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

/// Nests some nodes, the first of them at a number and on a level. Gives the
/// level behind the last.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "codes of a byte")]
fn nest_in<P: Parents<L::Number>, L: LastChildren>(
    levels: &mut P,
    last: &mut L,
    parents: &mut [L::Number],
    codes: &[u8],
    steps: &Steps,
    (first, level): (u32, usize),
) -> usize {
    let (mut node, mut level) = (first, P::level(level));
    let mut nest = |code: u8, to: &mut L::Number| {
        let code = usize::from(code);
        let parent = levels.at(level);
        *to = parent;
        last.set(parent, L::Number::of(node));
        levels.put(P::moved(level, steps.stays[code]), L::Number::of(node));
        level = P::moved(level, steps.level[code]);
        node = node.wrapping_add(1);
    };
    codes.iter().zip(parents).for_each(|(code, to)| nest(*code, to));
    P::place(level)
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

/// As many levels as a byte numbers, in an array of that length: most trees of
/// people's code stay below 60.
const SHALLOW: usize = 256;
/// Nodes that are nested in one go. Each is at most one level above the last.
const PART: usize = SHALLOW / 2;

impl<N: Number> Default for Levels<N> {
    fn default() -> Self {
        Self { shallow: Box::new(Shallow { parents: [N::NONE; SHALLOW] }), deep: Vec::new() }
    }
}

impl<N: Number> Levels<N> {
    /// Only the level of a root is there.
    fn restart(&mut self) {
        let [outside, root, ..] = &mut self.shallow.parents;
        (*outside, *root) = (N::NONE, N::of(0));
        self.deep.clear();
    }

    /// Makes sure that a part of nodes from this level on finds room.
    fn make_room(&mut self, level: usize) {
        if self.deep.is_empty() && level >= SHALLOW.saturating_sub(PART) {
            self.deep.extend_from_slice(&self.shallow.parents);
        }
    }
}

trait Parents<N> {
    /// A level that there is room for; see [`Levels::make_room`].
    type Level: Copy;
    fn level(place: usize) -> Self::Level;
    fn place(level: Self::Level) -> usize;
    /// One level up or down, or none.
    fn moved(level: Self::Level, by: i8) -> Self::Level;
    fn at(&self, level: Self::Level) -> N;
    fn put(&mut self, level: Self::Level, parent: N);
}

struct Shallow<N> {
    parents: [N; SHALLOW],
}

impl<N: Number> Parents<N> for Shallow<N> {
    type Level = u8;

    fn level(place: usize) -> u8 {
        place as u8
    }

    fn place(level: u8) -> usize {
        usize::from(level)
    }

    #[inline]
    fn moved(level: u8, by: i8) -> u8 {
        level.wrapping_add_signed(by)
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    fn at(&self, level: u8) -> N {
        self.parents[usize::from(level)]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "as many places as a byte numbers")]
    fn put(&mut self, level: u8, parent: N) {
        self.parents[usize::from(level)] = parent;
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
    fn moved(level: usize, by: i8) -> usize {
        level.wrapping_add_signed(isize::from(by))
    }

    #[inline]
    fn at(&self, level: usize) -> N {
        self.get(level).copied().unwrap_or(N::NONE)
    }

    #[inline]
    fn put(&mut self, level: usize, parent: N) {
        match self.get_mut(level) {
            Some(place) => *place = parent,
            None => self.push(parent),
        }
    }
}
