//! Queues of jobs that several processes work on, some of which are killed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use herbarium_store::{Added, Grip, JobOptions, JobQueue, NewJob, Store};

use crate::support::*;

/// Tells the test binary, started again, where to work.
const WORKER: &str = "HERBARIUM_TEST_WORKER";

fn queue(path: &Path) -> JobQueue {
    let options =
        JobOptions { attempts: 1_000, backoff: Duration::from_millis(1), ..JobOptions::default() };
    JobQueue::new(Arc::new(Store::open(path, quick()).unwrap()), "work", options)
}

fn effect(path: &Path, key: &[u8]) -> std::path::PathBuf {
    path.with_extension("done").join(String::from_utf8(key.to_vec()).unwrap())
}

/// What a worker does: it leaves a file for each job, and tells what it finished.
#[test]
fn child_that_works() {
    let Some(path) = std::env::var_os(WORKER) else { return };
    let path = Path::new(&path);
    let queue = queue(path);
    loop {
        let claims = queue.claim(3).unwrap();
        if claims.is_empty() {
            thread::sleep(Duration::from_millis(2));
        }
        for claim in claims {
            fs::write(effect(path, &claim.job.key), "").unwrap();
            if queue.finish(&claim).unwrap() == Grip::Held {
                // With one call, so that a line is whole.
                let line = format!("finished {}\n", String::from_utf8(claim.job.key).unwrap());
                std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).unwrap();
            }
        }
    }
}

fn worker(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["jobs::child_that_works", "--exact", "--nocapture"])
        .env(WORKER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills a worker; gives what it finished.
fn end(mut worker: Child) -> Vec<String> {
    worker.kill().unwrap();
    let said = BufReader::new(worker.stdout.take().unwrap()).lines();
    let lines: Vec<String> = said.map_while(Result::ok).collect();
    worker.wait().unwrap();
    let finished =
        |line: &String| line.rsplit_once("finished ").map(|(_, key)| key.trim().to_owned());
    lines.iter().filter_map(finished).collect()
}

/// Workers on these many jobs, one of which is killed after each pause.
fn check(jobs: usize, workers: usize, pause: Option<Duration>) {
    let (_guard, path) = place();
    let queue = queue(&path);
    fs::create_dir(path.with_extension("done")).unwrap();
    let new: Vec<NewJob> = (0..jobs).map(|n| NewJob::new(format!("job{n}"))).collect();
    assert!(queue.add_all(&new).unwrap().iter().all(|added| matches!(added, Added::New(_))));
    let mut at_work: Vec<Child> = (0..workers).map(|_| worker(&path)).collect();
    let (begun, mut finished) = (Instant::now(), Vec::new());
    while !queue.jobs().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", queue.counts().unwrap());
        match pause {
            Some(pause) => {
                thread::sleep(pause);
                finished.extend(end(at_work.remove(0)));
                at_work.push(worker(&path));
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    at_work.into_iter().for_each(|worker| finished.extend(end(worker)));
    for job in &new {
        assert!(effect(&path, &job.key).exists(), "{job:?} was never done");
    }
    let mut times: BTreeMap<&String, u32> = BTreeMap::new();
    finished.iter().for_each(|key| *times.entry(key).or_default() += 1);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    // Of what a killed worker finished last, it may not have told.
    assert!(pause.is_some() || times.len() == jobs, "{} of {jobs}", times.len());
}

#[test]
fn two_processes_do_each_job_once() {
    check(120, 2, None);
}

#[test]
fn what_killed_workers_were_at_is_done_by_others() {
    check(1_500, 2, Some(Duration::from_millis(60)));
}

#[test]
fn jobs_are_there_after_the_store_was_opened_again() {
    let (_guard, path) = place();
    let first = queue(&path);
    first.add(&NewJob::new("a")).unwrap();
    let claim = first.claim(1).unwrap().pop().unwrap();
    first.renew(&claim, (3, 7)).unwrap();
    drop(first);
    let again = queue(&path);
    assert_eq!(again.claim(1).unwrap(), [], "this process holds it still");
    assert_eq!(again.jobs().unwrap()[0].progress, (3, 7));
    assert_eq!(again.finish(&claim).unwrap(), Grip::Held);
    assert_eq!(again.jobs().unwrap(), []);
}

#[test]
fn a_store_that_is_only_read_takes_no_jobs() {
    let (_guard, path) = place();
    drop(Store::open(&path, quick()).unwrap());
    let queue = JobQueue::new(Arc::new(reader(&path)), "work", JobOptions::default());
    assert!(queue.add(&NewJob::new("a")).is_err());
}
