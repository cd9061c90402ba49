//! What an allocator takes beside what it was asked for, and how the budget holds with it.
//!
//! Blocks that come and go, from several threads, leave holes that no request fits: glibc was
//! seen to hold 1.2 to 1.5 of the bytes that were in use. The cache cannot prevent it, but it
//! can ask: now and then it compares what the process takes with what is in use, has free
//! pages given back, and lets its entries have that much less.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};

/// The heap that the values of a cache lie in, as its allocator knows it.
///
/// By default a cache asks the C library, where that is glibc and Rust's allocations come
/// from it. A program with an allocator of its own may tell the cache of it, with
/// [`CacheBuilder::heap`](crate::CacheBuilder::heap).
///
/// ```
/// use herbarium_cache::{Bytes, Cache, CacheBuilder, Heap, HeapReading};
///
/// /// Of an allocator that counts: what was asked for, and what it took for it.
/// struct Counted;
///
/// impl Heap for Counted {
///     fn reading(&self) -> Option<HeapReading> {
///         Some(HeapReading { taken: 120 << 20, in_use: 100 << 20 })
///     }
///
///     fn trim(&self) {}
/// }
///
/// let cache: Cache<u64, _> = CacheBuilder::new(Bytes).heap(Counted).build()?;
/// # Ok::<(), herbarium_cache::BuildError>(())
/// ```
pub trait Heap: Send + Sync + 'static {
    /// What it is now; `None` if that is not known, and then the cache counts on nothing lost.
    /// Called after each sixteenth of the budget was inserted: some 100 microseconds do not
    /// hurt.
    fn reading(&self) -> Option<HeapReading>;

    /// Gives free memory back to the system, as far as that is possible. Called when more
    /// than the budget is taken.
    fn trim(&self);
}

/// One reading of a [`Heap`]. Plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapReading {
    /// Bytes of memory that the process takes, files that are mapped apart. What it took
    /// beside the heap when the cache was built is not counted as lost.
    pub taken: u64,
    /// Bytes of the blocks that were allocated and are not yet freed.
    pub in_use: u64,
}

impl HeapReading {
    fn lost(self) -> u64 {
        self.taken.saturating_sub(self.in_use)
    }
}

/// Keeps account of what is lost, and of how much of it entries must make room for.
pub(crate) struct Account {
    heap: Option<Box<dyn Heap>>,
    budget: u64,
    /// Lost before there was a cache.
    before: u64,
    /// Bytes inserted since the last look.
    inserted: AtomicU64,
    /// What entries leave free.
    reserved: AtomicU64,
    looking: Mutex<()>,
}

/// The least that is inserted between two looks: less tells nothing.
const LEAST_STEP: u64 = 1 << 20;
/// One part in so many of the budget is the most that entries leave free. Of values of some
/// hundred bytes no page comes free however many leave, and less of them gains nothing.
const MOST_RESERVED: u64 = 8;
/// A smaller budget is not looked after: what an allocator keeps at hand for a thread is a
/// large part of it.
const LEAST_BUDGET: u64 = 4 << 20;
/// What a few large values on their way take between two looks: to a small budget it is much,
/// and corrected earlier. Without it one run of 40 of two threads with values of up to 200 KB
/// in 16 MiB took 1.056 of that; with it 1.035 was the most.
const SWING: u64 = 256 << 10;

impl Account {
    pub(crate) fn new(heap: Option<Box<dyn Heap>>, budget: u64) -> Self {
        let heap = heap.filter(|_| budget >= LEAST_BUDGET);
        let before = heap.as_ref().and_then(|heap| heap.reading()).map_or(0, HeapReading::lost);
        Self {
            heap,
            budget,
            before,
            inserted: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            looking: Mutex::new(()),
        }
    }

    /// Whether it is known what is lost.
    pub(crate) fn is_kept(&self) -> bool {
        self.heap.is_some()
    }

    /// Bytes that entries leave free for what the allocator loses.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Counts what was inserted, and says whether it is time for a look.
    pub(crate) fn is_due(&self, bytes: u64) -> bool {
        if self.heap.is_none() {
            return false;
        }
        let step = (self.budget / 16).max(LEAST_STEP);
        let bytes = bytes.min(step);
        let before = self.inserted.fetch_add(bytes, Ordering::Relaxed);
        before / step != before.wrapping_add(bytes) / step
    }

    /// Compares what is taken for entries that weigh so much with the budget, and corrects
    /// what is reserved. More is reserved at once; less by and by, when there is room.
    pub(crate) fn look(&self, weight: u64) {
        let Some(heap) = &self.heap else { return };
        let _alone = match self.looking.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        self.correct(heap.as_ref(), weight);
    }

