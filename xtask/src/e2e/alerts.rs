//! A fault, and who hears of it: the service, Prometheus with the rules of the repository (hours
//! are minutes), Alertmanager with the routes of its example, and a web hook.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Bench;
use super::daemon::{Daemon, until};
use super::watchers::{Hook, Watchers, hurried_rules};

/// From a fault to the message, and from its end to the next.
const PATIENCE: Duration = Duration::from_secs(90);
/// One request at a time: a second one is turned away.
const NARROW: &[&str] = &["--limits-requests", "1"];

pub(super) fn alerts(bench: &Bench) -> Result<String, String> {
    let hook = Hook::open()?;
    let daemon = Daemon::start(bench, NARROW)?;
    let _watchers = Watchers::start(&daemon.health, &hurried_rules()?, &hook.address)?;
    let shed = crowded(&daemon, &hook)?;
    let killed = killed(daemon, bench, &hook)?;
    Ok(format!("too much to do: {shed}; killed: {killed}"))
}

/// More requests at a time than are allowed, and then no more.
fn crowded(daemon: &Daemon, hook: &Hook) -> Result<String, String> {
    let (names, began) = (["HerbariumSheds", "HerbariumAvailabilityBurnsFast"], Instant::now());
    let (mut held, mut turned_away) = (vec![hold(daemon)?], 0);
    let mut renewed = Instant::now();
    until(PATIENCE, "alerts of requests that are turned away", || {
        // A body that does not come is given up on: the next one waits behind it.
        if renewed.elapsed() > Duration::from_millis(500) {
            held.extend(hold(daemon));
            renewed = Instant::now();
        }
        let answer = daemon.get("/v1/languages");
        turned_away += usize::from(answer.is_ok_and(|(status, _)| status == 503));
        names.iter().all(|it| is(hook, it, "firing")).then_some(())
    })
    .map_err(|error| format!("{error}; {turned_away} answers of 503; heard {:?}", hook.heard()))?;
    drop(held);
    let fired = began.elapsed().as_secs();
    let began = Instant::now();
    until(PATIENCE, "the end of these alerts", || {
        let _ = daemon.get("/v1/languages");
        names.iter().all(|it| is(hook, it, "resolved")).then_some(())
    })
    .map_err(|error| format!("{error}; heard {:?}", hook.heard()))?;
    Ok(format!("fired after {fired} s, resolved {} s after its end", began.elapsed().as_secs()))
}

/// A request whose body does not come, so that it takes the only place.
fn hold(daemon: &Daemon) -> Result<TcpStream, String> {
    let fail = |error: std::io::Error| format!("hold a request: {error}");
    let mut stream = TcpStream::connect(&daemon.api).map_err(fail)?;
    let head = format!(
        "POST /v1/trees?path=a.rs HTTP/1.1\r\nhost: {}\r\ncontent-length: 100000\r\n\r\nfn",
        daemon.api
    );
    stream.write_all(head.as_bytes()).map_err(fail)?;
    Ok(stream)
}

/// It is gone, and comes back.
fn killed(daemon: Daemon, bench: &Bench, hook: &Hook) -> Result<String, String> {
    let name = "HerbariumDown";
    let began = Instant::now();
    daemon.peer.signal("-KILL")?;
    until(PATIENCE, name, || is(hook, name, "firing").then_some(()))
        .map_err(|error| format!("{error}; heard {:?}", hook.heard()))?;
    let fired = began.elapsed().as_secs();
    if hook.last_of(name).is_some_and(|it| it.path != "/page") {
        return Err(format!("expected {name} at /page, found {:?}", hook.last_of(name)));
    }
    let daemon = daemon.again(bench, &[])?;
    let began = Instant::now();
    until(PATIENCE, "its end", || is(hook, name, "resolved").then_some(()))?;
    daemon.stop()?;
    Ok(format!("fired after {fired} s, resolved {} s after its return", began.elapsed().as_secs()))
}

fn is(hook: &Hook, alert: &str, status: &str) -> bool {
    hook.last_of(alert).is_some_and(|it| it.status == status)
}
