//! Writes where `query` and `query_bytes` start from: `cargo run --example query_seeds`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use herbarium_capture::parse_table_of;
use herbarium_languages::by_id;
use herbarium_query::Compiler;

/// Header and checksum of a compiled query, which `query_bytes` puts around.
const HEADER: usize = 4 + 1 + 16;
const CHECKSUM: usize = 8;

const JSON: &[&str] = &[
    "(pair key: (string) @key value: (_)? @value (#eq? @key \"\\\"a\\\"\"))",
    "(array . (_) @first (_)* @rest .)",
    "[(object) (array)]+ @run",
    "((string) @s (#match? @s \"^.[a-z]+\") (#set! a b))",
    "(_value/object !key) @o",
    "(document (_) @x (#any-of? @x \"1\" \"2\"))",
    "((pair)+ @p . \",\" (pair) @q)",
    "(ERROR) @e (MISSING \"]\") @m _ @any",
];

const RUST: &[&str] = &[
    "(function_item name: (identifier) @name parameters: (parameters (_)* @p))",
    "((line_comment)* @doc . (struct_item !type_parameters) @s)",
    "(_expression) @e",
    "(call_expression function: [(identifier) (field_expression)] @f)",
];

fn main() -> std::io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let (texts, bytes) = (seeds.join("query"), seeds.join("query_bytes"));
    fs::create_dir_all(&texts)?;
    fs::create_dir_all(&bytes)?;
    let json = by_id("json").expect("built in");
    let table = Arc::new(parse_table_of(&json.tree_sitter()));
    let compiler = Compiler::new(json.grammar().clone(), table);
    for (number, text) in JSON.iter().enumerate() {
        let query = compiler.compile(text).expect("a query").to_bytes();
        fs::write(bytes.join(format!("json-{number}")), &query[HEADER..query.len() - CHECKSUM])?;
        fs::write(texts.join(format!("json-{number}")), seed(0, 8, text.as_bytes()))?;
    }
    for (number, text) in RUST.iter().enumerate() {
        fs::write(texts.join(format!("rust-{number}")), seed(2, 8, text.as_bytes()))?;
    }
    for kind in 0..8u8 {
        let number = u64::from(kind).to_le_bytes();
        fs::write(texts.join(format!("made-up-{kind}")), seed(kind, kind * 2 + 1, &number))?;
    }
    Ok(())
}

/// Language, settings, their number, two edits, the query.
fn seed(language: u8, kind: u8, query: &[u8]) -> Vec<u8> {
    [&[language, kind, 0x3a, 2, 100, 5, 0, 180, 70, b'}'], query].concat()
}
