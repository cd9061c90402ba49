//! Keys are as popular as they are said to be.

use std::time::Duration;

use herbarium_loadgen::keys::{Keys, Popularity};
use herbarium_loadgen::{Random, Span};

const DRAWS: usize = 200_000;

fn counts(keys: &Keys, count: usize, at: Duration) -> Vec<f64> {
    let mut random = Random::new(11);
    let mut counts = vec![0.0; count];
    for _ in 0..DRAWS {
        counts[keys.pick(&mut random, at) as usize] += 1.0;
    }
    counts
}

/// Pearson's chi-squared, over its degrees of freedom: near 1 if the law holds.
fn assert_law(counts: &[f64], law: impl Fn(usize) -> f64) {
    let whole: f64 = (0..counts.len()).map(&law).sum();
    let parts = counts.iter().enumerate().map(|(at, count)| {
        let expected = law(at) / whole * DRAWS as f64;
        (count - expected).powi(2) / expected
    });
    let freedom = (counts.len() - 1) as f64;
    let excess = parts.sum::<f64>() / freedom - 1.0;
    assert!(excess.abs() < 5.0 * (2.0 / freedom).sqrt(), "{excess}");
}

#[test]
fn zipf_follows_its_law_for_every_exponent() {
    for exponent in [0.0, 0.5, 1.0, 1.3, 2.0] {
        let keys = Keys::new(100, Popularity::Zipf { exponent });
        assert_law(&counts(&keys, 100, Duration::ZERO), |at| (at as f64 + 1.0).powf(-exponent));
    }
}

#[test]
fn uniform_keys_are_all_alike() {
    let keys = Keys::new(64, Popularity::Uniform);
    assert_law(&counts(&keys, 64, Duration::ZERO), |_| 1.0);
}

#[test]
fn the_hot_set_is_hot_and_moves_on() {
    let popularity = Popularity::HotSet { keys: 0.1, requests: 0.9, moves_every: Span::secs(10) };
    let keys = Keys::new(100, popularity);
    for (at, first) in [(0, 0), (9, 0), (10, 10), (95, 90), (100, 0)] {
        let counts = counts(&keys, 100, Duration::from_secs(at));
        let hot = counts[first..first + 10].iter().sum::<f64>() / DRAWS as f64;
        assert!((hot - 0.9).abs() < 0.01, "{hot} at {at}");
    }
}

#[test]
fn one_key_is_enough() {
    for popularity in [
        Popularity::Uniform,
        Popularity::Zipf { exponent: 1.0 },
        Popularity::HotSet { keys: 0.0, requests: 0.5, moves_every: Span::secs(0) },
    ] {
        let keys = Keys::new(0, popularity);
        assert_eq!(keys.pick(&mut Random::new(1), Duration::from_secs(9)), 0);
    }
}
