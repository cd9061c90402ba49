//! Hot hits a second.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};
use quick_cache::Weighter;
use quick_cache::sync::Cache as QuickCache;

use crate::contestants::{Contestant, Shared, foyers, moka, moka_vec, ours, quick, quick_vec};
use crate::trace::{Random, Zipf, shuffled};

const RESIDENT: u32 = 20_000;
const CAPACITY: u64 = 256 << 20;
const VALUE: usize = 1000;
const ROUNDS: usize = 200;
/// So many of the contestants are close enough to need all rounds.
const CLOSE: usize = 5;
const GETS: usize = 60_000;

/// A loop over one cache: gets these keys, says how many were there. One for each type, so that
/// no call goes through a table.
type Round<'a> = Box<dyn Fn(&[u64]) -> usize + Sync + 'a>;

/// Prints shares of plain `quick_cache`, and hits a second.
pub(crate) fn run() {
    println!(
        "\nhot hits, all resident, Zipf(0.9); `quick_cache` holds `Arc<Vec<u8>>` as ours does"
    );
    let items = RESIDENT as usize * 2;
    let (our, plain, twin) = (ours(CAPACITY, 0.75), quick(CAPACITY, items), quick(CAPACITY, items));
    let entries = QuickCache::<u64, OurEntry, _>::with_weighter(items, CAPACITY, ByNumber);
    let (plain_vec, moka, moka_vec) =
        (quick_vec(CAPACITY, items), moka(CAPACITY), moka_vec(CAPACITY));
    let [(_, foyer), ..] = foyers(CAPACITY);
    let all: [&dyn Contestant; 7] = [&our, &plain, &twin, &plain_vec, &moka, &moka_vec, &foyer];
    // Key by key, so that no cache has its values in better memory than another.
    for key in 0..u64::from(RESIDENT) {
        all.iter().for_each(|cache| cache.put(key, vec![key as u8; VALUE]));
        entries.insert(key, OurEntry(Shared::new(vec![key as u8; VALUE]), VALUE as u64));
    }

    macro_rules! round {
        ($name:literal, $cache:expr) => {{
            let cache = &$cache;
            let round: Round<'_> = Box::new(move |keys| {
                keys.iter().filter(|key: &&u64| black_box(cache.get(*key)).is_some()).count()
            });
            ($name, round)
        }};
    }
    let ours_with_recorder: Round<'_> = {
        let (cache, recorder) = (&our, Recorder::default());
        Box::new(move |keys| {
            metrics::with_local_recorder(&recorder, || {
                keys.iter().filter(|key| black_box(cache.get(*key)).is_some()).count()
            })
        })
    };
    let contestants = [
        round!("quick_cache", plain),
        round!("ours", our),
        round!("quick_cache again", twin),
        // Not next to ours: the second of the two would find the values in nearer memory.
        ("ours, with a recorder", ours_with_recorder),
        round!("quick_cache, our entry", entries),
        round!("quick_cache Vec<u8>", plain_vec),
        round!("moka", moka),
        round!("moka Vec<u8>", moka_vec),
        round!("foyer S3-FIFO", foyer),
    ];
    for threads in [1, 2] {
        compare(&contestants, threads);
    }
}

/// What hears of the metrics: as cheap as a recorder can be that keeps all it is told. Without
/// one, what is left of the metrics is a load and a store at each hit.
#[derive(Default)]
struct Recorder {
    number: Arc<AtomicU64>,
    times: Arc<Times>,
}

#[derive(Default)]
struct Times(AtomicU64);

impl HistogramFn for Times {
    fn record(&self, seconds: f64) {
        self.0.fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number.clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number.clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.times.clone())
    }
}

/// What ours keeps beside the value, so that the rest of the difference is the work of ours at
/// a hit: finding the tier and counting. No metrics can cost more than that.
#[derive(Clone)]
struct OurEntry(#[expect(dead_code, reason = "read by cloning")] Shared, u64);

#[derive(Clone)]
struct ByNumber;

impl Weighter<u64, OurEntry> for ByNumber {
    fn weight(&self, _: &u64, entry: &OurEntry) -> u64 {
        entry.1
    }
}

fn compare(contestants: &[(&str, Round<'_>)], threads: usize) {
    let mut random = Random(0xFACE);
    let (zipf, order) = (Zipf::new(RESIDENT), shuffled(RESIDENT, &mut random));
    let keys: Vec<u64> = (0..GETS).map(|_| u64::from(order[zipf.rank(&mut random)])).collect();
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        // They take turns, each time in another order.
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            // The slow ones would take nearly all the time.
            if at >= CLOSE && !round.is_multiple_of(10) {
                continue;
            }
            let rate = rate(&contestants[at].1, &keys, threads);
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    let load = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    println!("the machine, waiting for a processor: {}", load.lines().next().unwrap_or("not told"));
    println!(
        "{threads} thread(s): share of quick_cache, median of {ROUNDS} rounds; million a second"
    );
    let plain = (quantile(&mut rates[0].clone(), 0.5), quantile(&mut rates[0].clone(), 0.9));
    for (at, (name, _)) in contestants.iter().enumerate() {
        let (middle, best) = (quantile(&mut rates[at], 0.5), quantile(&mut rates[at], 0.9));
        let (median, tenth) = (middle / plain.0, best / plain.1);
        println!("  {name:<24}{median:>8.3}{tenth:>8.3}{:>10.1}", best / 1e6);
    }
}

fn rate(round: &Round<'_>, keys: &[u64], threads: usize) -> f64 {
    let start = Barrier::new(threads);
    let seconds = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let start = &start;
            scope.spawn(move || {
                let (before, after) = keys.split_at(thread * keys.len() / threads);
                start.wait();
                let since = Instant::now();
                let found = round(after) + round(before);
                assert_eq!(found, keys.len(), "all are resident");
                since.elapsed().as_secs_f64()
            })
        };
        let threads: Vec<_> = (0..threads).map(run).collect();
        let seconds = threads.into_iter().map(|it| it.join().expect("it does not panic"));
        seconds.fold(0.0, f64::max)
    });
    (keys.len() * threads) as f64 / seconds
}

fn quantile(numbers: &mut [f64], share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() as f64 * share) as usize]
}
