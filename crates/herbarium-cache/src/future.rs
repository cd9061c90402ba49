//! The same verbs for asynchronous callers, on any runtime.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::flight::{Lead, Turn};
use crate::ladder::Search;
use crate::{Cache, Codec, ComputeError, Key, ReadHint, Stats};

/// A handle to a [`Cache`] for asynchronous callers, of any runtime or none. It shares
/// everything with the cache it came from; both may be used at one time.
///
/// Only what takes long is awaited: computations, those of others included, and tiers that
/// say they are far away. A hot hit is ready at the first poll and allocates nothing.
/// Everything else runs within the poll: a warm hit decodes there, and a disk tier is read
/// there.
///
/// ```
/// use herbarium_cache::{Bytes, Cache, CacheBuilder};
///
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(it) = future.as_mut().poll(&mut context) {
/// #             return it;
/// #         }
/// #     }
/// # }
/// let cache: Cache<String, _> = CacheBuilder::new(Bytes).budget(1 << 20).build()?;
/// let cache = cache.to_async();
/// block_on(async {
///     let compute = async { Ok::<_, std::io::Error>(b"computed".to_vec()) };
///     let value = cache.get_or_try_insert_with("key".to_owned(), compute).await?;
///     assert_eq!(*value, b"computed");
///     assert_eq!(cache.get(&"key".to_owned()).await, Some(value));
///     Ok::<_, herbarium_cache::ComputeError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AsyncCache<K: Key, C: Codec> {
    pub(crate) cache: Cache<K, C>,
}

impl<K: Key, C: Codec> AsyncCache<K, C> {
    /// [`Cache::get`].
    pub async fn get(&self, key: &K) -> Option<Arc<C::Value>> {
        self.get_hinted(key, ReadHint::Use).await
    }

    /// [`Cache::get_hinted`].
    pub async fn get_hinted(&self, key: &K, hint: ReadHint) -> Option<Arc<C::Value>> {
        if let Some(value) = self.cache.get_hot(key, hint) {
            return Some(value);
        }
        let found = self.find_below(key, hint).await.value();
        if found.is_none() {
            self.cache.ladder.count_miss();
        }
        found
    }

    /// Without far tiers nothing is awaited, and the future stays small.
    async fn find_below(&self, key: &K, hint: ReadHint) -> Search<C::Value> {
        let ladder = &self.cache.ladder;
        if ladder.lower.iter().any(crate::lower::Lower::is_far) {
            Box::pin(ladder.find_below_async(key, hint)).await
        } else {
            ladder.find_below(key, hint)
        }
    }

    /// [`Cache::insert`]; ready at the first poll.
    pub async fn insert(&self, key: K, value: impl Into<Arc<C::Value>>) -> Arc<C::Value> {
        self.cache.insert(key, value)
    }

    /// [`Cache::get_or_try_insert_with`]; waits for computations of blocking callers, too,
    /// and they for this one.
    ///
    /// If this future is dropped while it computes, one of those who wait computes instead.
    ///
    /// # Errors
    /// As there, but for [`ComputeError::Reentrant`]: a task that asks for the key it is
    /// computing waits for ever.
    ///
    /// # Panics
    /// As there.
    pub async fn get_or_try_insert_with<E>(
        &self,
        key: K,
        compute: impl Future<Output = Result<C::Value, E>>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.get_or_try_insert_hinted(key, ReadHint::Use, compute).await
    }

    /// [`Cache::get_or_try_insert_hinted`].
    ///
    /// # Errors
    /// As [`AsyncCache::get_or_try_insert_with`].
    ///
    /// # Panics
    /// As there.
    pub async fn get_or_try_insert_hinted<E>(
        &self,
        key: K,
        hint: ReadHint,
        compute: impl Future<Output = Result<C::Value, E>>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            if let Some(value) = self.cache.get_hot(&key, hint) {
                return Ok(value);
            }
            match self.cache.ladder.flights.join(&key, None) {
                Turn::Wait(flight) => {
                    if let Some(outcome) = flight.landing().await {
                        return self.cache.waited(outcome);
                    }
                }
                Turn::Lead(lead) => return self.lead(lead, key, hint, compute).await,
            }
        }
    }

    async fn lead<E>(
        &self,
        lead: Lead<'_, K, C::Value>,
        key: K,
        hint: ReadHint,
        compute: impl Future<Output = Result<C::Value, E>>,
    ) -> Result<Arc<C::Value>, ComputeError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let ladder = &self.cache.ladder;
        let moment = ladder.moment(&key);
        let search = match self.cache.get_hot(&key, hint) {
            Some(value) => Search::Found(value),
            None => self.find_below(&key, hint).await,
        };
        let absent_at = matches!(search, Search::Absent).then_some(moment);
        if let Search::Found(value) = search {
            lead.end(Ok(value.clone()));
            return Ok(value);
        }
        ladder.count_miss();
        // On the heap: whoever waits instead of computing need not carry the computation pinned.
        match Shielded(Box::pin(compute)).await {
            Ok(Ok(value)) => {
                let value = Arc::new(value);
                ladder.store(key, value.clone(), hint, Some((&lead, absent_at)));
                lead.end(Ok(value.clone()));
                Ok(value)
            }
            Ok(Err(why)) => {
                let error = ComputeError::failed(why);
                lead.end(Err(error.clone()));
                Err(error)
            }
            Err(payload) => {
                lead.end(Err(ComputeError::panicked(&*payload)));
                resume_unwind(payload)
            }
        }
    }

    /// [`Cache::remove`]; ready at the first poll.
    pub async fn remove(&self, key: &K) -> bool {
        self.cache.remove(key)
    }

    /// [`Cache::stats`]; ready at the first poll.
    pub async fn stats(&self) -> Stats {
        self.cache.stats()
    }

    /// The same cache for blocking callers.
    pub fn as_blocking(&self) -> &Cache<K, C> {
        &self.cache
    }
}

impl<K: Key, C: Codec> Clone for AsyncCache<K, C> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}

impl<K: Key, C: Codec> std::fmt::Debug for AsyncCache<K, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncCache").field("cache", &self.cache).finish()
    }
}

/// A future whose panic is its outcome.
pub(crate) struct Shielded<F: ?Sized>(pub(crate) Pin<Box<F>>);

impl<F: Future + ?Sized> Future for Shielded<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic it is not polled again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}
