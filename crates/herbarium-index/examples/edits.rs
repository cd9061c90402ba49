//! What small edits of files cost in CPU time, and how often the tree that they lead to is not the
//! one that a parse of the whole text makes.
//!
//! `cargo run --release --example edits -- EDITS FILE...` makes so many edits of each
//! file: places, words and brackets put in and taken out, at random, the same in each
//! run. The store is a new one, in the system's folder for temporary files.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_capture::differences;
use herbarium_codec::{Encoder, Tree};
use herbarium_index::{Document, Engine, EngineOptions};
use herbarium_languages::{Language, ParseLimits, ParserPool, detect};
use herbarium_store::{Store, StoreOptions};

#[derive(Default)]
struct Figures {
    files: u64,
    lines: usize,
    /// Re-parse and capture.
    edits: Vec<Duration>,
    /// Encode and put.
    puts: Vec<Duration>,
    /// Parse, capture, encode and put of the whole.
    settles: Vec<Duration>,
    /// Edits after which neither tree has an error, and those after which one has.
    clean: u64,
    broken: u64,
    clean_differing: u64,
    broken_differing: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let edits: usize = arguments.next().ok_or("how many edits?")?.parse()?;
    let dir = std::env::temp_dir().join(format!("herbarium-edits-{}", std::process::id()));
    let store = Arc::new(Store::open(&dir, StoreOptions::new())?);
    let engine = Engine::new(Arc::clone(&store), EngineOptions::default());
    let mut all: BTreeMap<&str, Figures> = BTreeMap::new();
    for path in arguments {
        let source = fs::read(&path)?;
        let language = detect(Path::new(&path), &source).and_then(|it| it.language());
        let Some(language) = language else { continue };
        let Ok(document) = engine.document(language.id(), source) else { continue };
        let figures = all.entry(language.id()).or_default();
        figures.files += 1;
        edit(&store, document, language, edits, figures)?;
    }
    for (language, figures) in &mut all {
        tell(language, figures);
    }
    drop(engine);
    drop(store);
    fs::remove_dir_all(&dir)?;
    Ok(())
}

fn edit(
    store: &Store,
    mut document: Document,
    language: &Language,
    edits: usize,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    let pool = ParserPool::new(1);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    figures.lines = figures.lines.max(document.source().split(|byte| *byte == b'\n').count());
    let mut encoder = Encoder::new();
    let (mut bytes, mut undo) = (Vec::new(), None);
    for number in 0..edits {
        // Every other one takes back the one before: as often as not, the text is whole.
        let (range, text) = match undo.take() {
            Some(undo) => undo,
            None => {
                let (range, text) = random.edit(document.source());
                let before = document.source()[range.clone()].to_vec();
                undo = Some((range.start..range.start + text.len(), before));
                (range, text.as_bytes().to_vec())
            }
        };
        // At the end, an edit that stays.
        undo = undo.filter(|_| number + 1 < edits);
        let begun = now();
        document.edit(range, &text)?;
        figures.edits.push(now().saturating_sub(begun));
        let tree: &Tree = document.tree();
        let begun = now();
        encoder.encode_into(tree, None, &mut bytes);
        // Under a key of its own: it is not the tree of that text.
        let mut key = document.key();
        key.0[0] ^= 1;
        store.put_tree(&key, language.fingerprint(), &bytes, None)?;
        figures.puts.push(now().saturating_sub(begun));

        let fresh = pool.parse(language, document.source(), None, &ParseLimits::none())?;
        let is_broken = fresh.root_node().has_error() || tree.root_node().has_error();
        let differs = !differences(&fresh, tree).is_empty();
        let (count, differing) = match is_broken {
            false => (&mut figures.clean, &mut figures.clean_differing),
            true => (&mut figures.broken, &mut figures.broken_differing),
        };
        *count += 1;
        *differing += u64::from(differs);
    }
    let begun = now();
    let settled = document.settle()?;
    figures.settles.push(now().saturating_sub(begun));
    let fresh = pool.parse(language, document.source(), None, &ParseLimits::none())?;
    let is_kept = store.contains(&settled.key)? && differences(&fresh, document.tree()).is_empty();
    is_kept.then_some(()).ok_or_else(|| "the stored tree is not that of the text".into())
}

/// CPU time of this thread: whatever else the machine does.
#[cfg(unix)]
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(unix))]
fn now() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

fn tell(language: &str, figures: &mut Figures) {
    let ms = |times: &mut Vec<Duration>, part: usize| {
        times.sort_unstable();
        let at = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let Figures { files, lines, edits, puts, settles, .. } = figures;
    let line = format!(
        "{language:11} {files:3} files to {lines:6} lines: edit median {:.2} ms, 90% {:.2}, most {:.2}; \
         encode and put {:.2} ms, most {:.2}; settle {:.1} ms; differing: {} of {} clean, {} of {} broken",
        ms(edits, 50),
        ms(edits, 90),
        ms(edits, 100),
        ms(puts, 50),
        ms(puts, 100),
        ms(settles, 50),
        figures.clean_differing,
        figures.clean,
        figures.broken_differing,
        figures.broken,
    );
    // The reader may have had enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// A place in a text, between characters, and what to put there.
    fn edit(&mut self, source: &[u8]) -> (std::ops::Range<usize>, &'static str) {
        let words =
            ["x", " ", "\n", "a1", "(", ")", "{", "}", "\"", ";", ".b", " + 2", "// c\n", ""];
        let text = words[self.below(words.len())];
        let mut start = self.below(source.len() + 1);
        let is_between = |at: usize| source.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        while !is_between(start) {
            start -= 1;
        }
        let mut end = (start + [0, 0, 1, 3, 9][self.below(5)]).min(source.len());
        while !is_between(end) {
            end += 1;
        }
        (start..end, text)
    }
}
