//! A little statistics: slopes and intervals of confidence.

use crate::random::Random;

/// The median of all slopes between two points (Theil and Sen): a few wild
/// points do not move it. `None` for fewer than two different times.
///
/// ```
/// use herbarium_loadgen::stats::theil_sen;
///
/// let mut points: Vec<_> = (0..50).map(|i| (i as f64, 3.0 * i as f64 + 1.0)).collect();
/// points[20].1 = 1e9;
/// assert_eq!(theil_sen(&points), Some(3.0));
/// ```
pub fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let points = thin(points);
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (at, (x, y)) in points.iter().enumerate() {
        for (later_x, later_y) in &points[at + 1..] {
            if later_x > x {
                slopes.push((later_y - y) / (later_x - x));
            }
        }
    }
    median(&mut slopes)
}

/// Half a million slopes are enough for any series.
const MOST_POINTS: usize = 1_000;

fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().step_by(points.len().div_ceil(MOST_POINTS).max(1)).copied().collect()
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(match values.len() % 2 {
        1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    })
}

/// An estimate and where it most likely lies.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The 95% interval of a statistic of two groups, by drawing from each with
/// replacement, `rounds` times. `statistic` gets the positions drawn.
pub fn bootstrap(
    sizes: (usize, usize),
    rounds: usize,
    seed: u64,
    mut statistic: impl FnMut(&[usize], &[usize]) -> f64,
) -> Option<Interval> {
    if sizes.0 == 0 || sizes.1 == 0 || rounds == 0 {
        return None;
    }
    let mut random = Random::new(seed);
    let mut draw = |size: usize| -> Vec<usize> {
        (0..size).map(|_| random.below(size as u64) as usize).collect()
    };
    let mut values: Vec<f64> = (0..rounds)
        .map(|_| {
            let (first, second) = (draw(sizes.0), draw(sizes.1));
            statistic(&first, &second)
        })
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len().max(1) - 1) as f64 * share).round() as usize);
    Some(Interval { low: *at(0.025)?, high: *at(0.975)? })
}
