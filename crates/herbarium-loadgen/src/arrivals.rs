//! When requests are due: times computed from the start of the run, never from
//! when the one before was answered.
//!
//! A [`Schedule`] is a list of [`Leg`]s. The rate over time is a function made
//! of straight pieces, λ(t), and the n-th arrival is due where its integral
//! Λ(t) reaches n ([`Spacing::Even`]) or the n-th event of a unit Poisson
//! process ([`Spacing::Poisson`]). Pieces join without a jump: what is left of
//! one arrival at the end of a piece is carried into the next.
//!
//! ```
//! use herbarium_loadgen::arrivals::{Leg, Schedule, Shape, Spacing};
//! use std::time::Duration;
//!
//! let leg = Leg { shape: Shape::Hold { rate: 50.0 }, length: Duration::from_secs(10) };
//! let schedule = Schedule::new(vec![leg], Spacing::Even);
//! let times: Vec<_> = schedule.arrivals().map(|arrival| arrival.at).collect();
//! assert_eq!(times.len(), 500);
//! assert_eq!(times[3], Duration::from_millis(60));
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// How the rate of arrivals goes over one leg, in arrivals a second.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// The same rate all the time.
    Hold {
        /// Arrivals a second.
        rate: f64,
    },
    /// A straight line from one rate to another.
    Ramp {
        /// At the start.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// Stairs of equal length, the first at `from`, the last at `to`.
    Steps {
        /// Rate of the first step.
        from: f64,
        /// Rate of the last step.
        to: f64,
        /// Number of steps, at least one.
        count: u32,
    },
    /// `base`, then at once `peak`, then `base` again.
    Spike {
        /// Rate before and after.
        base: f64,
        /// Rate of the spike.
        peak: f64,
        /// When the spike begins, from the start of the leg.
        after: Duration,
        /// How long it lasts.
        hold: Duration,
    },
    /// So many arrivals at the same instant, again and again.
    Burst {
        /// Arrivals at once.
        size: u64,
        /// From one burst to the next.
        every: Duration,
    },
    /// Times recorded elsewhere, from the start of the leg, in order.
    Replay {
        /// Those after the leg's length are left out.
        times: Arc<[Duration]>,
    },
}

/// A shape and how long it lasts.
#[derive(Clone, PartialEq, Debug)]
pub struct Leg {
    /// How the rate goes.
    pub shape: Shape,
    /// How long.
    pub length: Duration,
}

/// How arrivals lie around the rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// As even as the rate allows: every 20 ms at 50 a second.
    Even,
    /// As independent people arrive: the gaps are exponential, counts are
    /// Poisson distributed.
    #[default]
    Poisson,
}

/// When requests are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    legs: Vec<Leg>,
    spacing: Spacing,
    seed: u64,
}

/// One request that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// From the start of the run.
    pub at: Duration,
    /// The leg it belongs to.
    pub leg: usize,
    /// Its number, from 0.
    pub index: u64,
}

impl Schedule {
    /// Legs one after the other. The seed of Poisson arrivals is 1.
    pub fn new(legs: Vec<Leg>, spacing: Spacing) -> Self {
        Self { legs, spacing, seed: 1 }
    }

    /// Another seed for Poisson arrivals.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How long all legs last.
    pub fn length(&self) -> Duration {
        self.legs.iter().map(|leg| leg.length).sum()
    }

    /// The number of arrivals: exact for even ones, bursts and replays, the mean
    /// for Poisson.
    pub fn expected(&self) -> f64 {
        self.legs.iter().flat_map(pieces).map(|piece| piece.expected()).sum()
    }

    /// The rate at a time, for drawing; bursts and replays are shown by their mean.
    pub fn rate_at(&self, at: Duration) -> f64 {
        let mut start = 0.0;
        let at = at.as_secs_f64();
        for piece in self.legs.iter().flat_map(pieces) {
            let length = piece.length();
            if at < start + length {
                return piece.rate_at(at - start);
            }
            start += length;
        }
        0.0
    }

    /// All arrivals in order.
    pub fn arrivals(&self) -> Arrivals {
        let mut start = 0.0;
        let mut pieces_left = Vec::new();
        for (leg, of) in self.legs.iter().enumerate() {
            for piece in pieces(of) {
                let length = piece.length();
                pieces_left.push(Placed { piece, leg, start });
                start += length;
            }
        }
        pieces_left.reverse();
        Arrivals {
            left: pieces_left,
            reached: 0.0,
            next: match self.spacing {
                Spacing::Even => Mark::Even(0),
                Spacing::Poisson => Mark::poisson(self.seed),
            },
            inside: 0,
            index: 0,
        }
    }

    /// Every `of`-th arrival, from number `part` on: all parts together are
    /// exactly the whole.
    pub fn part(&self, part: u64, of: u64) -> impl Iterator<Item = Arrival> + use<> {
        self.arrivals().filter(move |arrival| arrival.index % of.max(1) == part)
    }
}

/// Part of a leg over which the rate is a straight line, or single times.
#[derive(Clone, Debug)]
enum Piece {
    Line { from: f64, to: f64, length: f64 },
    Burst { size: u64, every: f64, length: f64 },
    Times { times: Arc<[Duration]>, length: Duration },
}

