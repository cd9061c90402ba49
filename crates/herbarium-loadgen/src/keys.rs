//! Which key a request asks for. For a cache this decides everything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::span::Span;

/// How popular keys are.
///
/// ```
/// use herbarium_loadgen::keys::{Keys, Popularity};
/// use herbarium_loadgen::Random;
///
/// let keys = Keys::new(1_000, Popularity::Zipf { exponent: 1.0 });
/// let mut random = Random::new(7);
/// let first = (0..10_000).filter(|_| keys.pick(&mut random, Default::default()) == 0).count();
/// // One in 7.5 asks for the most popular of a thousand.
/// assert!((1_200..1_500).contains(&first), "{first}");
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Popularity {
    /// All alike.
    #[default]
    Uniform,
    /// The k-th most popular is asked for in proportion to `1 / k^exponent`.
    Zipf {
        /// 0 is uniform, 1 is usual for what people look up.
        exponent: f64,
    },
    /// A small set is hot, and moves on after a while.
    HotSet {
        /// Share of the keys that is hot, such as 0.1.
        keys: f64,
        /// Share of the requests that goes there, such as 0.9.
        requests: f64,
        /// How long until the next keys are hot.
        moves_every: Span,
    },
}

/// Picks keys `0..count`.
#[derive(Clone, Debug)]
pub struct Keys {
    count: u64,
    popularity: Popularity,
    zipf: Option<Zipf>,
}

impl Keys {
    /// At least one key.
    pub fn new(count: u64, popularity: Popularity) -> Self {
        let count = count.max(1);
        let zipf = match popularity {
            Popularity::Zipf { exponent } => Some(Zipf::new(count, exponent)),
            _ => None,
        };
        Self { count, popularity, zipf }
    }

    /// The key of a request that is due at `at`.
    pub fn pick(&self, random: &mut Random, at: Duration) -> u64 {
        match (&self.zipf, self.popularity) {
            (Some(zipf), _) => zipf.pick(random),
            (None, Popularity::HotSet { keys, requests, moves_every }) => {
                self.pick_hot(random, at, keys, requests, moves_every)
            }
            (None, _) => random.below(self.count),
        }
    }

    fn pick_hot(
        &self,
        random: &mut Random,
        at: Duration,
        keys: f64,
        share: f64,
        every: Span,
    ) -> u64 {
        let hot = ((self.count as f64 * keys) as u64).clamp(1, self.count);
        let moved = at.as_nanos() / every.get().as_nanos().max(1);
        let start = (moved as u64).wrapping_mul(hot) % self.count;
        let offset = match random.unit() < share {
            true => random.below(hot),
            false => hot + random.below(self.count - hot),
        };
        (start + offset) % self.count
    }
}

/// Zipf's law by rejection-inversion (Hörmann and Derflinger, 1996): constant
/// time and memory for any number of keys.
#[derive(Clone, Debug)]
struct Zipf {
    count: f64,
    exponent: f64,
    area_first: f64,
    area_all: f64,
    shortcut: f64,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut zipf = Self {
            count: count as f64,
            exponent: exponent.max(0.0),
            area_first: 0.0,
            area_all: 0.0,
            shortcut: 0.0,
        };
        zipf.area_first = zipf.area(1.5) - 1.0;
        zipf.area_all = zipf.area(zipf.count + 0.5);
        zipf.shortcut = 2.0 - zipf.area_inverse(zipf.area(2.5) - zipf.density(2.0));
        zipf
    }

    fn pick(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.area_all + random.unit() * (self.area_first - self.area_all);
            let x = self.area_inverse(area);
            let k = (x + 0.5).floor().clamp(1.0, self.count);
            if k - x <= self.shortcut || area >= self.area(k + 0.5) - self.density(k) {
                return k as u64 - 1;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density.
    fn area(&self, x: f64) -> f64 {
        let log = x.ln();
        expm1_ratio((1.0 - self.exponent) * log) * log
    }

    fn area_inverse(&self, area: f64) -> f64 {
        let t = (area * (1.0 - self.exponent)).max(-1.0);
        (ln1p_ratio(t) * area).exp()
    }
}

/// `(e^x - 1) / x`, also near 0.
fn expm1_ratio(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x / 2.0 * (1.0 + x / 3.0) }
}

/// `ln(1 + x) / x`, also near 0.
fn ln1p_ratio(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x * (0.5 - x / 3.0) }
}
