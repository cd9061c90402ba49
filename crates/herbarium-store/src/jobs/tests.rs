//! The queue against a model, under a clock of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::StoreOptions;

/// A store, and a clock that is set by hand.
struct Bed {
    _dir: tempfile::TempDir,
    store: Arc<Store>,
    wall_ns: Arc<AtomicU64>,
    since_boot_ns: Arc<AtomicU64>,
}

const SECOND: u64 = 1_000_000_000;

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path().join("store"), StoreOptions::new()).unwrap());
        let (wall_ns, since_boot_ns) = (AtomicU64::new(1_000_000 * SECOND), AtomicU64::new(SECOND));
        let (wall_ns, since_boot_ns) = (Arc::new(wall_ns), Arc::new(since_boot_ns));
        Self { _dir: dir, store, wall_ns, since_boot_ns }
    }

    fn queue(&self, name: &str, options: JobOptions) -> JobQueue {
        let mut queue = JobQueue::new(Arc::clone(&self.store), name, options);
        let (wall, boot) = (Arc::clone(&self.wall_ns), Arc::clone(&self.since_boot_ns));
        let of_system = Now::read().boot;
        queue.now = Box::new(move || Now {
            wall_ns: wall.load(Ordering::Relaxed),
            boot: of_system,
            since_boot_ns: boot.load(Ordering::Relaxed),
        });
        queue
    }

    /// Time goes by.
    fn pass(&self, seconds: u64) {
        self.wall_ns.fetch_add(seconds * SECOND, Ordering::Relaxed);
        self.since_boot_ns.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }

    /// Somebody sets the clock on the wall.
    fn jump(&self, seconds: i64) {
        let now = self.wall_ns.load(Ordering::Relaxed);
        let then = now.saturating_add_signed(seconds * SECOND as i64);
        self.wall_ns.store(then, Ordering::Relaxed);
    }
}

fn job(key: &str, priority: u8) -> NewJob {
    NewJob { priority, ..NewJob::new(key) }
}

fn keys(claims: &[Claim]) -> Vec<String> {
    claims.iter().map(|claim| String::from_utf8(claim.job.key.clone()).unwrap()).collect()
}

#[test]
fn higher_priorities_go_first_and_then_the_oldest() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions::default());
    queue.add_all(&[job("low", 1), job("a", 9), job("b", 9), job("high", 255)]).unwrap();
    bed.pass(1);
    queue.add(&job("c", 9)).unwrap();
    assert_eq!(keys(&queue.claim(10).unwrap()), ["high", "a", "b", "c", "low"]);
    assert_eq!(queue.claim(10).unwrap(), []);
}

#[test]
fn a_key_is_in_the_queue_once_and_may_be_raised() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions::default());
    let Added::New(id) = queue.add(&job("a", 1)).unwrap() else { panic!("not new") };
    queue.add(&job("b", 5)).unwrap();
    assert_eq!(queue.add(&job("a", 9)).unwrap(), Added::Known(id));
    let claims = queue.claim(1).unwrap();
    assert_eq!(keys(&claims), ["a"]);
    assert_eq!(queue.add(&job("a", 9)).unwrap(), Added::Known(id));
    assert_eq!(queue.finish(&claims[0]).unwrap(), Grip::Held);
    assert!(matches!(queue.add(&job("a", 9)).unwrap(), Added::New(other) if other > id));
}

#[test]
fn queues_of_other_names_are_others() {
    let bed = Bed::new();
    let (one, two) =
        (bed.queue("q", JobOptions::default()), bed.queue("qq", JobOptions::default()));
    one.add(&job("a", 1)).unwrap();
    assert_eq!(two.claim(9).unwrap(), []);
    assert!(matches!(two.add(&job("a", 1)).unwrap(), Added::New(_)));
    assert_eq!(keys(&one.claim(9).unwrap()), ["a"]);
    assert_eq!((one.jobs().unwrap().len(), two.jobs().unwrap().len()), (1, 1));
}

