//! What a running query remembers: partial matches and their captures.

use crate::step::NONE;

/// No list of captures.
pub(crate) const NO_LIST: u32 = u32::MAX;
/// No number was given to a match yet.
pub(crate) const NO_ID: u32 = u32::MAX;

/// A node that was captured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Captured {
    pub(crate) node: u32,
    pub(crate) capture: u16,
    /// It was captured once its child matched.
    pub(crate) as_parent: bool,
}

impl Captured {
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.node, self.capture) == (other.node, other.capture)
    }
}

/// A match in the making.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) id: u32,
    pub(crate) captures: u32,
    pub(crate) rank: Rank,
    /// Where the last capture ends; 0 where that was not asked yet.
    pub(crate) last_end: u32,
    pub(crate) step: u16,
    pub(crate) consumed: u16,
    /// The next step must be matched by the very next sibling.
    pub(crate) seeking_immediate: bool,
    /// A state with the same captures is elsewhere in the pattern.
    pub(crate) has_alternatives: bool,
    pub(crate) dead: bool,
    /// The parent is to be looked at once a node matches.
    pub(crate) needs_parent: bool,
    pub(crate) skipped_quantifier: bool,
}

/// What states are sorted by: depth of the pattern's root, pattern, and where
/// the first capture starts, none first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u64);

impl Rank {
    /// Without captures. The depth has sixteen bits, as tree-sitter has it:
    /// trees that are deeper behave as they do there.
    pub(crate) fn new(start_depth: u32, pattern: u16) -> Self {
        Self(u64::from(start_depth as u16) << 48 | u64::from(pattern) << 32)
    }

    #[inline]
    pub(crate) fn start_depth(self) -> u16 {
        (self.0 >> 48) as u16
    }

    #[inline]
    pub(crate) fn pattern(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// Where the first capture starts.
    #[inline]
    pub(crate) fn first(self) -> Option<u32> {
        (self.0 as u32).checked_sub(1)
    }

    pub(crate) fn set_first(&mut self, start: Option<u32>) {
        let start = start.map_or(0, |start| start.saturating_add(1));
        self.0 = self.0 & !u64::from(u32::MAX) | u64::from(start);
    }

    /// Whether pattern and root depth are the same.
    #[inline]
    pub(crate) fn is_beside(self, other: Self) -> bool {
        self.0 >> 32 == other.0 >> 32
    }

    /// Whether pattern and root depth come before those of another.
    #[inline]
    pub(crate) fn is_before(self, other: Self) -> bool {
        self.0 >> 32 < other.0 >> 32
    }
}

/// A match that is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) id: u32,
    pub(crate) captures: u32,
    /// What it captured, where that is one node and it has no list.
    pub(crate) only: Option<Captured>,
    pub(crate) rank: Rank,
    pub(crate) consumed: u16,
    /// It was looked at whether it satisfies its predicates: it does.
    pub(crate) satisfied: bool,
}

impl From<State> for Finished {
    fn from(state: State) -> Self {
        let State { id, captures, rank, consumed, .. } = state;
        Self { id, captures, only: None, rank, consumed, satisfied: false }
    }
}

/// The lists of captures of all states.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lists: Vec<Vec<Captured>>,
    free: Vec<u32>,
    /// Most lists in use at a time.
    pub(crate) limit: u32,
}

impl Lists {
    pub(crate) fn reset(&mut self) {
        self.free.clear();
        self.free.extend(0..self.lists.len() as u32);
    }

    pub(crate) fn get(&self, list: u32) -> &[Captured] {
        self.lists.get(list as usize).map_or(&[], Vec::as_slice)
    }

    /// What a complete match captured.
    #[inline]
    pub(crate) fn of<'s>(&'s self, state: &'s Finished) -> &'s [Captured] {
        match &state.only {
            Some(only) => std::slice::from_ref(only),
            None => self.get(state.captures),
        }
    }

    pub(crate) fn get_mut(&mut self, list: u32) -> &mut Vec<Captured> {
        &mut self.lists[list as usize]
    }

    /// An empty list; none when all are in use.
    pub(crate) fn acquire(&mut self) -> Option<u32> {
        if let Some(list) = self.free.pop() {
            self.lists[list as usize].clear();
            return Some(list);
        }
        let list = self.lists.len() as u32;
        if list >= self.limit {
            return None;
        }
        self.lists.push(Vec::new());
        Some(list)
    }

    pub(crate) fn release(&mut self, list: u32) {
        if list != NO_LIST {
            self.free.push(list);
        }
    }

    /// Gives a complete match a list, if it captured without one.
    pub(crate) fn enlist(&mut self, state: &mut Finished) {
        if let Some(only) = state.only.take()
            && let Some(list) = self.acquire()
        {
            self.get_mut(list).push(only);
            state.captures = list;
        }
    }

    pub(crate) fn all_in_use(&self) -> bool {
        self.free.is_empty() && self.lists.len() as u32 >= self.limit
    }

    /// Copies one list to another.
    pub(crate) fn copy(&mut self, from: u32, to: u32) {
        let mut target = std::mem::take(&mut self.lists[to as usize]);
        target.extend_from_slice(self.get(from));
        self.lists[to as usize] = target;
    }
}

/// The captures of a step: numbers up to the first that is missing.
pub(crate) fn captures_of(captures: &[u16]) -> impl Iterator<Item = u16> + '_ {
    captures.iter().copied().take_while(|capture| *capture != NONE)
}
