//! One parse for each content, however many files have it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use herbarium_store::TreeKey;

use crate::stat::Stat;

/// Trees being made, and the files that wait for them.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<TreeKey, Flight>>);

#[derive(Debug)]
struct Flight {
    leader: u32,
    waiting: Vec<Waiting>,
}

/// A file that waits for another one's tree, which is its own as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) file: u32,
    pub(crate) stat: Stat,
}

impl Flights {
    /// Whether this file is the one to make the tree. If not, it is noted as
    /// waiting: whoever makes the tree answers for it.
    pub(crate) fn lead(&self, key: TreeKey, file: u32, stat: Stat) -> bool {
        let mut flights = self.lock();
        let flight = flights.entry(key).or_insert(Flight { leader: file, waiting: Vec::new() });
        if flight.leader != file {
            flight.waiting.push(Waiting { file, stat });
        }
        flight.leader == file
    }

    /// The tree is made, or never will be: gives the files that waited.
    pub(crate) fn land(&self, key: &TreeKey) -> Vec<Waiting> {
        self.lock().remove(key).map_or_else(Vec::new, |flight| flight.waiting)
    }

    /// The thread of the leader is gone: gives the files that waited for it.
    pub(crate) fn crash(&self, leader: u32) -> Vec<Waiting> {
        let mut flights = self.lock();
        let key = flights.iter().find(|(_, flight)| flight.leader == leader).map(|(key, _)| *key);
        key.and_then(|key| flights.remove(&key)).map_or_else(Vec::new, |flight| flight.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TreeKey, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_leads_and_answers_for_the_others() {
        let (flights, key, stat) = (Flights::default(), TreeKey([1; 32]), Stat::default());
        assert!(flights.lead(key, 7, stat));
        assert!(!flights.lead(key, 8, stat));
        assert!(flights.lead(key, 7, stat), "a leader that starts again still leads");
        assert_eq!(flights.land(&key), [Waiting { file: 8, stat }]);
        assert!(flights.lead(key, 9, stat));
    }

    #[test]
    fn a_crash_frees_those_who_wait() {
        let (flights, key, stat) = (Flights::default(), TreeKey([1; 32]), Stat::default());
        assert!(flights.lead(key, 7, stat));
        assert!(!flights.lead(key, 8, stat));
        assert_eq!(flights.crash(7), [Waiting { file: 8, stat }]);
        assert_eq!(flights.crash(7), []);
    }
}
