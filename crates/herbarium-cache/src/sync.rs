//! What the single flight and the stripes are built on. `tests/schedules` builds the same
//! files on loom's, and so runs every order of their steps.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