#[test]
fn what_fails_is_tried_again_later_each_time_and_is_dead_in_the_end() {
    let bed = Bed::new();
    let options = JobOptions { attempts: 4, backoff: Duration::from_secs(8), ..Default::default() };
    let queue = bed.queue("q", options);
    let Added::New(id) = queue.add(&job("a", 1)).unwrap() else { panic!("not new") };
    for attempt in 1..4 {
        let claim = queue.claim(1).unwrap().pop().unwrap();
        let Failed::Again(wait) = queue.fail(&claim, "no").unwrap() else { panic!("not again") };
        let least = Duration::from_secs(4 << (attempt - 1));
        assert!(wait >= least && wait <= least * 3, "{wait:?} after {attempt}");
        assert_eq!(queue.claim(1).unwrap(), [], "at once");
        bed.pass(wait.as_secs() + 1);
    }
    let claim = queue.claim(1).unwrap().pop().unwrap();
    assert_eq!(queue.fail(&claim, "never").unwrap(), Failed::Dead);
    bed.pass(100_000);
    assert_eq!(queue.claim(1).unwrap(), []);
    let dead = queue.get(id).unwrap().unwrap();
    assert_eq!((dead.state, dead.attempts, &*dead.error), (JobState::Dead, 4, "never"));
    assert!(queue.revive(id).unwrap());
    assert_eq!(keys(&queue.claim(1).unwrap()), ["a"]);
}

#[test]
fn a_lease_that_ends_frees_the_job_and_fences_the_claim() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions { backoff: Duration::ZERO, ..Default::default() });
    queue.add(&job("a", 1)).unwrap();
    let first = queue.claim(1).unwrap().pop().unwrap();
    bed.pass(29);
    assert_eq!(queue.renew(&first, (1, 2)).unwrap(), Grip::Held);
    bed.pass(29);
    assert_eq!(queue.claim(1).unwrap(), [], "it was renewed");
    bed.pass(2);
    let second = queue.claim(1).unwrap().pop().unwrap();
    assert_eq!(queue.renew(&first, (2, 2)).unwrap(), Grip::Lost);
    assert_eq!(queue.finish(&first).unwrap(), Grip::Lost);
    assert_eq!(queue.fail(&first, "late").unwrap(), Failed::Lost);
    assert_eq!(queue.give_back(&first).unwrap(), Grip::Lost);
    assert_eq!(queue.finish(&second).unwrap(), Grip::Held);
    assert_eq!(queue.finish(&second).unwrap(), Grip::Lost);
}

#[test]
fn a_source_has_no_more_than_its_quota() {
    let bed = Bed::new();
    let queue =
        bed.queue("q", JobOptions { most_running: 2, most_waiting: 3, ..Default::default() });
    let of = |source: &str, key: &str| NewJob { source: source.into(), ..job(key, 5) };
    for key in ["a", "b", "c"] {
        assert!(matches!(queue.add(&of("bulk", key)).unwrap(), Added::New(_)));
    }
    assert_eq!(queue.add(&of("bulk", "d")).unwrap(), Added::Refused);
    queue.add(&of("other", "e")).unwrap();
    let claims = queue.claim(10).unwrap();
    assert_eq!(keys(&claims), ["a", "b", "e"]);
    assert_eq!(queue.claim(10).unwrap(), []);
    queue.finish(&claims[0]).unwrap();
    assert_eq!(keys(&queue.claim(10).unwrap()), ["c"]);
}

#[test]
fn what_is_cancelled_is_gone_or_told() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions::default());
    let added = queue.add_all(&[job("a", 2), job("b", 1)]).unwrap();
    let [Added::New(a), Added::New(b)] = added[..] else { panic!("not new") };
    let claim = queue.claim(1).unwrap().pop().unwrap();
    assert_eq!(queue.cancel(a).unwrap(), Some(JobState::Running));
    assert_eq!(queue.cancel(b).unwrap(), Some(JobState::Waiting));
    assert_eq!(queue.get(b).unwrap(), None);
    assert_eq!(queue.renew(&claim, (0, 0)).unwrap(), Grip::Cancelled);
    assert_eq!(queue.finish(&claim).unwrap(), Grip::Cancelled);
    assert_eq!(queue.jobs().unwrap(), []);
    assert_eq!(queue.cancel(a).unwrap(), None);
}

