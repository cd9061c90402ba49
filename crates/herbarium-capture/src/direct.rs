//! The nodes of a live tree, straight from the parser's subtrees.
//!
//! The only unsafe code of the crate: calls into `walk.c`.

use std::ffi::c_void;
use std::ptr::NonNull;

use herbarium_codec::Quirk;

use crate::{Found, Visit};

/// As `Record` in `walk.c`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Record {
    start: u32,
    end: u32,
    depth: u32,
    character: i32,
    kind: u16,
    field: u16,
    flags: u32,
    supertypes: u32,
}

const EXTRA: u32 = 1;
const MISSING: u32 = 2;
const HAS_ERROR: u32 = 4;
const HIDDEN: u32 = 8;
const UNEXPECTED: u32 = 16;
const NAMED: u32 = 32;
/// No node: what queries see otherwise about node `start`.
const QUIRK: u32 = 64;
const LAST_OF_FIELD: i32 = 0;
const FIELD: i32 = 1;
const ALIAS: i32 = 2;
const FIELD_WITHIN: i32 = 4;

unsafe extern "C" {
    fn herbarium_walk_new() -> *mut c_void;
    fn herbarium_walk_delete(walk: *mut c_void);
    fn herbarium_walk_start(walk: *mut c_void, tree: *const c_void);
    fn herbarium_walk_next(walk: *mut c_void, out: *mut Record, capacity: u32) -> u32;
}

/// Nodes fetched from C at a time: 7 KiB of them.
const CHUNK: usize = 256;

/// A walk that keeps its memory from tree to tree.
pub(crate) struct Walker {
    walk: NonNull<c_void>,
    chunk: Box<[Record; CHUNK]>,
}

// SAFETY: the C object is plain memory that belongs to this value alone; it
// holds a tree only during `visit`, which borrows both.
unsafe impl Send for Walker {}

impl Walker {
    pub(crate) fn new() -> Self {
        // SAFETY: no arguments; the result is checked.
        let walk = NonNull::new(unsafe { herbarium_walk_new() });
        let Some(walk) = walk else { out_of_memory() };
        Self { walk, chunk: Box::new([Record::default(); CHUNK]) }
    }

    /// Calls `visit` with every visible node in pre-order, and with the missing
    /// tokens that the grammar hides, until it fails.
    pub(crate) fn visit<E>(
        &mut self,
        tree: &tree_sitter::Tree,
        mut visit: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let raw = tree.root_node().into_raw();
        // SAFETY: `self.walk` came from `herbarium_walk_new` and is alive;
        // `raw.tree` is the tree that `tree` keeps alive until this function
        // returns, and nothing changes it meanwhile. The walk does not touch
        // it again before the next `herbarium_walk_start`.
        unsafe { herbarium_walk_start(self.walk.as_ptr(), raw.tree.cast()) };
        loop {
            let (chunk, capacity) = (self.chunk.as_mut_ptr(), CHUNK as u32);
            // SAFETY: the walk was started on a tree that is still alive, and
            // `chunk` has room for `capacity` records of the layout declared
            // on both sides.
            let count = unsafe { herbarium_walk_next(self.walk.as_ptr(), chunk, capacity) };
            match self.chunk.get(..count as usize) {
                Some([]) => return Ok(()),
                Some(records) => records.iter().try_for_each(|record| visit(record.found()))?,
                None => out_of_memory(),
            }
        }
    }
}

impl Record {
    #[inline]
    fn found(&self) -> Found {
        if self.flags & QUIRK != 0 { self.quirk() } else { Found::Node(self.visit()) }
    }

    #[cold]
    fn quirk(&self) -> Found {
        let quirk = match self.character {
            LAST_OF_FIELD => Quirk::LastOfField,
            FIELD => Quirk::Field(self.field),
            ALIAS => Quirk::Alias(self.kind),
            FIELD_WITHIN => Quirk::FieldWithin(self.field),
            _ => Quirk::NotLastOfField,
        };
        Found::Quirk(self.start, quirk)
    }

    #[inline]
    fn visit(&self) -> Visit {
        Visit {
            start: self.start,
            end: self.end,
            depth: self.depth,
            kind: self.kind,
            field: self.field,
            extra: self.flags & EXTRA != 0,
            missing: self.flags & MISSING != 0,
            has_error: self.flags & HAS_ERROR != 0,
            hidden: self.flags & HIDDEN != 0,
            named: self.flags & NAMED != 0,
            unexpected: (self.flags & UNEXPECTED != 0).then_some(self.character),
            supertypes: self.supertypes,
        }
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        // SAFETY: came from `herbarium_walk_new` and is deleted only here.
        unsafe { herbarium_walk_delete(self.walk.as_ptr()) };
    }
}

fn out_of_memory() -> ! {
    std::alloc::handle_alloc_error(std::alloc::Layout::new::<[Record; CHUNK]>())
}
