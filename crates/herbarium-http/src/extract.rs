//! What handlers take from a request, with rejections that are problems.

mod body;
mod json;
mod path;
mod query;
mod said;
mod strict;

pub use body::RawBody;
pub use json::Json;
pub use path::Path;
pub use query::Query;