#[test]
fn a_job_that_is_given_back_has_lost_no_attempt() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions { attempts: 1, ..Default::default() });
    queue.add(&job("a", 2)).unwrap();
    for _ in 0..3 {
        let claim = queue.claim(1).unwrap().pop().unwrap();
        assert_eq!((claim.job.attempts, queue.give_back(&claim).unwrap()), (1, Grip::Held));
    }
}

#[test]
fn a_clock_that_jumps_delays_and_no_more() {
    for jump in [-1_000_000, -400, -1, 1, 400, 1_000_000] {
        let bed = Bed::new();
        let queue = bed.queue("q", JobOptions::default());
        queue.add_all(&[job("a", 2), job("b", 1)]).unwrap();
        let held = queue.claim(1).unwrap();
        bed.jump(jump);
        let claims = queue.claim(2).unwrap();
        assert!(claims.len() <= 1, "what is held is not claimed again: {jump}");
        let longest = JobOptions::default().longest_wait.as_secs();
        bed.pass(if claims.is_empty() { longest + 1 } else { 1 });
        let later = queue.claim(2).unwrap();
        assert!(claims.len() == 1 || keys(&later).contains(&"b".to_owned()), "{jump}");
        if !claims.is_empty() {
            assert_eq!(queue.finish(&held[0]).unwrap(), Grip::Held, "{jump}");
        }
    }
}

#[test]
fn parts_that_are_too_long_are_refused() {
    let bed = Bed::new();
    let queue = bed.queue("q", JobOptions::default());
    let long = NewJob { payload: vec![0; MOST + 1], ..job("a", 1) };
    assert!(matches!(queue.add(&long), Err(StoreError::TooLarge { .. })));
    assert_eq!(queue.jobs().unwrap(), []);
}

#[derive(Debug, Clone)]
enum Deed {
    Add(u8, u8, u8),
    Claim(usize),
    Finish(usize),
    Fail(usize),
    Renew(usize),
    GiveBack(usize),
    Cancel(u8),
    Pass(u64),
    Jump(i64),
    Reopen,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (0u8..12, 0u8..3, 0u8..2).prop_map(|(key, priority, source)| Deed::Add(key, priority, source)),
        4 => (1usize..4).prop_map(Deed::Claim),
        3 => (0usize..6).prop_map(Deed::Finish),
        2 => (0usize..6).prop_map(Deed::Fail),
        1 => (0usize..6).prop_map(Deed::Renew),
        1 => (0usize..6).prop_map(Deed::GiveBack),
        1 => (0u8..12).prop_map(Deed::Cancel),
        2 => (0u64..40).prop_map(Deed::Pass),
        1 => (-500i64..500).prop_map(Deed::Jump),
        1 => Just(Deed::Reopen),
    ]
}

