//! Parses that are at work, and those among them that never come to an end.
//!
//! A parser looks at its limits between its steps. A grammar's own scanner that does
//! not come back from a step can be stopped by nobody, and keeps a thread and a core
//! until the process ends. So nothing is begun that would be the next one of these:
//! neither the same source again, nor, where sources come from anywhere, another one of
//! that language.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use herbarium_store::TreeKey;

/// Parses that are at work.
#[derive(Debug, Default, Clone)]
pub(crate) struct Parses(Arc<Mutex<HashMap<TreeKey, Parse>>>);

#[derive(Debug, Clone, Copy)]
struct Parse {
    language: &'static str,
    /// When it must be over; never, where it has no limit.
    due: Option<Instant>,
    /// How many of the same source there are.
    times: usize,
}

/// A parse that is at work until this is dropped.
#[derive(Debug)]
pub(crate) struct AtWork {
    key: TreeKey,
    parses: Parses,
}

/// How much longer than twice its limit a parse may be at work: a machine that does
/// other work, too, is not taken for a scanner that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

impl Parses {
    /// Notes that a source is parsed, for no longer than this if nothing hangs.
    pub(crate) fn begin(
        &self,
        key: TreeKey,
        language: &'static str,
        limit: Option<Duration>,
    ) -> AtWork {
        self.begin_at(Instant::now(), key, language, limit)
    }

    /// Whether this source hangs.
    pub(crate) fn is_hanging(&self, key: &TreeKey) -> bool {
        self.lock().get(key).is_some_and(|parse| parse.hangs(Instant::now()))
    }

    /// Whether any source of this language hangs.
    pub(crate) fn hang_in(&self, language: &str) -> bool {
        self.hang_in_at(Instant::now(), language)
    }

    fn begin_at(
        &self,
        now: Instant,
        key: TreeKey,
        language: &'static str,
        limit: Option<Duration>,
    ) -> AtWork {
        let patience = limit.map(|limit| limit.saturating_mul(2).saturating_add(PATIENCE));
        let due = patience.and_then(|patience| now.checked_add(patience));
        let mut parses = self.lock();
        // Of one source the first counts: the later ones have not begun to hang.
        parses.entry(key).or_insert(Parse { language, due, times: 0 }).times += 1;
        AtWork { key, parses: self.clone() }
    }

    fn hang_in_at(&self, now: Instant, language: &str) -> bool {
        self.lock().values().any(|parse| parse.language == language && parse.hangs(now))
    }

    /// A lock is held for a look or a change of one entry, so a poisoned map is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<TreeKey, Parse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parse {
    fn hangs(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due < now)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut parses = self.parses.lock();
        let Some(parse) = parses.get_mut(&self.key) else { return };
        parse.times -= 1;
        if parse.times == 0 {
            parses.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn key(number: u8) -> TreeKey {
        TreeKey([number; 32])
    }

    #[test]
    fn a_parse_that_is_over_its_time_hangs_until_it_ends() {
        let (parses, now) = (Parses::default(), Instant::now());
        let hanging = parses.begin_at(now, key(1), "perl", Some(LIMIT));
        let due = now + 2 * LIMIT + PATIENCE;
        assert!(!parses.hang_in_at(due, "perl"));
        let later = due + Duration::from_millis(1);
        assert!(parses.hang_in_at(later, "perl"));
        assert!(!parses.hang_in_at(later, "ruby"));
        drop(hanging);
        assert!(!parses.hang_in_at(later, "perl"));
        assert!(parses.lock().is_empty());
    }

    #[test]
    fn a_source_that_hangs_is_known_again() {
        let parses = Parses::default();
        let Some(long_ago) = Instant::now().checked_sub(3 * LIMIT) else { return };
        let _hanging = parses.begin_at(long_ago, key(1), "perl", Some(LIMIT));
        let _begun = parses.begin(key(2), "perl", Some(LIMIT));
        let again = parses.begin(key(1), "perl", Some(LIMIT));
        assert!(parses.is_hanging(&key(1)) && !parses.is_hanging(&key(2)));
        drop(again);
        assert!(parses.is_hanging(&key(1)), "the first is still at work");
    }

    #[test]
    fn a_parse_without_a_limit_never_hangs() {
        let (parses, now) = (Parses::default(), Instant::now());
        let _endless = parses.begin_at(now, key(1), "perl", None);
        let _overflow = parses.begin_at(now, key(2), "perl", Some(Duration::MAX));
        assert!(!parses.hang_in_at(now + Duration::from_secs(1 << 30), "perl"));
    }
}
