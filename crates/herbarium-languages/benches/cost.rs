//! What the limits add to a parse, and what it costs to find a file's language.
//!
//! `cargo bench -p herbarium-languages`. The two kinds of parse take turns, so
//! that their ratio holds on a busy machine too.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use herbarium_languages::{ParseLimits, ParserPool, by_id, detect};

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --all-targets` runs this program too, without the flag.
    if std::env::args().any(|arg| arg == "--bench") {
        limits()?;
        detection();
    }
    Ok(())
}

fn limits() -> Result<(), Box<dyn Error>> {
    let c = by_id("c").ok_or("the feature lang-c is off")?;
    let source =
        "static int f(int a, struct b *p) { if (a) return p->c[a] + 1; else g(\"x\", a); }\n"
            .repeat(20_000);
    let pool = ParserPool::new(1);
    let cancel = Some(Default::default());
    let limits = ParseLimits { cancel, ..ParseLimits::default() };
    let (mut plain, mut limited) = (Vec::new(), Vec::new());
    for _ in 0..25 {
        plain.push(time(|| {
            pool.with(c, |parser| {
                parser.parse(&source, None).map(|tree| tree.root_node().end_byte())
            })
        })?);
        limited.push(time(|| pool.parse(c, source.as_bytes(), None, &limits))?);
    }
    let ratio = best(&limited).as_secs_f64() / best(&plain).as_secs_f64();
    println!(
        "parse {:.1} MB of C: plain {:?}, with limits {:?}, ratio {ratio:.4}",
        source.len() as f64 / 1e6,
        best(&plain),
        best(&limited)
    );
    Ok(())
}

fn detection() {
    let header =
        "/* A device. */\nstruct device {\n\tint id; /* its number */\n\tvoid *data;\n};\n"
            .repeat(60);
    for (path, head) in [
        ("src/main.rs", ""),
        ("a/Makefile", ""),
        ("a/photo.png", "\u{89}PNG"),
        ("run", "#!/usr/bin/env python3\n"),
        ("a/queue.h", &header),
    ] {
        const ROUNDS: u32 = 20_000;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(detect(Path::new(black_box(path)), black_box(head.as_bytes())));
        }
        println!("detect {path}: {:?}", start.elapsed() / ROUNDS);
    }
}

fn time<T, E: Error + 'static>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    black_box(work()?);
    Ok(start.elapsed())
}

fn best(times: &[Duration]) -> Duration {
    times.iter().copied().min().unwrap_or_default()
}
