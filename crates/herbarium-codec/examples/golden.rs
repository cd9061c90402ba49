//! Writes the golden files of the current format version:
//!
//! ```text
//! cargo run -p herbarium-codec --example golden -- crates/herbarium-codec/tests/golden/v1
//! ```
//!
//! Files that are there are kept: what a released version wrote never changes.
//! Beside each tree lies a text that says what a reader must see in it.

#[path = "../tests/support/dump.rs"]
pub mod dump;
#[path = "../../../fuzz/src/grow.rs"]
pub mod grow;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use herbarium_codec::{
    BookTrainer, ERROR_KIND, Encoder, Grammar, GrammarParts, Kind, NewNode, Quirk, Supertype, Tree,
    TreeBuilder, doc, encode_standalone,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: golden FOLDER")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    for (name, tree) in trees()? {
        put(&folder.join(format!("{name}.hrbt")), &encode_standalone(&tree))?;
        put(&folder.join(format!("{name}.txt")), dump::dump(&tree).as_bytes())?;
    }
    put_with_book(folder)
}

/// A tree that needs a grammar table and a shape book to be opened.
fn put_with_book(folder: &Path) -> Result<(), Box<dyn Error>> {
    let grammar = Arc::new(doc::sums());
    let mut trainer = BookTrainer::new(&grammar);
    trainer.add(&doc::one_plus_two(&grammar));
    let book = Arc::new(trainer.finish());
    let tree = lines("1 +\n2")?;
    let mut bytes = Vec::new();
    Encoder::new().encode_into(&tree, Some(&book), &mut bytes);
    put(&folder.join("with-book.hrbt"), &bytes)?;
    put(&folder.join("with-book.txt"), dump::dump(&tree).as_bytes())?;
    put(&folder.join("with-book.hrbg"), &grammar.to_bytes())?;
    put(&folder.join("with-book.hrbb"), &book.to_bytes())
}

/// Writes a new file; keeps one that is there.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    match fs::File::create_new(path) {
        Ok(mut file) => Ok(file.write_all(bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("writing {}: {error}", path.display()).into()),
    }
}

