//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
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
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

/// Files that are written.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct FileArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
