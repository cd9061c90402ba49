//! The queries that grammar crates ship, over the samples.