type Named = (&'static str, Tree);

fn trees() -> Result<Vec<Named>, Box<dyn Error>> {
    let grown = |steps: &[u8]| {
        let grammar = grow::grammar();
        grow::grow(steps).build(&mut TreeBuilder::new(&grammar))
    };
    let every_step: Vec<u8> = (0..=255).cycle().step_by(7).take(600).collect();
    Ok(vec![
        ("sum", doc::one_plus_two(&Arc::new(doc::sums()))),
        ("empty-file", lines("")?),
        ("one-byte", lines("1")?),
        ("line-ends-crlf", lines("1 +\r\n  2 +\r\n\r\n\t3\r\n")?),
        ("line-ends-mixed", lines("\u{feff}1\r\n+ 2\n\n\n\n\n+ 3")?),
        ("broken", broken()?),
        ("deep", deep(500)?),
        ("every-step", grown(&every_step)),
        ("many-shapes", grown(&many_shapes())),
        ("seen-by-queries", seen_by_queries()?),
    ])
}

/// A sum of the words between blanks: numbers, and plus signs.
fn lines(source: &str) -> Result<Tree, Box<dyn Error>> {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(source.as_bytes())?;
    let end = source.trim_end().len() as u32;
    builder.push(NewNode { kind: 3, end, ..NewNode::default() })?;
    let first = source.as_ptr() as usize;
    for word in source.split(|c: char| c.is_whitespace() || c == '\u{feff}') {
        let start = (word.as_ptr() as usize - first) as u32;
        let kind = if word == "+" { 2 } else { 1 };
        let end = start + word.len() as u32;
        if !word.is_empty() {
            builder.push(NewNode { kind, depth: 1, start, end, ..NewNode::default() })?;
        }
    }
    Ok(builder.finish()?)
}

/// `1 + @ (2 +`: an error with a character that nobody expected, an error with
/// children, a missing number, a missing token that does not show, and a node
/// that has an error for no visible reason.
fn broken() -> Result<Tree, Box<dyn Error>> {
    let node = |kind, depth, start, end| NewNode { kind, depth, start, end, ..NewNode::default() };
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(b"1 + @ (2 +")?;
    builder.push(node(3, 0, 0, 10))?;
    builder.push(NewNode { field: 1, ..node(1, 1, 0, 1) })?;
    builder.push(node(2, 1, 2, 3))?;
    builder.push(node(ERROR_KIND, 1, 4, 5))?;
    builder.unexpected('@' as i32);
    builder.push(NewNode { extra: true, ..node(ERROR_KIND, 1, 6, 10) })?;
    builder.push(node(3, 2, 7, 10))?;
    builder.push(node(1, 3, 7, 8))?;
    builder.push(node(2, 3, 9, 10))?;
    builder.push(NewNode { missing: true, field: 2, ..node(1, 3, 10, 10) })?;
    builder.hidden_missing(5, 3, 0, true)?;
    builder.mark_error(2);
    Ok(builder.finish()?)
}

/// `f(/* c */ 1, 2)`: arguments in two supertypes, in one and in none, a comment
/// in the place of an argument, and a field that two nodes share.
fn seen_by_queries() -> Result<Tree, Box<dyn Error>> {
    let kind = |name: &str, visible| {
        let supertype = name.starts_with('_');
        Kind { name: name.into(), named: true, visible, supertype }
    };
    let grammar = Grammar::new(GrammarParts {
        name: "calls".into(),
        kinds: vec![
            kind("call", true),
            kind("_expression", false),
            kind("_literal", false),
            kind("name", true),
            kind("number", true),
            kind("comment", true),
        ],
        fields: vec!["function".into(), "argument".into()],
        supertypes: vec![
            Supertype { kind: 1, subtypes: vec![0, 2, 3] },
            Supertype { kind: 2, subtypes: vec![4] },
        ],
        ..GrammarParts::default()
    })?;
    let node = |kind, field, start, end, supertypes| NewNode {
        kind,
        field,
        depth: 1,
        start,
        end,
        supertypes,
        ..NewNode::default()
    };
    let mut builder = TreeBuilder::new(&Arc::new(grammar));
    builder.start(b"f(/* c */ 1, 2)")?;
    builder.push(NewNode { depth: 0, ..node(0, 0, 0, 15, 0) })?;
    builder.push(node(3, 1, 0, 1, 0b01))?;
    builder.push(NewNode { extra: true, ..node(5, 0, 2, 9, 0b01) })?;
    builder.quirk(2, Quirk::Field(2))?;
    builder.quirk(2, Quirk::Alias(3))?;
    builder.push(node(4, 2, 10, 11, 0b11))?;
    builder.quirk(3, Quirk::LastOfField)?;
    builder.quirk(3, Quirk::FieldWithin(1))?;
    builder.push(node(4, 2, 13, 14, 0b11))?;
    builder.quirk(4, Quirk::NotLastOfField)?;
    Ok(builder.finish()?)
}

/// A sum in a sum in a sum.
fn deep(levels: u32) -> Result<Tree, Box<dyn Error>> {
    let mut builder = TreeBuilder::new(&Arc::new(doc::sums()));
    builder.start(b"1")?;
    for depth in 0..levels {
        builder.push(NewNode { kind: 3, depth, end: 1, ..NewNode::default() })?;
    }
    builder.push(NewNode { kind: 1, depth: levels, end: 1, ..NewNode::default() })?;
    Ok(builder.finish()?)
}

/// Steps of a tree in which most kinds occur with most fields: more shapes
/// than a byte numbers.
fn many_shapes() -> Vec<u8> {
    let token = |n: u32| [1 | ((n % 6) as u8) << 3, (n / 6) as u8, 0];
    [0, 2].into_iter().chain((6..1200).flat_map(token)).collect()
}
