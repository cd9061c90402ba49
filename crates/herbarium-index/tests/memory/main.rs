//! The budget is a promise about trees, too: of all sizes, as the allocator counts them, with
//! what it adds to each block. Many of a tree's blocks are short.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use herbarium_index::{CacheOptions, Cancel, Compression, Engine, EngineOptions, Source};
use herbarium_store::{Store, StoreOptions, TreeKey};

struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

/// What glibc takes for a block: a header of a word, in steps of 16 bytes.
fn taken(size: usize) -> i64 {
    ((size + 8).next_multiple_of(16)).max(32) as i64
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(taken(size) - taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BUDGET: u64 = 6 << 20;

/// Some sources: how many, and of how many functions the longest is.
struct Load {
    name: &'static str,
    sources: usize,
    functions: usize,
}

const LOADS: &[Load] = &[
    Load { name: "tiny", sources: 9_000, functions: 0 },
    Load { name: "small", sources: 5_000, functions: 3 },
    Load { name: "middle", sources: 1_500, functions: 40 },
    Load { name: "mixed", sources: 1_200, functions: 300 },
];

impl Load {
    /// Each another one, in several languages; one in seven is cut off and so has errors.
    fn source(&self, number: usize) -> (&'static str, String) {
        // Most are far shorter than the longest.
        let functions = self.functions * (number % 17) * (number % 19) / (16 * 18);
        let (path, function) = match number % 5 {
            0 => ("a.rs", "fn NAME(a: u32) -> u32 {\n    let b = call(a, 2);\n    b + 1\n}\n"),
            1 => ("a.py", "def NAME(a):\n    b = call(a, 'x')\n    return b + 1\n"),
            2 => ("a.c", "int NAME(int a) {\n  int b = call(a, 2);\n  return b + 1;\n}\n"),
            3 => ("a.js", "function NAME(a) {\n  const b = call(a);\n  return b + 1;\n}\n"),
            _ => ("a.json", "{\"NAME\": [1, 2, 3, {\"a\": null}, true]}\n"),
        };
        if self.functions == 0 {
            return (path, number.to_string());
        }
        let name = |at| function.replace("NAME", &format!("name_{number}_{at}"));
        let mut text: String = (0..=functions).map(name).collect();
        if number.is_multiple_of(7) {
            text.truncate(text.len() * 2 / 3);
        }
        (path, text)
    }

    /// Has all trees made, or found.
    fn open(&self, engine: &Engine) -> Vec<TreeKey> {
        let key = |number| {
            let (path, text) = self.source(number);
            let source = Source { path: Path::new(path), ..Source::new(text.as_bytes()) };
            engine.open_source(&source, &Cancel::new()).unwrap().key
        };
        (0..self.sources).map(key).collect()
    }
}

/// The bytes that come with an engine that keeps trees like this, once it has done all this
/// work: the most that there were between two trees.
fn taken_by(
    store: &Arc<Store>,
    cache: &CacheOptions,
    work: impl Fn(&Engine, &mut dyn FnMut()),
) -> i64 {
    let before = LIVE.load(Ordering::Relaxed);
    let options = EngineOptions { workers: 1, cache: cache.clone(), ..EngineOptions::default() };
    let engine = Engine::new(Arc::clone(store), options);
    let mut most = 0;
    work(&engine, &mut || most = most.max(LIVE.load(Ordering::Relaxed) - before));
    most
}

fn check(load: &Load, caches: &[CacheOptions]) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new()).unwrap());
    let keys = load.open(&Engine::new(Arc::clone(&store), EngineOptions::default()));
    let read = |engine: &Engine, look: &mut dyn FnMut()| {
        for round in 0..4 {
            for at in 0..keys.len() {
                // Some far more often than others.
                let at = if round % 2 == 0 { at } else { at * (at % 97) / 97 };
                drop(engine.open_key(&keys[at]).unwrap());
                look();
            }
        }
    };
    // What an engine takes that keeps no tree, with all that a store keeps of what it read.
    let nothing = CacheOptions { budget: 0, ..CacheOptions::default() };
    taken_by(&store, &nothing, read);
    let other = taken_by(&store, &nothing, read);
    for cache in caches {
        let taken = taken_by(&store, cache, read) - other;
        let share = taken as f64 / cache.budget as f64;
        assert!(share <= 1.05, "{}, {cache:?}: {share:.3} of the budget", load.name);
        // Where nothing is warm as it is, all trees of some loads fit.
        assert!(share >= 0.7, "{}, {cache:?}: only {share:.3} of the budget", load.name);
    }
}

#[test]
fn trees_of_all_sizes_stay_within_5_percent_of_the_budget() {
    let default = CacheOptions { budget: BUDGET, ..CacheOptions::default() };
    let caches = [
        default.clone(),
        CacheOptions { hot_percent: 5, ..default.clone() },
        CacheOptions { hot_percent: 5, warm: Compression::None, ..default.clone() },
        CacheOptions { warm_whole: 0, ..default },
    ];
    LOADS.iter().for_each(|load| check(load, &caches));
}
