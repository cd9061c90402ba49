//! Shares of requests that are answered.

use crate::contestants::{Contestant, foyers, moka, ours, quick};
use crate::trace::{self, KEYS, Random, Request};

/// Values are cut from it: what the warm tier gains must not come from compression...
struct Noise(Vec<u8>);

/// ...or, as real trees do, from a third.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    Incompressible,
    Compressible,
}

impl Noise {
    fn new(values: Values) -> Self {
        let mut random = Random(0xC0FFEE);
        let mut bytes = Vec::with_capacity(1 << 20);
        while bytes.len() < 1 << 20 {
            bytes.extend_from_slice(&random.next().to_le_bytes());
            if values == Values::Compressible {
                bytes.extend_from_slice(&[0; 24]);
            }
        }
        Self(bytes)
    }

    fn value(&self, key: u32) -> Vec<u8> {
        let len = trace::weight(key);
        let at = key as usize * 4096 % (self.0.len() - len);
        self.0[at..at + len].to_vec()
    }
}

fn ratio(cache: &dyn Contestant, requests: &[Request], noise: &Noise) -> f64 {
    let (mut hits, mut asked) = (0u64, 0u64);
    for (key, counts) in requests {
        let hit = cache.has(u64::from(*key));
        if !hit {
            cache.put(u64::from(*key), noise.value(*key));
        }
        asked += u64::from(*counts);
        hits += u64::from(*counts && hit);
    }
    100.0 * hits as f64 / asked as f64
}

/// Every contestant on one trace.
fn row(capacity: u64, requests: &[Request]) -> Vec<(String, f64)> {
    let items = (capacity / (trace::total_weight() / u64::from(KEYS))) as usize;
    let noise = Noise::new(Values::Incompressible);
    let run = |cache: &dyn Contestant| ratio(cache, requests, &noise);
    let mut row = vec![
        ("ours".to_owned(), run(&ours(capacity, 0.75))),
        ("ours, hot only".to_owned(), run(&ours(capacity, 1.0))),
        ("quick_cache".to_owned(), run(&quick(capacity, items))),
        ("moka".to_owned(), run(&moka(capacity))),
    ];
    row.extend(foyers(capacity).into_iter().map(|(name, it)| (name.to_owned(), run(&it))));
    let noise = Noise::new(Values::Compressible);
    let compressible = ratio(&ours(capacity, 0.75), requests, &noise);
    row.push(("ours, lz4 3:1".to_owned(), compressible));
    row
}

fn print(name: &str, row: &[(String, f64)]) {
    let rivals = row.iter().filter(|(name, _)| !name.starts_with("ours"));
    let best = rivals.map(|(_, ratio)| *ratio).fold(0.0, f64::max);
    let met = if row[0].1 >= best - 0.5 { "met" } else { "MISSED" };
    print!("{name:<22}");
    row.iter().for_each(|(_, ratio)| print!("{ratio:>15.2}"));
    println!("{:>+8.2}  {met}", row[0].1 - best);
}

/// A trace's name, the capacity, and how it is made when its turn comes.
type Trace = (String, u64, Box<dyn Fn(u64) -> Vec<Request>>);

fn traces() -> Vec<Trace> {
    let percent = |share: u64| trace::total_weight() * share / 100;
    let mut traces: Vec<Trace> = Vec::new();
    for share in [5, 10, 25] {
        let capacity = percent(share);
        traces.push((format!("Zipf {share}%"), capacity, Box::new(|_| trace::zipf(false))));
        traces.push((format!("Zipf + scans {share}%"), capacity, Box::new(|_| trace::zipf(true))));
    }
    traces.push(("set jumps 10%".to_owned(), percent(10), Box::new(|_| trace::set_jumps())));
    traces.push(("cyclic 1.5x 10%".to_owned(), percent(10), Box::new(trace::cyclic)));
    traces.push(("cyclic + Zipf 10%".to_owned(), percent(10), Box::new(trace::cyclic_and_zipf)));
    traces
}

/// Prints the table, or the rows whose names contain one of these words.
pub(crate) fn run(words: &[String]) {
    println!("\nhit ratio in %, capacity in % of the data; last column: ours less the best rival");
    let mut is_first = true;
    for (name, capacity, requests) in traces() {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word)) {
            continue;
        }
        let row = row(capacity, &requests(capacity));
        if std::mem::take(&mut is_first) {
            print!("{:<22}", "");
            row.iter().for_each(|(name, _)| print!("{name:>15}"));
            println!();
        }
        print(&name, &row);
    }
}
