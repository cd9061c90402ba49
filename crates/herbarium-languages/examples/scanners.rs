//! Parses short broken sources of one language until its time is over, or until the
//! grammar ends the process: the child that `cargo xtask fuzz --scanners` starts for
//! each language.
//!
//! `scanners ID SECONDS SEED FILE` writes every source to FILE before it is parsed, so
//! that the last one is there whatever became of the process. `scanners ID FILE` parses
//! that one source. FILE holds the length of the case in four bytes, the place of the
//! edit in two, and the source.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its parent reads them")]

use std::error::Error;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use herbarium_languages::{Language, ParseError, ParseLimits, ParserPool, by_id};
use tree_sitter::{InputEdit, Point};

/// The longest source, in bytes.
const LONGEST: usize = 400;
/// A parse of so short a source takes some milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [id, file] => replay(id, Path::new(file)),
        [id, seconds, seed, file] => fuzz(id, seconds, seed, Path::new(file)),
        _ => Err("usage: scanners ID (FILE | SECONDS SEED FILE)".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scanners: {error}");
            ExitCode::from(2)
        }
    }
}

fn replay(id: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let parser = Parser::new(id)?;
    parser.parse(&Case::from_bytes(&std::fs::read(file)?));
    Ok(())
}

/// Prints the number of sources, how many met the time limit, and the milliseconds of
/// the slowest.
fn fuzz(id: &str, seconds: &str, seed: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let (seconds, seed) = (Duration::from_secs(seconds.parse()?), seed.parse()?);
    let parser = Parser::new(id)?;
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let sample = std::fs::read(samples.join(format!("{id}.txt")))?;
    let mut note = File::create(file)?;
    let mut breaker = Breaker { state: seed, sample: &sample };
    let (started, mut count, mut stopped, mut slowest) = (Instant::now(), 0u64, 0u64, 0);
    while started.elapsed() < seconds {
        let case = breaker.case();
        note.seek(SeekFrom::Start(0))?;
        note.write_all(&case.to_bytes())?;
        let begun = Instant::now();
        stopped += u64::from(parser.parse(&case));
        slowest = slowest.max(begun.elapsed().as_millis());
        count += 1;
    }
    println!("{count} {stopped} {slowest}");
    Ok(())
}

/// A source, and the place where a space is put in before it is parsed once more from
/// the first tree: grammars then restore what their scanner had saved.
struct Case {
    source: Vec<u8>,
    edit: u16,
}

impl Case {
    /// With its length before it: a shorter one is written over a longer one, because
    /// cutting a file down for each costs more than parsing.
    fn to_bytes(&self) -> Vec<u8> {
        let len = (2 + self.source.len() as u32).to_le_bytes();
        [&len, &self.edit.to_le_bytes()[..], &self.source].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (len, rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let rest = &rest[..rest.len().min(u32::from_le_bytes(*len) as usize)];
        let (edit, source) = rest.split_first_chunk().unwrap_or((&[0; 2], &[]));
        Self { source: source.to_vec(), edit: u16::from_le_bytes(*edit) }
    }
}

struct Parser {
    language: &'static Language,
    pool: ParserPool,
    limits: ParseLimits,
}

impl Parser {
    fn new(id: &str) -> Result<Self, String> {
        let language = by_id(id).ok_or_else(|| format!("`{id}` is not built in"))?;
        let limits = ParseLimits { max_time: Some(LIMIT), ..ParseLimits::default() };
        Ok(Self { language, pool: ParserPool::new(1), limits })
    }

