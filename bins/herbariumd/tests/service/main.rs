//! `herbariumd` as others meet it: a process, with sockets, files and signals.
#![cfg(unix)]

mod config;
mod daemon;
mod docs;
mod drain;
mod pages;
mod reload;
mod serving;
