//! What the codec promises, file by file: what nodes say, that every tree
//! comes back from its bytes, what is refused, what damage does.

#[path = "../support/dump.rs"]
pub mod dump;
#[path = "../../../../fuzz/src/grow.rs"]
pub mod grow;
#[path = "../../../../fuzz/src/parts.rs"]
pub mod parts;

mod damage;
mod depth;
mod edges;
mod golden;
mod grammars;
mod model;
mod nodes;
mod parse_table;
mod round_trip;
mod seen_by_queries;
mod shapes;
mod versions;
