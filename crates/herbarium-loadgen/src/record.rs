//! Times as histograms of fixed size, so that a run of a day needs no more
//! memory than one of a minute.
//!
//! Each worker has its own [`Recorder`] and hands over a [`Tally`] for each
//! interval; tallies are merged without loss.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::outcome::{Fault, Faults};

/// Three digits: what is read is at most 0.1% off what was measured.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// An hour in nanoseconds. What took longer counts as an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Times in nanoseconds, exact to three digits.
///
/// ```
/// use herbarium_loadgen::record::Times;
/// use std::time::Duration;
///
/// let mut times = Times::new();
/// (1..=100).for_each(|millis| times.record(Duration::from_millis(millis)));
/// let p99 = times.percentile(99.0).unwrap();
/// assert!((p99.as_secs_f64() - 0.099).abs() < 0.0001);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Times {
    /// Nothing is allocated before the first time comes.
    histogram: Option<Box<Histogram<u64>>>,
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

/// The bounds are constants that the library accepts; anything it could say
/// against them would be a bug here.
fn empty() -> Box<Histogram<u64>> {
    let bounded = Histogram::new_with_bounds(1, LONGEST, SIGNIFICANT_DIGITS);
    #[expect(clippy::expect_used, reason = "constant arguments, accepted by every test")]
    Box::new(bounded.expect("bounds that a histogram accepts"))
}

impl Times {
    /// None yet.
    pub const fn new() -> Self {
        Self { histogram: None }
    }

    /// One time more.
    pub fn record(&mut self, time: Duration) {
        self.record_nanos(u64::try_from(time.as_nanos()).unwrap_or(LONGEST));
    }

    /// One time more, in nanoseconds.
    pub fn record_nanos(&mut self, nanos: u64) {
        self.histogram.get_or_insert_with(empty).saturating_record(nanos.min(LONGEST));
    }

    /// The same time, many times.
    pub fn record_many(&mut self, nanos: u64, count: u64) {
        let histogram = self.histogram.get_or_insert_with(empty);
        histogram.saturating_record_n(nanos.min(LONGEST), count);
    }

    /// Adds all times of another.
    pub fn merge(&mut self, other: &Self) {
        let Some(theirs) = &other.histogram else { return };
        match &mut self.histogram {
            // Both have the same bounds: adding cannot fail.
            Some(mine) => drop(mine.add(&**theirs)),
            None => self.histogram = Some(theirs.clone()),
        }
    }

    /// Forgets all times and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(histogram) = &mut self.histogram {
            histogram.reset();
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |it| it.len())
    }

    /// The time that so many percent do not exceed. `None` if there is none.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let value = |it: &Histogram<u64>| it.value_at_quantile(percent.clamp(0.0, 100.0) / 100.0);
        self.some().map(|it| Duration::from_nanos(value(it)))
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        self.some().map(|it| Duration::from_nanos(it.max()))
    }

    /// The shortest.
    pub fn min(&self) -> Option<Duration> {
        self.some().map(|it| Duration::from_nanos(it.min()))
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        self.some().map(|it| Duration::from_nanos(it.mean() as u64))
    }

    /// How far times lie from their mean.
    pub fn deviation(&self) -> Option<Duration> {
        self.some().map(|it| Duration::from_nanos(it.stdev() as u64))
    }

    /// How many are longer than that.
    pub fn above(&self, limit: Duration) -> u64 {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        self.some().map_or(0, |it| it.len() - it.count_between(0, nanos))
    }

    /// Times that occurred and how often, the shortest first.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        let all = self.some().into_iter().flat_map(|it| it.iter_recorded());
        all.map(|at| (at.value_iterated_to(), at.count_since_last_iteration())).collect()
    }

    /// HdrHistogram's own bytes (V2, deflated) as base64, read by all its tools.
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        let written = self.some().map(|it| V2DeflateSerializer::new().serialize(it, &mut bytes));
        match written {
            Some(Ok(_)) => BASE64.encode(bytes),
            _ => String::new(),
        }
    }

    /// What [`Times::to_base64`] has written; empty text is no times.
    ///
    /// # Errors
    /// Text that is not that.
    pub fn from_base64(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        let bytes = BASE64.decode(text).map_err(|error| format!("no base64: {error}"))?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("no HdrHistogram V2: {error:?}"))?;
        // Into our own bounds, whatever those of the writer were.
        let mut own = empty();
        match own.add(&read) {
            Ok(()) => Ok(Self { histogram: Some(own) }),
            Err(error) => Err(format!("a histogram of other times: {error:?}")),
        }
    }

    fn some(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_deref().filter(|it| !it.is_empty())
    }
}

impl Serialize for Times {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_base64(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The three clocks of one request, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The stage it was due in.
    pub stage: usize,
    /// The flow it is of.
    pub flow: usize,
    /// From when it was due to the end of the answer.
    pub response: Duration,
    /// From when it was sent to the end of the answer; `None` if it was not sent.
    pub service: Option<Duration>,
    /// From when it was due to when it was sent, or given up.
    pub wait: Duration,
    /// The part of the wait that is the generator's own: from when it was due and
    /// a connection was free.
    pub lag: Duration,
    /// The status of the answer, 0 without.
    pub status: u16,
    /// What was wrong.
    pub fault: Option<Fault>,
    /// Bytes of the answer.
    pub bytes: u64,
}

/// Requests of one flow in one stage.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Cell {
    /// Index of the stage.
    pub stage: usize,
    /// Index of the flow.
    pub flow: usize,
    /// Due to done, of all that were answered or timed out.
    pub response: Times,
    /// Sent to done, of the same.
    pub service: Times,
    /// Due to failed, of all others.
    pub failed: Times,
    /// Answers by the first digit of their status; the first counts other ones.
    pub statuses: [u64; 6],
    /// What was wrong.
    pub faults: Faults,
    /// Bytes of answers.
    pub bytes: u64,
}

