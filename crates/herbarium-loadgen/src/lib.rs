//! A load generator as a library, honest by construction: arrivals from a
//! schedule, three clocks for each request, and a verdict about itself.
//!
//! Pick this crate to put load on a service from a program or a test of your
//! own; the command `herbarium-load` is a thin layer over it. For closed loops
//! from a shell, `wrk` is smaller.
//!
//! ```
//! use herbarium_loadgen::{Options, Report, Scenario, Stop, Target, run};
//! # use std::io::{Read, Write};
//! # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let url = format!("http://{}", server.local_addr()?);
//! # std::thread::spawn(move || for mut stream in server.incoming().flatten() {
//! #     std::thread::spawn(move || while stream.read(&mut [0; 4096]).is_ok_and(|it| it > 0) {
//! #         let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
//! #     });
//! # });
//!
//! let scenario = Scenario::from_toml(
//!     r#"
//!     name = "a second"
//!     [[stage]]
//!     hold = 100
//!     for = "1s"
//!     [[gate]]
//!     metric = "errors"
//!     below = 0.001
//!     "#,
//! )?;
//! let target = Target::parse(&url)?.allow(false)?;
//! let outcome = run(&scenario, &target, &Options::default(), &Stop::new(), &mut ())?;
//! let report = Report::new(&scenario, target.url(), &outcome);
//! assert_eq!(report.whole.errors.sum(), 0);
//! println!("{}: p99 {:?} s", report.verdict, report.whole.response.p99);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts
//! | module | is |
//! |---|---|
//! | [`scenario`] | what is sent, when, and what must come of it; TOML |
//! | [`arrivals`] | when requests are due, computed from the start |
//! | [`keys`] | which key a request asks for |
//! | [`target`] | where requests go, and whether they may |
//! | [`record`] | times in histograms of fixed size |
//! | [`timeline`] | what happened when, in bounded memory |
//! | [`gate`], [`judge`] | what must come of a run, and whether it did |
//! | [`report`], [`output`] | the result as JSON, CSV, `.hlog`, HTML, JUnit, Markdown |
//! | [`canary`] | two versions at once, in steps, until one is to be rolled back |
//! | [`cluster`] | several generators as one |
//! | [`compare`] | two reports, and whether they differ by more than chance |
//!
//! # What it promises
//! - **A slow server cannot hide.** Open loop: what is due is due, and the
//!   response time counts from then. [Service time](record::Sample::service),
//!   what most tools print, stands beside it.
//! - **A slow generator cannot hide either.** Its own
//!   [lag](record::Sample::lag), its processor time and the pressure on its
//!   machine have [limits](scenario::HonestySpec); beyond them the verdict is
//!   [`Verdict::Invalid`].
//! - **Memory has an end**, however long the run and however many the requests.
//! - **A seed is a schedule**: the same arrivals with the same keys, on any
//!   machine and with any number of workers.
//!
//! It installs nothing: no logger, no signal handler, no global runtime.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alarm;
pub mod arrivals;
pub mod canary;
mod check;
pub mod cluster;
pub mod compare;
mod connect;
pub mod gate;
pub mod host;
mod http1;
mod http2;
mod job;
pub mod judge;
pub mod keys;
mod net;
pub mod outcome;
pub mod output;
mod probe;
mod random;
pub mod record;
pub mod report;
mod run;
pub mod scenario;
mod span;
pub mod stats;
pub mod target;
mod template;
pub mod timeline;
mod worker;

pub use probe::ServerSample;
pub use random::Random;
pub use report::{Report, Verdict};
pub use run::{Caps, Options, Outcome, RunError, Stop, View, Watch, run};
pub use scenario::Scenario;
pub use span::{Span, show_nanos};
pub use target::Target;
