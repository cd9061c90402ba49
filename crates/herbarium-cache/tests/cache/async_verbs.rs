//! The verbs for asynchronous callers.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use herbarium_cache::{
    Bytes, Cache, CacheBuilder, Fetch, MemoryTier, Tier, TierError, TierOptions, Write,
};

use crate::{cache, value};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest runtime there is.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The outcome of a future that must not wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn every_verb_is_there_and_ready_at_the_first_poll() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let asynchronous = cache.to_async();
    at_once(asynchronous.insert(1, vec![1]));
    assert_eq!(*at_once(asynchronous.get(&1)).expect("hot"), [1]);
    assert_eq!(at_once(asynchronous.get(&2)), None);
    let computing = async { Ok::<_, std::io::Error>(vec![2]) };
    let computed = at_once(asynchronous.get_or_try_insert_with(2, computing));
    assert_eq!(*computed.expect("computed"), [2]);
    assert!(at_once(asynchronous.remove(&1)));
    assert_eq!(asynchronous.as_blocking().get(&1), None);
    let stats = at_once(asynchronous.stats());
    assert_eq!((stats.hits(), stats.misses), (1, 3));
}

/// A tier on another machine: asynchronous callers must not be blocked by it.
struct Far(MemoryTier);

impl Tier for Far {
    fn get(&self, _: &[u8], _: &mut dyn FnMut(&[u8])) -> Result<bool, TierError> {
        panic!("an asynchronous caller was blocked")
    }

    fn put(&self, key: &[u8], record: &[u8]) -> Result<(), TierError> {
        self.0.put(key, record)
    }

    fn remove(&self, key: &[u8]) -> Result<(), TierError> {
        self.0.remove(key)
    }

    fn is_far(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, key: &'a [u8]) -> Fetch<'a> {
        Box::pin(async move {
            let mut found = None;
            Yield(false).await;
            self.0.get(key, &mut |record| found = Some(record.to_vec()))?;
            Ok(found)
        })
    }
}

/// Pending once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_far_tier_is_awaited() {
    let far = Arc::new(Far(MemoryTier::new()));
    let open = || -> Cache<u64, Bytes> {
        let options = TierOptions::new("shared").write(Write::OnInsert);
        let builder = CacheBuilder::new(Bytes).budget(1 << 20);
        builder.shared_tier(far.clone(), options).build().expect("sound")
    };
    open().insert(1, value(1, 1000));
    let asynchronous = open().to_async();
    assert_eq!(*block_on(asynchronous.get(&1)).expect("shared"), value(1, 1000));
    assert_eq!(block_on(asynchronous.get(&2)), None);
    let computing = async { Ok::<_, std::io::Error>(vec![2]) };
    let computed = block_on(asynchronous.get_or_try_insert_with(2, computing));
    assert_eq!(*computed.expect("computed"), [2]);
    assert_eq!(block_on(asynchronous.stats()).tiers[2].failures, 0);
}

/// A waker of which something happens when it is woken, and when the last of it is dropped.
struct Odd {
    woken: fn(),
    held: Mutex<Option<Waiting>>,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Odd {
    fn waker(woken: fn()) -> (Arc<Self>, Waker) {
        let odd = Arc::new(Self { woken, held: Mutex::default() });
        (odd.clone(), Waker::from(odd))
    }
}

impl Wake for Odd {
    fn wake(self: Arc<Self>) {
        (self.woken)();
    }
}

#[test]
fn a_waker_that_panics_does_not_keep_the_others_waiting() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let asynchronous = cache.to_async();
    let compute = || async { Ok::<_, std::io::Error>(vec![1]) };
    let mut first = pin!(asynchronous.get_or_try_insert_with(1, compute()));
    let mut second = pin!(asynchronous.get_or_try_insert_with(1, compute()));
    static WOKEN: AtomicBool = AtomicBool::new(false);
    let (_, panics) = Odd::waker(|| panic!("woken"));
    let (_, notes) = Odd::waker(|| WOKEN.store(true, Ordering::SeqCst));
    let computing = || {
        assert!(first.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&notes)).is_pending());
        Ok::<_, std::io::Error>(vec![2])
    };
    let computed = cache.get_or_try_insert_with(1, computing);
    assert_eq!(*computed.expect("what a waker does is no error of this one"), [2]);
    assert!(WOKEN.load(Ordering::SeqCst));
    assert_eq!(*at_once(first).expect("computed"), [2]);
    assert_eq!(*at_once(second).expect("computed"), [2]);
}

/// A waker may be the last to hold a task: that task waits for the same key, and ends with it.
#[test]
fn a_waker_may_end_another_who_waits_for_the_same_key() {
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let compute = || async { Ok::<_, std::io::Error>(vec![1]) };
    let wait = || {
        let asynchronous = cache.to_async();
        Box::pin(async move { drop(asynchronous.get_or_try_insert_with(1, compute()).await) })
    };
    let computing = || {
        let poll = |future: &mut Waiting| {
            let (odd, waker) = Odd::waker(|| ());
            let mut held = wait();
            let pending = held.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(pending.is_pending());
            *odd.held.lock().expect("not poisoned") = Some(held);
            drop(odd);
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        };
        let mut future: Waiting = wait();
        // The second poll brings another waker, the end of the future drops that one.
        poll(&mut future);
        poll(&mut future);
        drop(future);
        Ok::<_, std::io::Error>(vec![2])
    };
    assert_eq!(*cache.get_or_try_insert_with(1, computing).expect("computed"), [2]);
}

#[test]
fn futures_may_wander_between_threads() {
    fn check<T: Send>(_: &T) {}
    let cache: Cache<u64, Bytes> = cache(1 << 20);
    let asynchronous = cache.to_async();
    check(&asynchronous.get(&1));
    check(&asynchronous.insert(1, vec![1]));
    check(&asynchronous.get_or_try_insert_with(1, async { Ok::<_, std::io::Error>(vec![]) }));
}
