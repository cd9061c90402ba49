//! Arrivals follow the law that they are named after.

use std::time::Duration;

use herbarium_loadgen::arrivals::{Leg, Schedule, Shape, Spacing};
use proptest::prelude::*;

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

fn times(shape: Shape, length: f64, spacing: Spacing, seed: u64) -> Vec<f64> {
    let leg = Leg { shape, length: secs(length) };
    let schedule = Schedule::new(vec![leg], spacing).with_seed(seed);
    schedule.arrivals().map(|arrival| arrival.at.as_secs_f64()).collect()
}

/// Kolmogorov and Smirnov: how far a sample lies from its law, at most. Beyond
/// `2 / sqrt(n)` it does so by chance once in 1,500 samples.
fn assert_law(sample: &[f64], law: impl Fn(f64) -> f64) {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let distances = sorted.iter().enumerate().map(|(at, value)| {
        let expected = law(*value);
        (expected - at as f64 / count).abs().max(((at + 1) as f64 / count - expected).abs())
    });
    let farthest = distances.fold(0.0, f64::max);
    assert!(farthest < 2.0 / count.sqrt(), "{farthest} of {count}");
}

fn gaps(times: &[f64]) -> Vec<f64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn even_arrivals_are_even() {
    let times = times(Shape::Hold { rate: 200.0 }, 10.0, Spacing::Even, 1);
    assert_eq!(times.len(), 2_000);
    assert!(times.iter().enumerate().all(|(at, time)| (time - at as f64 / 200.0).abs() < 1e-8));
}

#[test]
fn gaps_of_a_poisson_process_are_exponential_and_free_of_memory() {
    for seed in 1..=5 {
        let times = times(Shape::Hold { rate: 50.0 }, 400.0, Spacing::Poisson, seed);
        let gaps = gaps(&times);
        assert_law(&gaps, |gap| 1.0 - (-50.0 * gap).exp());
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let together = gaps.windows(2).map(|it| (it[0] - mean) * (it[1] - mean)).sum::<f64>();
        let alone = gaps.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
        assert!((together / alone).abs() < 4.0 / (gaps.len() as f64).sqrt());
    }
}

#[test]
fn counts_of_a_poisson_process_vary_as_much_as_they_are_large() {
    let times = times(Shape::Hold { rate: 100.0 }, 1_000.0, Spacing::Poisson, 3);
    let mut counts = vec![0.0_f64; 1_000];
    times.iter().for_each(|time| counts[*time as usize] += 1.0);
    let mean = counts.iter().sum::<f64>() / 1_000.0;
    let variance = counts.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 999.0;
    assert!((mean - 100.0).abs() < 1.5, "{mean}");
    // Its standard error is 4.5%.
    assert!((variance / mean - 1.0).abs() < 0.18, "{variance} {mean}");
}

#[test]
fn arrivals_of_a_ramp_lie_as_its_area_does() {
    for spacing in [Spacing::Even, Spacing::Poisson] {
        for (from, to) in [(0.0, 400.0), (400.0, 0.0), (100.0, 300.0)] {
            let times = times(Shape::Ramp { from, to }, 20.0, spacing, 9);
            let area = |at: f64| from * at + (to - from) * at * at / 40.0;
            assert!((times.len() as f64 / area(20.0) - 1.0).abs() < 0.06, "{}", times.len());
            assert_law(&times, |at| area(at) / area(20.0));
        }
    }
}

#[test]
fn steps_and_spikes_have_their_rates() {
    let check = |shape: Shape, counts: &[usize]| {
        let times = times(shape, 10.0, Spacing::Even, 1);
        let found: Vec<usize> = (0..counts.len())
            .map(|at| {
                let length = 10.0 / counts.len() as f64;
                let inside = |time: &&f64| {
                    (**time + 1e-9) >= at as f64 * length
                        && (**time + 1e-9) < (at + 1) as f64 * length
                };
                times.iter().filter(inside).count()
            })
            .collect();
        assert_eq!(found, counts);
    };
    check(Shape::Steps { from: 10.0, to: 50.0, count: 5 }, &[20, 40, 60, 80, 100]);
    let (after, hold) = (secs(2.0), secs(4.0));
    check(Shape::Spike { base: 10.0, peak: 100.0, after, hold }, &[20, 200, 200, 20, 20]);
    check(Shape::Burst { size: 7, every: secs(2.0) }, &[7, 7, 7, 7, 7]);
    let trace = [0.5, 0.5, 3.0, 9.9, 10.0, 11.0].map(secs);
    check(Shape::Replay { times: trace.into() }, &[2, 1, 0, 0, 1]);
}

#[test]
fn nothing_is_lost_or_doubled_where_legs_meet() {
    let leg = |rate| Leg { shape: Shape::Hold { rate }, length: secs(0.7) };
    let schedule = Schedule::new(vec![leg(10.0), leg(30.0), leg(0.0), leg(10.0)], Spacing::Even);
    let times: Vec<f64> = schedule.arrivals().map(|it| it.at.as_secs_f64()).collect();
    assert_eq!(times.len(), 7 + 21 + 7);
    assert_eq!(schedule.expected().round() as usize, times.len());
    assert!(gaps(&times).iter().all(|gap| *gap > 0.03));
}

#[test]
fn a_seed_is_a_schedule() {
    let of = |seed| times(Shape::Hold { rate: 50.0 }, 5.0, Spacing::Poisson, seed);
    assert_eq!(of(4), of(4));
    assert_ne!(of(4), of(5));
}

proptest! {
    /// Whatever the shape: in order, within the legs, and all parts are the whole.
    #[test]
    fn parts_are_the_whole(
        rates in prop::collection::vec((0.0..500.0_f64, 0.0..500.0_f64, 0.01..3.0_f64), 1..5),
        poisson: bool,
        seed: u64,
        of in 1..7_u64,
    ) {
        let legs = rates.iter().map(|(from, to, length)| Leg {
            shape: Shape::Ramp { from: *from, to: *to },
            length: secs(*length),
        });
        let spacing = if poisson { Spacing::Poisson } else { Spacing::Even };
        let schedule = Schedule::new(legs.collect(), spacing).with_seed(seed);
        let whole: Vec<_> = schedule.arrivals().collect();
        prop_assert!(whole.windows(2).all(|pair| pair[0].at <= pair[1].at));
        prop_assert!(whole.iter().all(|it| it.at <= schedule.length()));
        let mut parts: Vec<_> = (0..of).flat_map(|part| schedule.part(part, of)).collect();
        parts.sort_by_key(|arrival| arrival.index);
        prop_assert_eq!(&parts, &whole);
        if !poisson {
            let off = (whole.len() as f64 - schedule.expected()).abs();
            prop_assert!(off <= 1.0, "{}", off);
        }
    }
}
