//! A cache of parsed pages, as a program would begin with it: a codec of its own, a budget
//! that suits the machine, a directory below, threads that ask at one time, and the table of
//! what happened.
//!
//! ```text
//! cargo run --release -p herbarium-cache --example pages
//! ```

#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::error::Error;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use herbarium_cache::tune::{Resources, Tuning};
use herbarium_cache::{
    Cache, CacheBuilder, Codec, CodecError, Compression, DirectoryTier, ReadHint, TierOptions,
    Write,
};

/// A page as the program works with it: its lines, each with its indentation.
#[derive(Debug, PartialEq)]
struct Page {
    lines: Vec<(usize, String)>,
}

fn parse(text: &str) -> Page {
    let indented = |line: &str| (line.len() - line.trim_start().len(), line.trim().to_owned());
    Page { lines: text.lines().map(indented).collect() }
}

/// How pages become bytes. What costs time to make is decoded, not made again.
struct Pages;

impl Codec for Pages {
    type Value = Page;

    fn weigh(&self, page: &Page) -> usize {
        let texts: usize = page.lines.iter().map(|(_, text)| text.capacity()).sum();
        texts + page.lines.capacity() * size_of::<(usize, String)>()
    }

    fn encode(&self, page: &Page, out: &mut Vec<u8>) -> Result<(), CodecError> {
        for (indent, text) in &page.lines {
            out.extend_from_slice(&(*indent as u32).to_le_bytes());
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<Page, CodecError> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let indent = number(&mut bytes)?;
            let len = number(&mut bytes)?;
            let (text, rest) = bytes.split_at_checked(len).ok_or_else(cut_short)?;
            lines.push((indent, std::str::from_utf8(text).map_err(CodecError::new)?.to_owned()));
            bytes = rest;
        }
        Ok(Page { lines })
    }
}

fn number(bytes: &mut &[u8]) -> Result<usize, CodecError> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(cut_short)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*number) as usize)
}

fn cut_short() -> CodecError {
    CodecError::new("the page ends too early")
}

/// Stands for whatever is slow in your program.
fn render(number: u64) -> String {
    let mut text = format!("page {number}\n");
    for line in 0..200 {
        let _ = writeln!(text, "{:width$}line {line} of page {number}", "", width = line % 8);
    }
    text
}

fn main() -> Result<(), Box<dyn Error>> {
    let tuning = Tuning::of(&Resources::detect());
    for row in tuning.rows() {
        println!("{:<20} {:>14}  {}", row.name, row.value, row.origin);
    }

    let folder = std::env::temp_dir().join(format!("pages-{}", std::process::id()));
    // A program would take `tuning.budget.value`; here something must overflow.
    let cache: Cache<u64, Pages> = CacheBuilder::new(Pages)
        .budget(4 << 20)
        .tier(
            DirectoryTier::open(&folder, 64 << 20)?,
            TierOptions::new("cold").compression(Compression::zstd(3)).write(Write::OnEviction),
        )
        .build()?;

    let parsed = AtomicU64::new(0);
    let page = |number: u64, hint: ReadHint| {
        cache.get_or_try_insert_hinted(number, hint, || {
            parsed.fetch_add(1, Ordering::Relaxed);
            Ok::<_, CodecError>(parse(&render(number)))
        })
    };
    std::thread::scope(|scope| {
        for _ in 0..tuning.workers.value.min(4) {
            scope.spawn(|| {
                // All ask for the same pages at about the same time.
                (0..1000).for_each(|number| assert!(page(number, ReadHint::Use).is_ok()));
            });
        }
    });
    // A walk over everything, which leaves the hot pages hot.
    for number in 0..1000 {
        assert_eq!(*page(number, ReadHint::Scan)?, parse(&render(number)));
    }
    println!("\n1000 pages were parsed {} times\n{}", parsed.into_inner(), cache.stats());

    drop(cache);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

#[test]
fn it_runs() {
    main().expect("every step succeeds");
}
