//! What the program does beside serving.

pub(crate) mod config;
pub(crate) mod healthcheck;
pub(crate) mod manual;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod token;
