//! From starting to ready, to failing, and to draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use herbarium_health::{CheckOptions, DrainPlan, Error, Health};

use crate::client::{get, until};

fn health(plan: DrainPlan) -> Health {
    let builder = Health::builder().listen(([127, 0, 0, 1], 0).into()).without_metrics();
    builder.drain(plan).start().expect("a free port")
}

/// What `/healthz`, `/readyz`, `/startupz` and `/health` say.
fn check(health: &Health, statuses: [u16; 4], word: &str) {
    let addr = health.local_addr();
    let pages = ["/healthz", "/readyz", "/startupz", "/health"];
    assert_eq!(pages.map(|page| get(addr, page).status), statuses, "{word}");
    assert_eq!(get(addr, "/health").json()["status"], word);
    assert_eq!(health.is_ready(), word == "healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_goes_from_starting_to_healthy_to_unhealthy_to_draining() {
    let health = health(DrainPlan::default());
    check(&health, [200, 503, 503, 503], "starting");
    let warm = health.latch("warm-up");
    health.started();
    check(&health, [200, 503, 503, 503], "starting");
    warm.open();
    check(&health, [200, 200, 200, 200], "healthy");
    warm.close("the cache is cold");
    check(&health, [200, 503, 200, 503], "unhealthy");
    warm.open();
    check(&health, [200, 200, 200, 200], "healthy");
    let ready = get(health.local_addr(), "/readyz?verbose").body;
    assert!(ready.contains("[+]warm-up ok (for 0."), "{ready}");
    health.shutdown().begin("the test");
    check(&health, [200, 503, 200, 503], "draining");
    let ready = get(health.local_addr(), "/readyz?verbose").body;
    assert!(ready.contains("[-]serving failed: draining, because of the test"), "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_checks_is_not_ready_before_it_says_so() {
    let health = health(DrainPlan::default());
    check(&health, [200, 503, 503, 503], "starting");
    let verbose = get(health.local_addr(), "/readyz?verbose").body;
    assert!(verbose.contains("`Health::started` was not called yet"), "{verbose}");
    health.started();
    check(&health, [200, 200, 200, 200], "healthy");
}

/// A check that does as it is told: 0 fine, 1 failing, 2 hanging, 3 panicking.
fn told(health: &Health, options: CheckOptions) -> (Arc<AtomicU8>, Arc<AtomicUsize>) {
    let (order, runs) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicUsize::new(0)));
    let (ordered, ran) = (Arc::clone(&order), Arc::clone(&runs));
    health.check("told", options, move || {
        let order = ordered.load(Ordering::SeqCst);
        ran.fetch_add(1, Ordering::SeqCst);
        async move {
            match order {
                0 => Ok(()),
                1 => Err("as it was told"),
                2 => std::future::pending().await,
                _ => panic!("as it was told"),
            }
        }
    });
    (order, runs)
}

fn quick() -> CheckOptions {
    let options = CheckOptions::default().with_every(Duration::from_millis(20));
    options.with_timeout(Duration::from_millis(200))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_hangs_or_panics_is_one_that_fails() {
    let health = health(DrainPlan::default());
    let (order, _) = told(&health, quick());
    health.started();
    for (next, reason) in [(1, "as it was told"), (2, "timed out after 200ms"), (3, "it panicked")]
    {
        order.store(0, Ordering::SeqCst);
        until("ready", || health.is_ready());
        order.store(next, Ordering::SeqCst);
        until(reason, || {
            let verbose = get(health.local_addr(), "/readyz?verbose");
            verbose.status == 503 && verbose.body.contains(reason)
        });
        assert_eq!(get(health.local_addr(), "/healthz").status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_do_not_run_checks() {
    let health = health(DrainPlan::default());
    let (_, runs) = told(&health, CheckOptions::default());
    health.started();
    until("ready", || health.is_ready());
    for _ in 0..50 {
        assert_eq!(get(health.local_addr(), "/readyz").status, 200);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_informational_check_is_shown_and_decides_nothing() {
    let health = health(DrainPlan::default());
    let (order, _) = told(&health, quick().informational());
    order.store(1, Ordering::SeqCst);
    health.started();
    until("shown", || {
        let verbose = get(health.local_addr(), "/readyz?verbose");
        verbose.status == 200 && verbose.body.contains("[-]told failed: as it was told")
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_heartbeat_is_the_end_of_being_alive_until_it_beats_again() {
    let health = health(DrainPlan::default());
    let heart = health.heartbeat("worker", Duration::from_millis(300));
    assert_eq!(get(health.local_addr(), "/healthz").status, 200);
    until("dead", || get(health.local_addr(), "/healthz").status == 503);
    let verbose = get(health.local_addr(), "/healthz?verbose").body;
    assert!(verbose.contains("[-]worker failed: not heard of for"), "{verbose}");
    heart.beat();
    assert_eq!(get(health.local_addr(), "/healthz").status, 200);
}

#[tokio::test]
async fn an_address_for_others_has_to_be_asked_for_by_name() {
    let everywhere = ([0, 0, 0, 0], 0).into();
    let refused = Health::builder().listen(everywhere).without_metrics().start();
    assert!(matches!(refused, Err(Error::Public { addr }) if addr == everywhere));
    assert!(Health::builder().listen_publicly(everywhere).without_metrics().start().is_ok());
}

#[tokio::test]
async fn a_taken_address_is_named_in_the_error() {
    let first = health(DrainPlan::default());
    let second = Health::builder().listen(first.local_addr()).without_metrics().start();
    let message = second.map(|_| ()).expect_err("the address is taken").to_string();
    assert!(message.contains(&first.local_addr().to_string()), "{message}");
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let started = Health::builder().without_metrics().start();
    assert!(matches!(started, Err(Error::NoRuntime)));
}
