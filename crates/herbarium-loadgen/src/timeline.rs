//! What happened when: a bounded number of intervals, however long the run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::outcome::Faults;
use crate::record::{Tally, Times};

/// Times that occurred and how often: a histogram as small as what is in it.
///
/// To two digits (0.8%): there is one for each interval of a run, and with three
/// digits a thousand of them would take a hundred megabytes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Buckets(Vec<(u64, u64)>);

impl Buckets {
    /// Those of a histogram.
    pub fn of(times: &Times) -> Self {
        let mut buckets: Vec<(u64, u64)> = Vec::new();
        for (nanos, count) in times.buckets() {
            let nanos = coarse(nanos);
            match buckets.last_mut() {
                Some((last, sum)) if *last == nanos => *sum += count,
                _ => buckets.push((nanos, count)),
            }
        }
        Self(buckets)
    }

    /// Times in nanoseconds and their counts, the shortest first.
    pub fn pairs(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The time that so many percent do not exceed.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let count = self.count();
        let wanted = ((count as f64 * percent / 100.0).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let at = self.0.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        at.map(|(nanos, _)| Duration::from_nanos(*nanos))
    }

    /// Several as one.
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = BTreeMap::new();
        for (nanos, count) in all.into_iter().flat_map(|buckets| &buckets.0) {
            *sum.entry(*nanos).or_insert(0) += count;
        }
        Self(sum.into_iter().collect())
    }

    /// As a histogram again.
    pub fn to_times(&self) -> Times {
        let mut times = Times::new();
        self.0.iter().for_each(|(nanos, count)| times.record_many(*nanos, *count));
        times
    }
}

/// Bits of a time that are kept.
const BITS: u32 = 8;

/// The longest time that has the same leading bits.
fn coarse(nanos: u64) -> u64 {
    let length = u64::BITS - nanos.leading_zeros();
    nanos | ((1 << length.saturating_sub(BITS)) - 1)
}

/// One or more intervals as one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Slot {
    /// Number of the first interval.
    pub first: u64,
    /// Number of intervals.
    pub width: u64,
    /// Due to done.
    pub response: Buckets,
    /// Sent to done.
    pub service: Buckets,
    /// The generator's own lag.
    pub lag: Buckets,
    /// Requests that came to an end.
    pub requests: u64,
    /// What was wrong.
    pub faults: Faults,
    /// Arrivals that came due.
    pub due: u64,
    /// Late ones.
    pub late: u64,
    /// Dropped ones.
    pub dropped: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Connections open at the end.
    pub open: u64,
    /// Requests under way at the end.
    pub in_flight: u64,
    /// Processor time of the busiest worker, as a share.
    pub cpu: f64,
}

impl Slot {
    /// What a tally says about its interval.
    pub fn of(tally: &Tally) -> Self {
        let sum = tally.sum(|_| true);
        Self {
            first: tally.index,
            width: 1,
            response: Buckets::of(&sum.response),
            service: Buckets::of(&sum.service),
            lag: Buckets::of(&tally.lag),
            requests: sum.requests(),
            faults: sum.faults,
            due: tally.due,
            late: tally.late,
            dropped: tally.dropped,
            bytes: sum.bytes,
            open: tally.open,
            in_flight: tally.in_flight,
            cpu: tally.cpu,
        }
    }

    fn join(&mut self, next: Self) {
        self.width = next.first + next.width - self.first;
        self.response = Buckets::sum([&self.response, &next.response]);
        self.service = Buckets::sum([&self.service, &next.service]);
        self.lag = Buckets::sum([&self.lag, &next.lag]);
        self.requests += next.requests;
        self.faults.merge(&next.faults);
        self.due += next.due;
        self.late += next.late;
        self.dropped += next.dropped;
        self.bytes += next.bytes;
        self.open = next.open;
        self.in_flight = next.in_flight;
        self.cpu = self.cpu.max(next.cpu);
    }
}

/// More slots are joined in pairs: a run of a day is kept as finely as a page
/// can show it, in the memory of one of ten minutes.
const MOST_SLOTS: usize = 600;

/// Slots of equal width, in order.
#[derive(Clone, PartialEq, Debug)]
pub struct Timeline {
    slots: Vec<Slot>,
    /// Intervals in one slot.
    width: u64,
    interval: Duration,
}

impl Timeline {
    /// Nothing yet, in intervals of that length.
    pub fn new(interval: Duration) -> Self {
        Self { slots: Vec::new(), width: 1, interval }
    }

    /// The next interval.
    pub fn push(&mut self, slot: Slot) {
        match self.slots.last_mut() {
            Some(last) if last.first / self.width == slot.first / self.width => last.join(slot),
            _ => self.slots.push(slot),
        }
        if self.slots.len() > MOST_SLOTS {
            self.width *= 2;
            let joined = std::mem::take(&mut self.slots);
            joined.into_iter().for_each(|slot| self.push(slot));
        }
    }

    /// All slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How long one slot is.
    pub fn slot_length(&self) -> Duration {
        self.interval * u32::try_from(self.width).unwrap_or(u32::MAX)
    }

    /// How long one interval is.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Each run of neighbouring slots that is `window` long, at least one slot.
    pub fn windows(&self, window: Duration) -> impl Iterator<Item = &[Slot]> {
        let count = window.as_secs_f64() / self.slot_length().as_secs_f64().max(1e-9);
        let count = (count.round() as usize).clamp(1, self.slots.len().max(1));
        self.slots.windows(count)
    }
}
