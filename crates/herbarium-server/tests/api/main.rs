//! The API, through its router, over a real engine and real files.

mod description;
mod ground;
mod jobs;
mod searching;
mod sources;
mod trees;
mod workspaces;
