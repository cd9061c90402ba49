//! What happened when: a bounded number of intervals, however long the run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::outcome::Faults;
use crate::record::{Tally, Times};

/// Times that occurred and how often: a histogram as small as what is in it.
///
/// To two digits (0.8%), and eight bytes for each that occurred: there is one for
/// each interval of a run, and with three digits a thousand of them would take a
/// hundred megabytes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Buckets(Box<[(Code, u32)]>);

impl Buckets {
    /// Those of a histogram.
    pub fn of(times: &Times) -> Self {
        let mut buckets: Vec<(Code, u32)> = Vec::new();
        for (nanos, count) in times.buckets() {
            let (code, count) = (Code::of(nanos), u32::try_from(count).unwrap_or(u32::MAX));
            match buckets.last_mut() {
                Some((last, sum)) if *last == code => *sum = sum.saturating_add(count),
                _ => buckets.push((code, count)),
            }
        }
        Self(buckets.into())
    }

    /// Times in nanoseconds and their counts, the shortest first.
    pub fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(code, count)| (code.nanos(), u64::from(*count)))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.pairs().map(|(_, count)| count).sum()
    }

    /// The time that so many percent do not exceed.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let count = self.count();
        let wanted = ((count as f64 * percent / 100.0).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let at = self.pairs().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        at.map(|(nanos, _)| Duration::from_nanos(nanos))
    }

    /// Several as one.
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = BTreeMap::<Code, u32>::new();
        for (code, count) in all.into_iter().flat_map(|buckets| &buckets.0) {
            let sum = sum.entry(*code).or_default();
            *sum = sum.saturating_add(*count);
        }
        Self(sum.into_iter().collect())
    }

    /// As a histogram again.
    pub fn to_times(&self) -> Times {
        let mut times = Times::new();
        self.pairs().for_each(|(nanos, count)| times.record_many(nanos, count));
        times
    }
}

/// Bits of a time that are kept.
const BITS: u32 = 8;

/// The leading bits of a time and how many follow them, in the order of times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Code(u16);

impl Code {
    fn of(nanos: u64) -> Self {
        let rest = (u64::BITS - nanos.leading_zeros()).saturating_sub(BITS);
        // At most 255 of bits, and 56 times 128 of those that follow.
        Self((nanos >> rest) as u16 + ((rest as u16) << (BITS - 1)))
    }

    /// The longest time with these leading bits.
    fn nanos(self) -> u64 {
        let rest = (self.0 >> (BITS - 1)).saturating_sub(1);
        let leading = u64::from(self.0 - (rest << (BITS - 1)));
        (leading << rest) | ((1 << rest) - 1)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_the_longest_time_with_the_same_leading_bits() {
        let check = |nanos: u64, longest: u64| {
            let code = Code::of(nanos);
            assert_eq!(code.nanos(), longest, "{nanos}");
            assert_eq!(Code::of(longest), code, "{nanos}");
            assert!(longest == u64::MAX || Code::of(longest + 1) > code, "{nanos}");
        };
        (0..256).for_each(|nanos| check(nanos, nanos));
        check(256, 257);
        check(511, 511);
        check(512, 515);
        check(1_000_000, 1_003_519);
        check(3_600_000_000_000, 3_607_772_528_639);
        check(u64::MAX, u64::MAX);
    }
}
