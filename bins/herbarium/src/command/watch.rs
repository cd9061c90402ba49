//! `herbarium watch`: what changes is pressed as soon as it changes.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use herbarium_index::{Cancel, IndexReport, WatchError, WatchEvent, WatchOptions, Watcher};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::WatchArgs;
use crate::exit::{Exit, Failure};
use crate::interrupt::cancel_on_ctrl_c;
use crate::limits;
use crate::numbers::{counted, duration};
use crate::paint::Ink;
use crate::store::{Access, engine, run_failed};

/// How often it is looked whether to stop.
const STEP: Duration = Duration::from_millis(50);

pub(super) fn run(app: &App, args: &WatchArgs) -> Result<Exit, Failure> {
    let cancel = cancel_on_ctrl_c();
    let deadline = args.time.map(|time| Instant::now() + time);
    let engine = engine(app, Access::Write)?;
    let (sender, events) = channel();
    // Nobody listens any more when it is being stopped.
    let tell = move |event| drop(sender.send(event));
    let watcher = engine
        .watch(&args.paths, WatchOptions::default(), tell)
        .map_err(|error| cannot_watch(&error))?;
    let told = listen(app, &watcher, &events, &cancel, deadline);
    watcher.stop();
    told?;
    events.try_iter().try_for_each(|event| tell_one(app, &event))?;
    Ok(Exit::Fine)
}

/// Tells what happens until it is time to stop.
fn listen(
    app: &App,
    watcher: &Watcher,
    events: &Receiver<WatchEvent>,
    cancel: &Cancel,
    deadline: Option<Instant>,
) -> Result<(), Failure> {
    while !cancel.is_cancelled() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        match events.recv_timeout(STEP) {
            Ok(event) => tell_one(app, &event)?,
            Err(RecvTimeoutError::Timeout) if watcher.is_running() => {}
            Err(_) => {
                let help = "start it again, and please report what was said before";
                return Err(Failure::new(Exit::Io, "the watcher ended by itself", help));
            }
        }
    }
    Ok(())
}

/// One line for each event, at once: somebody may be waiting for it.
fn tell_one(app: &App, event: &WatchEvent) -> Result<(), Failure> {
    match app.global.json {
        true => app.print_json(&json_of(app, event))?,
        false => {
            if let Some(line) = line_of(app, event) {
                writeln!(app.out(), "{line}")?;
            }
        }
    }
    app.flush()
}

/// An event as `docs/cli.md` describes it.
fn json_of(app: &App, event: &WatchEvent) -> Value {
    let path = |path: &Path| app.shown.lossy(path);
    match event {
        WatchEvent::Started { root, folders, report } => json!({
            "event": "started", "path": path(root), "folders": folders, "files": report.files,
            "parses": report.parses,
        }),
        WatchEvent::Pressed { path: file, key, parsed, after } => json!({
            "event": "pressed", "path": path(file), "key": key.to_string(), "parsed": parsed,
            "ms": (after.as_secs_f64() * 1e6).round() / 1e3,
        }),
        WatchEvent::Removed { path: file } => json!({ "event": "removed", "path": path(file) }),
        WatchEvent::Problem(problem) => json!({
            "event": "problem", "path": path(&problem.path), "kind": problem.kind.name(),
            "message": limits::message(problem),
        }),
        WatchEvent::Rescanned { root, why, report } => json!({
            "event": "rescanned", "path": path(root), "why": why.name(), "files": report.files,
            "parses": report.parses,
        }),
        WatchEvent::Failed { root, message } => {
            json!({ "event": "failed", "path": path(root), "message": message })
        }
        WatchEvent::Limited { root, watched, folders } => json!({
            "event": "limited", "path": path(root), "watched": watched, "folders": folders,
        }),
        WatchEvent::Idle => json!({ "event": "idle" }),
        other => json!({ "event": "other", "message": format!("{other:?}") }),
    }
}

fn line_of(app: &App, event: &WatchEvent) -> Option<String> {
    let text = |path: &Path| app.shown.text(path);
    let bad = |word| app.paint.ink(Ink::Warning, word).to_string();
    Some(match event {
        WatchEvent::Started { root, folders, report } => {
            let folders = counted(*folders, "folder", "folders");
            format!("{}: watching {folders}, {}", text(root), came_to(report))
        }
        WatchEvent::Pressed { path, parsed, after, .. } => {
            let what = if *parsed { "pressed" } else { "known" };
            format!("{}: {what} in {}", text(path), duration(*after))
        }
        WatchEvent::Removed { path } => format!("{}: gone", text(path)),
        WatchEvent::Problem(problem) => {
            let message = crate::paths::printable(&limits::message(problem));
            format!("{}: {}: {message}", text(&problem.path), bad("problem"))
        }
        WatchEvent::Rescanned { root, why, report } => {
            format!("{}: looked at anew ({why}), {}", text(root), came_to(report))
        }
        WatchEvent::Failed { root, message } => {
            let message = crate::paths::printable(message);
            format!("{}: {}: {message}; it is tried again", text(root), bad("failed"))
        }
        WatchEvent::Limited { root, watched, folders } => format!(
            "{}: {}: the system watches {watched} of {folders} folders: what changes in the others \
             is found within seconds; on Linux, raise fs.inotify.max_user_watches",
            text(root),
            bad("limited"),
        ),
        WatchEvent::Idle => return None,
        other => format!("{other:?}"),
    })
}

fn came_to(report: &IndexReport) -> String {
    let files = counted(report.files, "file", "files");
    format!("{files}, {}", counted(report.parses, "parse", "parses"))
}

fn cannot_watch(error: &WatchError) -> Failure {
    match error {
        WatchError::Index(error) => run_failed(error),
        _ => Failure::from_error(Exit::Io, error, "index from time to time instead"),
    }
}
