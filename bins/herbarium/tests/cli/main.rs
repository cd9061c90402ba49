//! The built program, run as a user runs it: on folders of real small sources.

mod bed;

mod commands;
mod config;
mod damage;
mod docs;
mod exit_codes;
mod foreign;
mod index;
mod interrupted;
mod kept_queries;
mod languages;
mod memory;
mod output;
mod processes;
mod query;
mod stats;
mod symbols;
mod tree;
mod upkeep;
mod verify;
mod watch;
