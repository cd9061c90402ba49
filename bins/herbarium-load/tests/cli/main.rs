//! The program as it is called.

mod bed;
mod docs;
mod exit_codes;
mod files;
mod hooks;
mod pages;
#[cfg(target_os = "linux")]
mod peers;
mod profiles;
#[cfg(target_os = "linux")]
mod terminal;