    /// Whether the limit stopped it.
    fn parse(&self, case: &Case) -> bool {
        let parse = |source: &[u8], old: Option<&tree_sitter::Tree>| {
            self.pool.parse(self.language, source, old, &self.limits)
        };
        let mut tree = match parse(&case.source, None) {
            Ok(tree) => tree,
            Err(error) => return matches!(error, ParseError::TimedOut { .. }),
        };
        let at = usize::from(case.edit) % (case.source.len() + 1);
        tree.edit(&edit_at(&case.source, at));
        let mut edited = case.source.clone();
        edited.insert(at, b' ');
        matches!(parse(&edited, Some(&tree)), Err(ParseError::TimedOut { .. }))
    }
}

/// One byte, not a line's end, is put in.
fn edit_at(source: &[u8], at: usize) -> InputEdit {
    let before = &source[..at];
    let row = before.iter().filter(|byte| **byte == b'\n').count();
    let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |it| it + 1);
    let start = Point::new(row, at - line);
    InputEdit {
        start_byte: at,
        old_end_byte: at,
        new_end_byte: at + 1,
        start_position: start,
        old_end_position: start,
        new_end_position: Point::new(row, at - line + 1),
    }
}

/// What scanners count, match or look ahead for.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"    ",
    b"  ",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x8c\xbf",
    b"\"",
    b"\"\"\"",
    b"'",
    b"'''",
    b"`",
    b"```",
    b"~~~",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"<",
    b">",
    b"</",
    b"/>",
    b"<!--",
    b"-->",
    b"/*",
    b"*/",
    b"//",
    b"#",
    b"##",
    b"#\"",
    b"r#\"",
    b"\"#",
    b"$",
    b"${",
    b"#{",
    b"$(",
    b"$((",
    b"@",
    b"\\",
    b"\\\n",
    b"<<EOF\n",
    b"<<-'E'\n",
    b"<<~E\n",
    b"EOF\n",
    b"E\n",
    b"%w(",
    b"%{",
    b"q{",
    b"=begin\n",
    b"=end\n",
    b"=pod\n",
    b"--[==[",
    b"]==]",
    b"{-",
    b"-}",
    b"|",
    b"||",
    b"&",
    b"&&",
    b";",
    b";;",
    b":",
    b"::",
    b",",
    b"...",
    b"=",
    b"=>",
    b"->",
    b"---\n",
    b"...\n",
    b"- ",
    b"* ",
    b"> ",
    b"1. ",
    b"| ",
    b">-\n",
    b"|2\n",
    b"!!",
    b"&a ",
    b"*a",
    b"<script>",
    b"</script>",
    b"<style>",
    b"<?php ",
    b"?>",
    b"<%",
    b"%>",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"]]>",
    b"<![CDATA[",
    b"R\"x(",
    b")x\"",
    b"f\"{",
    b"0x",
    b"1e9",
    b"_",
    b"a",
    b"if ",
    b"end\n",
    b"case ",
    b"\x0c",
    b"\x1b",
];

/// Makes sources of a sample by steps that a seed decides.
struct Breaker<'s> {
    state: u64,
    sample: &'s [u8],
}

impl Breaker<'_> {
    fn case(&mut self) -> Case {
        let mut source = match self.below(8) {
            0 => Vec::new(),
            _ => self.part(LONGEST / 2).to_vec(),
        };
        for _ in 0..=self.below(12) {
            self.step(&mut source);
        }
        source.truncate(LONGEST);
        Case { source, edit: self.below(1 << 16) as u16 }
    }

    fn step(&mut self, source: &mut Vec<u8>) {
        let at = self.below(source.len() + 1);
        let end = (at + self.below(24)).min(source.len());
        let new = match self.below(8) {
            0 => Vec::new(),
            1 => vec![self.below(256) as u8],
            2 => self.part(40).to_vec(),
            3 => {
                let times = 1 + self.below(60);
                self.piece().repeat(times)
            }
            4 => [&source[at..end], &source[at..end]].concat(),
            _ => self.piece().to_vec(),
        };
        // Half of the steps put something in, the others in place of what was there.
        let end = if self.below(2) == 0 { at } else { end };
        source.splice(at..end, new);
    }

    fn piece(&mut self) -> &'static [u8] {
        PIECES[self.below(PIECES.len())]
    }

    /// Some of the sample, at most so much.
    fn part(&mut self, most: usize) -> &[u8] {
        let at = self.below(self.sample.len() + 1);
        let len = self.below(most + 1);
        &self.sample[at..(at + len).min(self.sample.len())]
    }

    /// A number below `bound`, by splitmix64.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
