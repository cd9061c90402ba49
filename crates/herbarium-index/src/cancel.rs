//! Asking a run to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to stop, shared between who asks and who works.
///
/// ```
/// use herbarium_index::Cancel;
///
/// let cancel = Cancel::new();
/// let for_the_signal_handler = cancel.clone();
/// for_the_signal_handler.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Not asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Files being parsed are given up within milliseconds.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for what looks at one while it
    /// works: a query on one tree, say.
    pub fn as_atomic(&self) -> &AtomicBool {
        &self.0
    }

    /// The flag itself, for the parser.
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.0
    }
}
