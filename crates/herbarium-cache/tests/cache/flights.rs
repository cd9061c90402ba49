//! One computation for each key.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use herbarium_cache::{Bytes, Cache, ComputeError};

use crate::async_verbs::block_on;
use crate::cache;

const CALLERS: usize = 16;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no such file: {0}")]
struct Missing(u64);

type Outcome = Result<Arc<Vec<u8>>, ComputeError>;

/// What callers got who all came while one of them computed. On a busy machine one may come
/// too late for that, and rightly compute anew; then they are asked to come again.
fn check(compute: impl Fn() -> Result<Vec<u8>, Missing> + Sync) -> Vec<Outcome> {
    let mut tries = (0..50).map(|_| ask_at_once(&compute));
    let (outcomes, _) = tries.find(|(_, computed)| *computed == 1).expect("nobody ever waited");
    outcomes
}

/// Asks for one key from many threads at one time; every second one asks asynchronously.
/// Returns what they got and how many computed.
fn ask_at_once(compute: &(impl Fn() -> Result<Vec<u8>, Missing> + Sync)) -> (Vec<Outcome>, usize) {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let (computed, start) = (AtomicUsize::new(0), Barrier::new(CALLERS));
    let computing = AtomicUsize::new(0);
    let slow = || {
        computed.fetch_add(1, Ordering::SeqCst);
        assert_eq!(computing.fetch_add(1, Ordering::SeqCst), 0, "two compute at a time");
        std::thread::sleep(Duration::from_millis(100));
        computing.fetch_sub(1, Ordering::SeqCst);
        compute()
    };
    let ask = |caller: usize| {
        start.wait();
        if caller.is_multiple_of(2) {
            cache.get_or_try_insert_with(1, slow)
        } else {
            block_on(cache.to_async().get_or_try_insert_with(1, async { slow() }))
        }
    };
    let outcomes = std::thread::scope(|scope| {
        let ask = &ask;
        let callers: Vec<_> = (0..CALLERS).map(|caller| scope.spawn(move || ask(caller))).collect();
        callers.into_iter().filter_map(|caller| caller.join().ok()).collect()
    });
    // Nothing is poisoned: the next caller computes anew, and succeeds.
    let next = cache.get_or_try_insert_with(1, || Ok::<_, Missing>(vec![7]));
    assert_eq!(*next.expect("computed or there"), [7]);
    (outcomes, computed.load(Ordering::SeqCst))
}

#[test]
fn many_callers_share_one_computation() {
    let outcomes = check(|| Ok(vec![7]));
    assert_eq!(outcomes.len(), CALLERS);
    let first = outcomes[0].as_ref().expect("computed");
    for outcome in &outcomes {
        assert!(Arc::ptr_eq(first, outcome.as_ref().expect("shared")));
    }
}

#[test]
fn a_failed_computation_fails_all_who_waited_with_its_error() {
    let outcomes = check(|| Err(Missing(1)));
    assert_eq!(outcomes.len(), CALLERS);
    for outcome in outcomes {
        let error = outcome.expect_err("it failed");
        assert_eq!(error.to_string(), "the value could not be computed");
        let source = error.source().expect("the cause");
        assert_eq!(source.to_string(), "no such file: 1");
        let ComputeError::Failed { source } = error else { panic!("{error:?}") };
        assert_eq!(source.downcast_ref(), Some(&Missing(1)));
    }
}

#[test]
fn a_panic_fails_those_who_waited_and_unwinds_its_own_caller() {
    let outcomes = check(|| panic!("out of ink"));
    assert_eq!(outcomes.len(), CALLERS - 1);
    for outcome in outcomes {
        let told = outcome.expect_err("it panicked").to_string();
        assert!(told.contains("panicked: out of ink; ask again"), "{told}");
    }
}

#[test]
fn a_panic_reaches_its_caller_with_its_payload() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let computing = || -> Result<Vec<u8>, Missing> { std::panic::panic_any(42u8) };
    let caught = catch_unwind(AssertUnwindSafe(|| cache.get_or_try_insert_with(1, computing)));
    assert_eq!(caught.expect_err("it panicked").downcast_ref(), Some(&42u8));
}

#[test]
fn a_computation_that_asks_for_its_own_key_is_told_so() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let inner = |key| cache.get_or_try_insert_with(key, || Ok::<_, Missing>(vec![1]));
    let error = cache
        .get_or_try_insert_with(1, || {
            inner(2).map_err(Box::new)?;
            inner(1).map(|value| value.to_vec()).map_err(Box::new)
        })
        .expect_err("it waited for itself");
    assert_eq!(error.source().expect("the inner error").to_string(), {
        "the computation of a key asked for that key itself; compute without asking the cache for it"
    });
    assert!(cache.get(&2).is_some());
}

#[test]
fn an_abandoned_computation_is_taken_over() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let asynchronous = cache.to_async();
    let mut stuck = Box::pin(asynchronous.get_or_try_insert_with(1, async {
        std::future::pending::<()>().await;
        Ok::<_, Missing>(vec![0])
    }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(stuck.as_mut().poll(&mut context).is_pending());
    let (told, hear) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let computing = || Ok::<_, Missing>(vec![7]);
            told.send(cache.get_or_try_insert_with(1, computing)).expect("heard");
        });
        assert!(hear.recv_timeout(Duration::from_millis(50)).is_err(), "it waits");
        drop(stuck);
        let outcome = hear.recv().expect("told");
        assert_eq!(*outcome.expect("computed"), [7]);
    });
}

/// What is computed when its key is changed goes to those who asked before the change, and
/// to nobody else.
#[test]
fn a_change_during_a_computation_wins() {
    let check = |change: fn(&Cache<u64, Bytes>), expected: Option<Vec<u8>>| {
        let cache: Cache<u64, Bytes> = cache(1 << 20);
        let computing = || {
            change(&cache);
            Ok::<_, Missing>(vec![1])
        };
        assert_eq!(*cache.get_or_try_insert_with(1, computing).expect("computed"), [1]);
        assert_eq!(cache.get(&1).map(|it| it.to_vec()), expected);
    };
    check(|_| (), Some(vec![1]));
    check(|cache| drop(cache.insert(1, vec![2])), Some(vec![2]));
    check(|cache| assert!(!cache.remove(&1)), None);
}
