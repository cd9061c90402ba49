//! Random numbers that are the same everywhere and for ever: a seed in a
//! scenario must give the same schedule after an update, too.

/// A small generator (SplitMix64): a run needs speed and a good spread, not
/// secrecy.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

/// The golden ratio in 64 bits, the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream that belongs to a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of one arrival among many: arrival `index` asks for the same
    /// keys whatever the number of workers.
    pub fn of(seed: u64, index: u64) -> Self {
        let mut mixed = Self::new(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        Self::new(mixed.next_u64())
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: no division, and a bias below 2^-32 for
        // what a scenario can hold.
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// The time to the next event of a process with one event per unit of time.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }
}
