//! The built program, run as a user runs it: on folders of real small sources.

mod bed;

mod commands;
mod damage;
mod docs;
mod exit_codes;
mod index;
mod interrupted;
mod languages;
mod memory;
mod output;
mod processes;
mod query;
mod stats;
mod symbols;
mod tree;
mod verify;
