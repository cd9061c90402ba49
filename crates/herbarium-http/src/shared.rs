//! What all listeners of a front have in common, and count together.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::limits::Limits;
use crate::rate::Rates;
use crate::slots::Slots;

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) limits: ArcSwap<Limits>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) by_address: Rates<IpAddr>,
    pub(crate) by_key: Rates<Arc<str>>,
    requests: AtomicUsize,
    bytes: AtomicU64,
}

impl Shared {
    /// Counts a request in, if there may be one more.
    pub(crate) fn enter(&self, most: usize) -> bool {
        if self.requests.fetch_add(1, Ordering::Relaxed) < most {
            return true;
        }
        self.leave();
        false
    }

    /// Counts it out.
    pub(crate) fn leave(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn hold_bytes(&self, bytes: u64, most: u64) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before.saturating_add(bytes) <= most;
        if !has_room {
            self.release_bytes(bytes);
        }
        has_room
    }

    pub(crate) fn release_bytes(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
