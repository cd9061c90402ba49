//! `herbarium-cache` beside its rivals, in one run:
//!
//! ```text
//! cargo run --release --manifest-path crates/herbarium-cache-rivals/Cargo.toml -- [hits | times | ratios [TRACE...]]
//! ```
//!
//! `ratios`: what share of requests each cache answers, on traces that are made here, all with
//! the same capacity in bytes. The rivals count the bytes of values only; ours counts
//! keys, entries and tables, too, and so holds less.
//! `hits`: hot hits a second on one and two threads, rounds of all contestants taking turns, as a
//! share of plain `quick_cache`; the median of the rounds.
//! `times`: how long single hot hits take.
//!
//! Times depend on the machine and its load: only ratios within one run say anything.

mod contestants;
mod hits;
mod ratios;
mod times;
mod trace;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |name: &str| asked.first().is_none_or(|it| it == name);
    if is_asked("hits") {
        hits::run();
    }
    if is_asked("times") {
        times::run();
    }
    if is_asked("ratios") {
        ratios::run(asked.get(1..).unwrap_or_default());
    }
}
