//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;
use herbarium_loadgen::Span;

/// Puts load on a server, judges the answers, and says so when it was itself
/// too slow to judge.
#[derive(Debug, Parser)]
#[command(name = "herbarium-load", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a profile or a scenario file
    Run(Box<RunArgs>),
    /// Lists the profiles, or prints one as TOML
    Profiles(ProfilesArgs),
    /// Compares two reports: what differs by more than chance
    Compare(CompareArgs),
    /// Runs a new version beside the old one, in steps, and says whether to go on
    Canary(Box<CanaryArgs>),
    /// Works for a coordinator: `run --with` on another machine
    Worker(WorkerArgs),
    /// Answers web hooks: each POST runs the scenario, a pass is 200
    Serve(Box<ServeArgs>),
    /// Prints a completion script for a shell
    Completions(CompletionsArgs),
    /// Prints a manual page, in troff
    Man(ManArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// The report to compare with
    pub(crate) before: PathBuf,
    /// The report that is compared
    pub(crate) after: PathBuf,
    /// Also if scenario, version or machine differ, or a run is invalid
    #[arg(long)]
    pub(crate) force: bool,
    /// Exit with 2 if a percentile surely exceeds so many times what it was
    #[arg(long, value_name = "FACTOR", value_parser = above_zero)]
    pub(crate) at_most: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CanaryArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// The old version
    #[arg(long, value_name = "URL")]
    pub(crate) baseline: String,
    /// The new version
    #[arg(long, value_name = "URL")]
    pub(crate) candidate: String,
    /// Steps, in percent of the scenario's rate
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "5,25,50,100")]
    pub(crate) steps: Vec<f64>,
    /// Roll back above this share of errors
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    pub(crate) errors: f64,
    /// Roll back if p99 is above so many times that of the baseline
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = above_zero)]
    pub(crate) times: f64,
    /// Roll back above this share of --memory-limit
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = share)]
    pub(crate) memory: f64,
    /// Bytes that the new version may use; read through --server-pid or --server-metrics
    #[arg(long, value_name = "BYTES", value_parser = above_zero)]
    pub(crate) memory_limit: Option<f64>,
    /// With fewer requests a step decides nothing
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) least_requests: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing while it runs
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WorkerArgs {
    /// Where coordinators connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9798")]
    pub(crate) listen: SocketAddr,
    /// Targets that are not this machine are yours to load
    #[arg(long)]
    pub(crate) i_own_this_target: bool,
    /// What a coordinator must know
    #[arg(
        long,
        value_name = "TEXT",
        env = "HERBARIUM_LOAD_TOKEN",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) token: String,
    /// Where data files of scenarios are
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Threads that send; default: half of the processors
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// Where web hooks are answered
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9797")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// Command whose page to print [default: the page of herbarium-load itself]
    pub(crate) command: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ProfilesArgs {
    /// Print this profile, to be changed and run as a file
    pub(crate) name: Option<String>,
}

/// What is run, and where.
#[derive(Debug, ClapArgs)]
pub(crate) struct WhatArgs {
    /// A profile (see `herbarium-load profiles`) or a scenario file
    pub(crate) scenario: String,
    /// The server: http://HOST:PORT, https://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,
    /// The target is not this machine, and it is yours to load
    #[arg(long)]
    pub(crate) i_own_this_target: bool,
    /// Take the requests from this file instead of the scenario's
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: Option<PathBuf>,
    /// The length and scale of that name
    #[arg(long, value_name = "full|laptop|ci")]
    pub(crate) size: Option<String>,
    /// Rates, users and connections times this
    #[arg(long, value_name = "FACTOR")]
    pub(crate) scale: Option<f64>,
    /// All stages together as long as this
    #[arg(long, value_name = "TIME")]
    pub(crate) length: Option<Span>,
    /// Another seed
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// The server's process, to watch its memory, processor time and files
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// The server's metrics, to watch the same
    #[arg(long, value_name = "URL")]
    pub(crate) server_metrics: Option<String>,
    /// The generator's own lag that is allowed, 99 of 100
    #[arg(long, value_name = "TIME")]
    pub(crate) max_lag: Option<Span>,
    /// The share of late or dropped arrivals that is allowed
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_late: Option<f64>,
    /// The share of one core that a worker may use
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_cpu: Option<f64>,
    /// The share of time for which others may wait for a processor here
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_pressure: Option<f64>,
    /// Threads that send; default: half of the processors
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<usize>,
    /// No more requests than this
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_requests: Option<u64>,
    /// No longer than this
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<Span>,
    /// No more connections than this
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// Draw the schedule and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Say nothing while it runs
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Lines instead of the view, also on a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    /// Send from these workers, not from here
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) with: Vec<SocketAddr>,
    /// What the workers want to know
    #[arg(
        long,
        value_name = "TEXT",
        env = "HERBARIUM_LOAD_TOKEN",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) token: String,
    /// Serve the run as metrics while it goes on
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) prometheus: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

/// Files that are written.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct FileArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the series as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the response times as a log of HdrHistogram
    #[arg(long, value_name = "FILE")]
    pub(crate) hlog: Option<PathBuf>,
    /// Write the gates as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write a summary as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// Nothing is above `nan`, and a limit of that would never be exceeded.
fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|it| *it > 0.0 && it.is_finite());
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Of a whole.
fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|it| (0.0..=1.0).contains(it));
    number.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