/// Splits a leg into pieces.
fn pieces(leg: &Leg) -> Vec<Piece> {
    let length = leg.length.as_secs_f64();
    let line = |from, to, length| Piece::Line { from, to, length };
    match &leg.shape {
        Shape::Hold { rate } => vec![line(*rate, *rate, length)],
        Shape::Ramp { from, to } => vec![line(*from, *to, length)],
        Shape::Steps { from, to, count } => steps(*from, *to, (*count).max(1))
            .map(|rate| line(rate, rate, length / f64::from((*count).max(1))))
            .collect(),
        Shape::Spike { base, peak, after, hold } => {
            let after = after.as_secs_f64().min(length);
            let hold = hold.as_secs_f64().min(length - after);
            let rest = length - after - hold;
            vec![line(*base, *base, after), line(*peak, *peak, hold), line(*base, *base, rest)]
        }
        Shape::Burst { size, every } => {
            vec![Piece::Burst { size: *size, every: every.as_secs_f64().max(1e-6), length }]
        }
        Shape::Replay { times } => {
            vec![Piece::Times { times: Arc::clone(times), length: leg.length }]
        }
    }
}

/// Rates of stairs.
pub(crate) fn steps(from: f64, to: f64, count: u32) -> impl Iterator<Item = f64> {
    let between = f64::from(count.saturating_sub(1).max(1));
    (0..count).map(move |step| from + (to - from) * f64::from(step) / between)
}

impl Piece {
    fn length(&self) -> f64 {
        match self {
            Self::Line { length, .. } | Self::Burst { length, .. } => *length,
            Self::Times { length, .. } => length.as_secs_f64(),
        }
    }

    fn rate_at(&self, at: f64) -> f64 {
        match self {
            Self::Line { from, to, length } => from + (to - from) * (at / length.max(1e-9)),
            _ => self.expected() / self.length().max(1e-9),
        }
    }

    fn expected(&self) -> f64 {
        match self {
            Self::Line { from, to, length } => (from + to) / 2.0 * length,
            Self::Burst { size, every, length } => *size as f64 * (length / every - 1e-9).ceil(),
            Self::Times { times, length } => times.partition_point(|at| at < length) as f64,
        }
    }

    /// Where the integral of the rate reaches `area`, if it does within the piece.
    fn inverse(from: f64, to: f64, length: f64, area: f64) -> Option<f64> {
        let slope = (to - from) / length.max(1e-12);
        let root = from.mul_add(from, 2.0 * slope * area);
        // This form of the root of a quadratic also holds for a slope of 0.
        let below = from + root.max(0.0).sqrt();
        let at = if area <= 0.0 { 0.0 } else { 2.0 * area / below };
        (root >= 0.0 && at.is_finite() && at < length).then_some(at)
    }
}

#[derive(Clone, Debug)]
struct Placed {
    piece: Piece,
    leg: usize,
    start: f64,
}

/// The value of the integral at which the next arrival is due.
#[derive(Clone, Debug)]
enum Mark {
    /// A count, not a sum: no error adds up over a long run.
    Even(u64),
    Poisson {
        random: Random,
        at: f64,
    },
}

impl Mark {
    fn poisson(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let at = random.exponential();
        Self::Poisson { random, at }
    }

    fn value(&self) -> f64 {
        match self {
            Self::Even(count) => *count as f64,
            Self::Poisson { at, .. } => *at,
        }
    }

    fn advance(&mut self) {
        match self {
            Self::Even(count) => *count += 1,
            Self::Poisson { random, at } => *at += random.exponential(),
        }
    }
}

/// The arrivals of a [`Schedule`], in order; endless memory is not needed.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Pieces still to come, the next one last.
    left: Vec<Placed>,
    /// The integral of the rate up to the start of the current piece.
    reached: f64,
    next: Mark,
    /// Arrivals taken from the current piece, where it is one of single times.
    inside: u64,
    index: u64,
}

/// Differences below this are those of floating-point sums, not of schedules.
const AREA_NOISE: f64 = 1e-9;

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let placed = self.left.last()?;
            let (leg, start) = (placed.leg, placed.start);
            if let Some(at) = self.next_inside() {
                let index = self.index;
                self.index += 1;
                let at = Duration::from_secs_f64((start + at).max(0.0));
                return Some(Arrival { at, leg, index });
            }
            self.leave();
        }
    }
}

impl Arrivals {
    /// Seconds from the start of the current piece to its next arrival.
    fn next_inside(&mut self) -> Option<f64> {
        let placed = self.left.last()?;
        match &placed.piece {
            Piece::Line { from, to, length } => {
                let mut area = self.next.value() - self.reached;
                // An arrival that is due exactly where the piece ends belongs to the next one.
                if area < AREA_NOISE {
                    area = 0.0;
                }
                let whole = (from + to) / 2.0 * length;
                let at = (area < whole - AREA_NOISE)
                    .then(|| Piece::inverse(*from, *to, *length, area))
                    .flatten()?;
                self.next.advance();
                Some(at)
            }
            Piece::Burst { size, every, length } => {
                let at = (self.inside / (*size).max(1)) as f64 * every;
                (*size > 0 && at < length - 1e-9).then(|| self.inside += 1).map(|()| at)
            }
            Piece::Times { times, length } => {
                let at = times.get(self.inside as usize).filter(|at| *at < length)?;
                self.inside += 1;
                Some(at.as_secs_f64())
            }
        }
    }

    fn leave(&mut self) {
        if let Some(Placed { piece: Piece::Line { from, to, length }, .. }) = self.left.pop() {
            self.reached += (from + to) / 2.0 * length;
        }
        self.inside = 0;
    }
}