/// What is known of a job that was added and is not done.
#[derive(Debug, Clone)]
struct Known {
    id: JobId,
    begun: u32,
    cancelled: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn no_job_is_lost_and_none_is_done_twice(deeds in prop::collection::vec(deed(), 1..60)) {
        let bed = Bed::new();
        let options = JobOptions { attempts: 3, most_running: 3, ..JobOptions::default() };
        let mut queue = bed.queue("q", options.clone());
        let mut known: BTreeMap<Vec<u8>, Known> = BTreeMap::new();
        let mut claims: Vec<Claim> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Add(key, priority, source) => {
                    let new = NewJob {
                        priority, source: source.to_string(), ..NewJob::new(vec![key])
                    };
                    match queue.add(&new).unwrap() {
                        Added::New(id) => {
                            let dead = queue.jobs().unwrap().iter().all(|job| job.id == id || job.key != [key]);
                            prop_assert!(dead, "two jobs of one key");
                            known.insert(vec![key], Known { id, begun: 0, cancelled: false });
                        }
                        Added::Known(id) => prop_assert_eq!(known[&vec![key]].id, id),
                        Added::Refused => prop_assert!(false, "refused below the quota"),
                    }
                }
                Deed::Claim(most) => {
                    let new = queue.claim(most).unwrap();
                    prop_assert!(new.len() <= most);
                    for claim in &new {
                        let known = known.get_mut(&claim.job.key).expect("a job that was added");
                        prop_assert_eq!(known.id, claim.job.id);
                        known.begun += 1;
                        prop_assert!(claim.job.attempts <= 3);
                    }
                    claims.extend(new);
                }
                Deed::Finish(at) if at < claims.len() => {
                    let claim = claims.remove(at);
                    if queue.finish(&claim).unwrap() != Grip::Lost {
                        let known = known.remove(&claim.job.key);
                        prop_assert_eq!(known.expect("done twice").id, claim.job.id);
                    }
                }
                Deed::Fail(at) if at < claims.len() => {
                    let claim = claims.remove(at);
                    let is_cancelled = known.get(&claim.job.key).is_some_and(|it| it.cancelled);
                    if queue.fail(&claim, "no").unwrap() != Failed::Lost && is_cancelled {
                        known.remove(&claim.job.key);
                    }
                }
                Deed::Renew(at) if at < claims.len() => {
                    queue.renew(&claims[at], (1, 2)).unwrap();
                }
                Deed::GiveBack(at) if at < claims.len() => {
                    let claim = claims.remove(at);
                    if queue.give_back(&claim).unwrap() == Grip::Cancelled {
                        known.remove(&claim.job.key);
                    }
                }
                Deed::Cancel(key) => {
                    let Some(it) = known.get_mut(&vec![key]) else { continue };
                    match queue.cancel(it.id).unwrap() {
                        Some(JobState::Waiting | JobState::Dead) => drop(known.remove(&vec![key])),
                        _ => it.cancelled = true,
                    }
                }
                Deed::Pass(seconds) => bed.pass(seconds),
                Deed::Jump(seconds) => bed.jump(seconds),
                Deed::Reopen => queue = bed.queue("q", options.clone()),
                _ => {}
            }
            // A lease that ended takes the job of a cancelled claim with it.
            let jobs = queue.jobs().unwrap();
            known.retain(|key, it| !it.cancelled || jobs.iter().any(|job| job.key == *key));
            let mut there: Vec<_> = jobs.iter().map(|job| (job.key.clone(), job.id)).collect();
            there.sort();
            let expected: Vec<_> = known.iter().map(|(key, it)| (key.clone(), it.id)).collect();
            prop_assert_eq!(there, expected);
            let running = jobs.iter().filter(|job| job.source == "0" && matches!(job.state, JobState::Running | JobState::Cancelling));
            prop_assert!(running.count() <= 3);
        }
        // Everything that is left can be done: each once.
        bed.pass(100_000);
        let mut left: Vec<Vec<u8>> = Vec::new();
        loop {
            let claims = queue.claim(10).unwrap();
            if claims.is_empty() {
                let wait = options.longest_wait.as_secs() + 1;
                bed.pass(wait);
                let claims = queue.claim(10).unwrap();
                if claims.is_empty() {
                    break;
                }
                for claim in claims {
                    prop_assert!(queue.finish(&claim).unwrap() != Grip::Lost);
                    left.push(claim.job.key);
                }
                continue;
            }
            for claim in claims {
                prop_assert!(queue.finish(&claim).unwrap() != Grip::Lost);
                left.push(claim.job.key);
            }
        }
        let rest = queue.jobs().unwrap();
        prop_assert!(rest.iter().all(|job| job.state == JobState::Dead), "{:?}", rest);
        left.sort();
        let count = left.len();
        left.dedup();
        prop_assert_eq!(left.len(), count, "done twice");
    }
}
