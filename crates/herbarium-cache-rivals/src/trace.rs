//! Requests, made the same way at every run.

/// One request: a key, and whether it counts.
pub(crate) type Request = (u32, bool);

pub(crate) const KEYS: u32 = 100_000;
const REQUESTS: usize = 2_000_000;
const BETWEEN_SCANS: usize = 250_000;
const SCANNED: u32 = 40_000;
const SKEW: f64 = 0.9;

/// xorshift*: the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Bytes of the value of a key: 1 to 64 KiB, about 9.2 KB on average.
pub(crate) fn weight(key: u32) -> usize {
    let mut random = Random((u64::from(key) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    random.next();
    random.next();
    (1024.0 * 64f64.powf(random.unit().powi(2))) as usize
}

pub(crate) fn total_weight() -> u64 {
    (0..KEYS).map(|key| weight(key) as u64).sum()
}

/// Ranks by Zipf's law.
pub(crate) struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(keys: u32) -> Self {
        let mut sum = 0.0;
        let sums = (1..=keys).map(|rank| {
            sum += f64::from(rank).powf(-SKEW);
            sum
        });
        Self { sums: sums.collect() }
    }

    pub(crate) fn rank(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.sums.last().copied().unwrap_or_default();
        self.sums.partition_point(|sum| *sum < at).min(self.sums.len() - 1)
    }
}

/// Which key has which rank.
pub(crate) fn shuffled(keys: u32, random: &mut Random) -> Vec<u32> {
    let mut order: Vec<u32> = (0..keys).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, (random.next() % (at as u64 + 1)) as usize);
    }
    order
}

/// Zipf(0.9); with scans, 40,000 keys never seen before after every 250,000 requests, which do
/// not count.
pub(crate) fn zipf(with_scans: bool) -> Vec<Request> {
    let mut random = Random(88_172_645_463_325_252);
    let (zipf, order) = (Zipf::new(KEYS), shuffled(KEYS, &mut random));
    let (mut requests, mut unseen) = (Vec::new(), KEYS);
    for request in 1..=REQUESTS {
        requests.push((order[zipf.rank(&mut random)], true));
        if with_scans && request % BETWEEN_SCANS == 0 {
            requests.extend((unseen..unseen + SCANNED).map(|key| (key, false)));
            unseen += SCANNED;
        }
    }
    requests
}

/// Zipf(0.9) whose ranks are dealt anew eight times.
pub(crate) fn set_jumps() -> Vec<Request> {
    let mut random = Random(0x5EED);
    let zipf = Zipf::new(KEYS);
    let mut requests = Vec::new();
    for _ in 0..8 {
        let order = shuffled(KEYS, &mut random);
        requests.extend((0..REQUESTS / 8).map(|_| (order[zipf.rank(&mut random)], true)));
    }
    requests
}

/// Keys that weigh 1.5 times the capacity, round and round.
pub(crate) fn cyclic(capacity: u64) -> Vec<Request> {
    let round = round(capacity);
    round.iter().cycle().take(REQUESTS / 2).map(|key| (*key, true)).collect()
}

/// The same, every second request Zipf(0.9).
pub(crate) fn cyclic_and_zipf(capacity: u64) -> Vec<Request> {
    let cycle = cyclic(capacity);
    // The cycle's keys are others than those of the Zipf part.
    cycle.iter().zip(zipf(false)).flat_map(|((key, _), zipf)| [(key + KEYS, true), zipf]).collect()
}

fn round(capacity: u64) -> Vec<u32> {
    let (mut bytes, mut keys) = (0, Vec::new());
    for key in 0.. {
        bytes += weight(key) as u64;
        if 2 * bytes > 3 * capacity {
            break;
        }
        keys.push(key);
    }
    keys
}