impl Cell {
    /// Requests that came to an end, well or not.
    pub fn requests(&self) -> u64 {
        self.response.count() + self.failed.count()
    }

    fn of(stage: usize, flow: usize) -> Self {
        Self { stage, flow, ..Self::default() }
    }

    fn record(&mut self, sample: &Sample) {
        let counts = sample.fault.is_none_or(|fault| {
            fault.is_answer() || matches!(fault, Fault::Timeout | Fault::Unserved)
        });
        match counts {
            true => {
                self.response.record(sample.response);
                if let Some(service) = sample.service {
                    self.service.record(service);
                }
            }
            false => self.failed.record(sample.response),
        }
        if sample.status > 0 {
            let digit = usize::from(sample.status / 100);
            self.statuses[if digit < 6 { digit } else { 0 }] += 1;
        }
        if let Some(fault) = sample.fault {
            self.faults.add(fault);
        }
        self.bytes += sample.bytes;
    }

    /// Adds another's requests.
    pub fn merge(&mut self, other: &Self) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.failed.merge(&other.failed);
        self.statuses.iter_mut().zip(other.statuses).for_each(|(mine, theirs)| *mine += theirs);
        self.faults.merge(&other.faults);
        self.bytes += other.bytes;
    }

    fn clear(&mut self) {
        self.response.clear();
        self.service.clear();
        self.failed.clear();
        self.statuses = [0; 6];
        self.faults = Faults::default();
        self.bytes = 0;
    }
}

/// All that one worker saw in one interval, or many in many, merged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// The interval, from 0; of merged ones the last.
    pub index: u64,
    /// One for each flow and stage in which something ended.
    pub cells: Vec<Cell>,
    /// Due to sent.
    pub wait: Times,
    /// The generator's own part of it.
    pub lag: Times,
    /// Time to connect.
    pub connect: Times,
    /// Arrivals that came due.
    pub due: u64,
    /// Of those, later than the scenario allows.
    pub late: u64,
    /// Of those, thrown away: the queue was full.
    pub dropped: u64,
    /// Connections that could not be opened ahead of any request.
    pub connect_failures: u64,
    /// Connections that the server closed while they were idle.
    pub closed_idle: u64,
    /// Connections open at the end of the interval.
    pub open: u64,
    /// Requests under way or waiting at the end of the interval.
    pub in_flight: u64,
    /// Processor time of the busiest worker, as a share of the interval.
    pub cpu: f64,
}

impl Tally {
    /// Requests that came to an end.
    pub fn requests(&self) -> u64 {
        self.cells.iter().map(Cell::requests).sum()
    }

    /// All errors.
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        self.cells.iter().for_each(|cell| faults.merge(&cell.faults));
        faults
    }

    /// The cells of some stages and flows as one.
    pub fn sum(&self, wanted: impl Fn(&Cell) -> bool) -> Cell {
        let mut sum = Cell::default();
        self.cells.iter().filter(|cell| wanted(cell)).for_each(|cell| sum.merge(cell));
        sum
    }

    /// Adds what a worker counted over time: for the whole run, or for several
    /// workers in one interval.
    pub fn merge(&mut self, other: &Self) {
        for cell in &other.cells {
            self.cell(cell.stage, cell.flow).merge(cell);
        }
        self.index = self.index.max(other.index);
        self.wait.merge(&other.wait);
        self.lag.merge(&other.lag);
        self.connect.merge(&other.connect);
        self.due += other.due;
        self.late += other.late;
        self.dropped += other.dropped;
        self.connect_failures += other.connect_failures;
        self.closed_idle += other.closed_idle;
        self.cpu = self.cpu.max(other.cpu);
    }

    fn cell(&mut self, stage: usize, flow: usize) -> &mut Cell {
        let is = |cell: &Cell| (cell.stage, cell.flow) == (stage, flow);
        // The newest stage is the likeliest.
        match self.cells.iter().rposition(is) {
            Some(at) => &mut self.cells[at],
            None => {
                self.cells.push(Cell::of(stage, flow));
                let last = self.cells.len() - 1;
                &mut self.cells[last]
            }
        }
    }
}

/// One worker's own account: written without locks, handed over by interval.
#[derive(Debug, Default)]
pub struct Recorder {
    tally: Tally,
    late_after: Duration,
}

impl Recorder {
    /// Counts what is sent later than `late_after`, by the generator's own fault.
    pub fn new(late_after: Duration) -> Self {
        Self { tally: Tally::default(), late_after }
    }

    /// A request that ended.
    pub fn record(&mut self, sample: &Sample) {
        self.tally.cell(sample.stage, sample.flow).record(sample);
        self.tally.wait.record(sample.wait);
        self.tally.lag.record(sample.lag);
        self.tally.late += u64::from(sample.lag > self.late_after);
    }

    /// What is counted besides.
    pub fn counters(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// The account of the interval that ends now; a new one begins, in `spare`
    /// memory if there is some.
    pub fn take(&mut self, index: u64, spare: Option<Tally>) -> Tally {
        let next = spare.map(cleared).unwrap_or_default();
        let mut tally = std::mem::replace(&mut self.tally, next);
        tally.index = index;
        tally.cells.retain(|cell| cell.requests() > 0);
        tally
    }
}

/// The same memory, empty.
fn cleared(mut tally: Tally) -> Tally {
    for cell in &mut tally.cells {
        cell.clear();
    }
    for times in [&mut tally.wait, &mut tally.lag, &mut tally.connect] {
        times.clear();
    }
    let Tally { cells, wait, lag, connect, .. } = tally;
    Tally { cells, wait, lag, connect, ..Tally::default() }
}
