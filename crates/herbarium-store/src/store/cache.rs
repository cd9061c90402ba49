//! Values read once in a process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// Values by key, shared.
pub(super) struct Cache<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps what is there already; gives what is there now.
    pub(super) fn insert(&self, key: K, value: Arc<V>) -> Arc<V> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(key).or_insert(value))
    }

    pub(super) fn replace(&self, key: K, value: Arc<V>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}
