//! Who calls a function? Asks every Rust file of a folder, without parsing one that
//! was asked before:
//!
//! ```text
//! cargo run --release -p herbarium --example find_calls -- FUNCTION [FOLDER]
//! ```

use std::error::Error;
use std::io::{Write, stdout};

use herbarium::{Herbarium, Scope};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let function = args.next().ok_or("usage: find_calls FUNCTION [FOLDER]")?;
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    let query = format!("(call_expression function: (identifier) @name (#eq? @name {function:?}))");

    let herbarium = Herbarium::open_default()?;
    let found = herbarium.query(&Scope::of([folder]).language("rust"), &query)?;
    let mut out = stdout().lock();
    for file in &found.files {
        for call in file.matches.iter().flat_map(|one| &one.captures) {
            let line = call.range.start_point.row + 1;
            writeln!(out, "{}:{line}: {}", file.path.display(), call.text)?;
        }
    }
    writeln!(out, "{} files asked, {} parsed", found.asked, herbarium.engine().parses())?;
    Ok(())
}
