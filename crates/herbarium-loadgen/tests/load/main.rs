//! The library against servers that behave in every way.

mod arrivals;
mod canary;
mod cluster;
mod compare;
mod faults;
mod gates;
mod keys;
mod protocols;
mod records;
mod runs;
mod scenarios;
mod servers;
mod verdicts;
