//! How long single hot hits take.

use std::hint::black_box;
use std::time::Instant;

use crate::contestants::{Contestant, ours, quick};
use crate::trace::{Random, Zipf, shuffled};

const RESIDENT: u32 = 20_000;
const GETS: usize = 2_000_000;

/// Prints quantiles, the clock's own time included.
pub(crate) fn run() {
    println!("\nsingle hot hits in ns, the clock included: 50%, 99%, 99.9%");
    let (our, plain) = (ours(256 << 20, 0.75), quick(256 << 20, RESIDENT as usize * 2));
    for cache in [&our as &dyn Contestant, &plain] {
        (0..u64::from(RESIDENT)).for_each(|key| cache.put(key, vec![0; 1000]));
    }
    show("the clock alone", |_| {});
    show("quick_cache", |key| drop(black_box(plain.get(&key))));
    show("ours", |key| drop(black_box(our.get(&key))));
}

fn show(name: &str, get: impl Fn(u64)) {
    let mut random = Random(0xBEEF);
    let (zipf, order) = (Zipf::new(RESIDENT), shuffled(RESIDENT, &mut random));
    let mut times: Vec<u32> = Vec::with_capacity(GETS);
    for _ in 0..GETS {
        let key = u64::from(order[zipf.rank(&mut random)]);
        let since = Instant::now();
        get(key);
        times.push(since.elapsed().as_nanos() as u32);
    }
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    println!("  {name:<18}{:>8}{:>8}{:>8}", at(0.5), at(0.99), at(0.999));
}
