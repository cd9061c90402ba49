//! One computation at a time, and nobody waits for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::check;
use crate::flight::{ComputeError, Flights, Turn};

const KEY: u64 = 7;

/// Flights of one key, and what is counted of them.
struct Scene {
    flights: Flights<u64, u64>,
    computing: AtomicU64,
    computed: AtomicU64,
}

/// What a leader does with its lead.
#[derive(Clone, Copy)]
enum End {
    Value,
    Error,
    /// As a future that is dropped, or a panic outside of the computation.
    Dropped,
}

impl Scene {
    fn new() -> Arc<Self> {
        let (computing, computed) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { flights: Flights::new(), computing, computed })
    }

    /// One caller. The first lead ends as said, those after it with a value.
    fn call(&self, first: End, wait: impl Fn(Turn<'_, u64, u64>) -> Waited) -> Told {
        let mut own = false;
        loop {
            let lead = match self.flights.join(&KEY, None) {
                Turn::Lead(lead) => lead,
                turn @ Turn::Wait(_) => match wait(turn) {
                    Some(told) => return told.ok().map(|value| *value),
                    // Abandoned: to be computed by one of those who waited.
                    None => continue,
                },
            };
            assert_eq!(self.computing.fetch_add(1, Ordering::SeqCst), 0, "two compute at a time");
            let number = self.computed.fetch_add(1, Ordering::SeqCst);
            self.computing.fetch_sub(1, Ordering::SeqCst);
            match first {
                End::Dropped if number == 0 && !own => {
                    own = true;
                    drop(lead);
                }
                End::Error if number == 0 => {
                    lead.end(Err(ComputeError::failed("not today")));
                    return None;
                }
                _ => {
                    lead.end(Ok(Arc::new(number)));
                    return Some(number);
                }
            }
        }
    }
}

/// A value, or nothing for a failure.
type Told = Option<u64>;
type Waited = Option<Result<Arc<u64>, ComputeError>>;

fn block(turn: Turn<'_, u64, u64>) -> Waited {
    let Turn::Wait(flight) = turn else { unreachable!() };
    flight.wait()
}

/// Polls only when it was woken: a waker that is lost leaves the thread waiting, which loom
/// tells as a deadlock.
fn poll(turn: Turn<'_, u64, u64>) -> Waited {
    let Turn::Wait(flight) = turn else { unreachable!() };
    let alarm = Arc::new(Alarm(Notify::new()));
    let waker = Waker::from(alarm.clone());
    let mut landing = flight.landing();
    loop {
        match Pin::new(&mut landing).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(told) => return told,
            Poll::Pending => alarm.0.wait(),
        }
    }
}

struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Two callers, who wait as said; `check_told` sees what both were told.
fn check_calls(first: End, wait: fn(Turn<'_, u64, u64>) -> Waited, check_told: fn(Told, Told)) {
    check(3, move || {
        let scene = Scene::new();
        let other = {
            let scene = scene.clone();
            thread::spawn(move || scene.call(first, wait))
        };
        let told = scene.call(first, wait);
        check_told(told, other.join().expect("it does not panic"));
        assert_eq!(scene.computing.load(Ordering::SeqCst), 0);
        // Nothing stays behind: who comes now leads.
        assert!(matches!(scene.flights.join(&KEY, None), Turn::Lead(_)));
    });
}

fn both_have_a_value(one: Told, other: Told) {
    assert!(one.is_some() && other.is_some(), "{one:?} {other:?}");
}

#[test]
fn blocking_callers_share_a_value_in_every_order() {
    check_calls(End::Value, block, both_have_a_value);
}

#[test]
fn tasks_share_a_value_in_every_order() {
    check_calls(End::Value, poll, both_have_a_value);
}

#[test]
fn an_abandoned_computation_leaves_no_blocking_caller_waiting() {
    check_calls(End::Dropped, block, both_have_a_value);
}

#[test]
fn an_abandoned_computation_leaves_no_task_waiting() {
    check_calls(End::Dropped, poll, both_have_a_value);
}

/// The one who computes fails; the other fails with it, or comes later and computes anew.
#[test]
fn a_failure_is_told_and_not_kept_in_every_order() {
    let told = |one: Told, other: Told| assert!(one.is_none() || other.is_none());
    check_calls(End::Error, block, told);
    check_calls(End::Error, poll, told);
}

/// A landing that is dropped while it waits takes nothing from the others.
#[test]
fn a_task_that_stops_waiting_leaves_the_others_their_value() {
    check(3, || {
        let scene = Scene::new();
        let Turn::Lead(lead) = scene.flights.join(&KEY, None) else { panic!("nobody else leads") };
        let Turn::Wait(flight) = scene.flights.join(&KEY, None) else { panic!("it is led") };
        let quitter = {
            let flight = flight.clone();
            thread::spawn(move || {
                let mut landing = flight.landing();
                let mut context = Context::from_waker(Waker::noop());
                let _ = Pin::new(&mut landing).poll(&mut context);
            })
        };
        let waiter = thread::spawn(move || poll(Turn::Wait(flight)));
        lead.end(Ok(Arc::new(1)));
        quitter.join().expect("it does not panic");
        let told = waiter.join().expect("it does not panic");
        assert_eq!(told.and_then(Result::ok).as_deref(), Some(&1));
    });
}

/// Who comes after a change never waits for what was under way before it, and who waited
/// before it still has its value.
#[test]
fn after_a_change_nobody_joins_what_was_under_way() {
    check(3, || {
        let scene = Scene::new();
        let Turn::Lead(lead) = scene.flights.join(&KEY, None) else { panic!("nobody else leads") };
        let Turn::Wait(flight) = scene.flights.join(&KEY, None) else { panic!("it is led") };
        let changer = {
            let scene = scene.clone();
            thread::spawn(move || {
                scene.flights.supersede(&KEY);
                assert!(matches!(scene.flights.join(&KEY, None), Turn::Lead(_)));
            })
        };
        let waiter = thread::spawn(move || block(Turn::Wait(flight)));
        lead.end(Ok(Arc::new(1)));
        changer.join().expect("it does not panic");
        let told = waiter.join().expect("it does not panic");
        assert_eq!(told.and_then(Result::ok).as_deref(), Some(&1));
        assert!(matches!(scene.flights.join(&KEY, None), Turn::Lead(_)));
    });
}

#[test]
fn a_leader_knows_of_a_change_that_has_ended() {
    check(3, || {
        let scene = Scene::new();
        let Turn::Lead(lead) = scene.flights.join(&KEY, None) else { panic!("nobody else leads") };
        let changer = {
            let scene = scene.clone();
            thread::spawn(move || scene.flights.supersede(&KEY))
        };
        changer.join().expect("it does not panic");
        assert!(lead.is_superseded());
    });
}
