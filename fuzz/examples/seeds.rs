//! Writes what fuzzing starts from: `cargo run --example seeds`, in this
//! folder, after the golden files have changed.

use std::error::Error;
use std::fs;
use std::path::Path;

use herbarium_codec::{TreeBuilder, encode, encode_standalone};
use herbarium_fuzz::{grow, sealed_input};

/// Steps for `grow::grow`, each for something that the format tells apart.
const STEPS: [(&str, &[u8]); 10] = [
    ("empty", b""),
    ("lone-token", b"\x02\x02\x04"),
    ("byte-order-mark", b"\x10\x02\x01\x05\x09\x06"),
    ("tokens-and-gaps", b"\0\x02\x01\x05\x10\x09\x06\x18\x11\x07\x30\x21\x08"),
    ("crlf", b"\x01\x02\x01\x05\x08\x09\x06\x10\x21\x08\x39\x04\x50"),
    ("head-and-tail", b"\0\x02\x0a\x08\x10\x01\x05\x10\x03\x20\x01\x06"),
    ("faults", b"\0\x02\x0a\x08\x04\x02\x0c\x06\x34\x05\x14\x06\x1c\x07\x03\x44\x08"),
    ("long", b"\0\x02\x36\x76\x05\xb6\xf6\x07\x01\x05"),
    ("seen-by-queries", b"\0\x02\xdb\x03\xe3\x10\x09\x06\xeb\x11\xc3\0\xcb\x07\x03\x0a\x08\xd3\x01"),
    ("deep-and-wide", b"\0\x02\xff\x02\x2d\x03\x03\xfd\x01\x06"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for target in ["decode", "decode_sealed", "round_trip"] {
        fs::create_dir_all(seeds.join(target))?;
    }
    let golden = seeds.join("../../crates/herbarium-codec/tests/golden/v1");
    for file in fs::read_dir(golden)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default();
        if path.extension().is_some_and(|kind| kind != "txt") {
            fs::copy(&path, seeds.join("decode").join(name))?;
        }
    }
    let grammar = grow::grammar();
    for (name, steps) in STEPS {
        let tree = grow::grow(steps).build(&mut TreeBuilder::new(&grammar));
        fs::write(seeds.join("round_trip").join(name), steps)?;
        fs::write(seeds.join("decode").join(name), encode_standalone(&tree))?;
        let sealed = sealed_input(&encode(&tree)).ok_or("own bytes")?;
        fs::write(seeds.join("decode_sealed").join(name), sealed)?;
    }
    Ok(())
}
