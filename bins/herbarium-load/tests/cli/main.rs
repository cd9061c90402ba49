//! The program as it is called.

mod bed;
mod docs;
mod exit_codes;
mod files;
mod profiles;