    fn correct(&self, heap: &dyn Heap, weight: u64) {
        let Some(mut footprint) = self.footprint(heap, weight) else { return };
        let little = self.budget / 64;
        let swing = little.min(SWING);
        let most = self.budget + little - swing;
        if footprint > most {
            heap.trim();
            let Some(after) = self.footprint(heap, weight) else { return };
            footprint = after;
        }
        let reserved = self.reserved();
        let reserved = if footprint > most {
            (reserved + footprint - (most - swing)).min(self.budget / MOST_RESERVED)
        } else {
            let room = (self.budget - 2 * little).saturating_sub(footprint);
            reserved.saturating_sub(room / 2)
        };
        self.reserved.store(reserved, Ordering::Relaxed);
    }

    /// What entries take with their part of what is lost.
    fn footprint(&self, heap: &dyn Heap, weight: u64) -> Option<u64> {
        let reading = heap.reading()?;
        let lost = reading.lost().saturating_sub(self.before) as f64;
        let share = weight as f64 / reading.in_use.max(weight).max(1) as f64;
        Some(weight + (lost * share) as u64)
    }
}

/// The heap of the C library, where it tells of itself and Rust's allocations come from it.
pub(crate) fn of_c_library() -> Option<Box<dyn Heap>> {
    glibc::Glibc::detect().map(|heap| Box::new(heap) as Box<dyn Heap>)
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("reserved", &self.reserved()).finish_non_exhaustive()
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
mod glibc {
    #![allow(unsafe_code)]

    use super::{Heap, HeapReading};

    type MallInfo = unsafe extern "C" fn() -> libc::mallinfo2;

    pub(super) struct Glibc {
        info: MallInfo,
        page: u64,
    }

    impl Glibc {
        pub(super) fn detect() -> Option<Self> {
            // Looked up as the program runs: glibc has it since 2.33, and a program that was
            // linked against it would not start with an older one.
            // SAFETY: the name ends with a zero byte; the call has no other precondition.
            let info = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
            if info.is_null() {
                return None;
            }
            // SAFETY: a symbol of that name is glibc's function, which has this signature
            // (malloc.h), and it stays loaded as long as the process runs.
            let info = unsafe { std::mem::transmute::<*mut libc::c_void, MallInfo>(info) };
            // SAFETY: the call has no precondition.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let heap = Self { info, page: u64::try_from(page).ok()? };
            heap.serves_rust().then_some(heap)
        }

        fn in_use(&self) -> u64 {
            // SAFETY: the function takes no argument, and locks what it reads.
            let info = unsafe { (self.info)() };
            (info.uordblks + info.hblkhd) as u64
        }

        /// Whether a block that Rust allocates is found in the C library's books. A program
        /// may have another allocator, in itself or loaded before. Other threads allocate
        /// meanwhile, too, so more than one block must be found.
        fn serves_rust(&self) -> bool {
            const BLOCK: usize = 100 << 10;
            (0..3).all(|_| {
                let before = self.in_use();
                let block = std::hint::black_box(vec![0u8; BLOCK]);
                let with = self.in_use();
                drop(block);
                let after = self.in_use();
                let is_about = |bytes: u64| (BLOCK / 2..4 * BLOCK).contains(&(bytes as usize));
                is_about(with.saturating_sub(before)) && is_about(with.saturating_sub(after))
            })
        }
    }

    impl Heap for Glibc {
        fn reading(&self) -> Option<HeapReading> {
            // Pages of the process: all, resident, and of these those of files.
            let text = std::fs::read_to_string("/proc/self/statm").ok()?;
            let mut pages = text.split(' ').skip(1).map_while(|it| it.parse::<u64>().ok());
            let (resident, shared) = (pages.next()?, pages.next()?);
            let taken = resident.saturating_sub(shared) * self.page;
            Some(HeapReading { taken, in_use: self.in_use() })
        }

        fn trim(&self) {
            // SAFETY: may be called at any time; it gives back pages that no block lies in.
            unsafe { libc::malloc_trim(0) };
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
mod glibc {
    use super::{Heap, HeapReading};

    /// There is none here.
    pub(super) enum Glibc {}

    impl Glibc {
        pub(super) fn detect() -> Option<Self> {
            None
        }
    }

    impl Heap for Glibc {
        fn reading(&self) -> Option<HeapReading> {
            match *self {}
        }

        fn trim(&self) {}
    }
}
