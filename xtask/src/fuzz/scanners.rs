//! `cargo xtask fuzz --scanners`: short broken sources for the grammars that are used
//! most. Each is a child process, so that one that crashes or hangs has a name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Outcome, read, root};

/// The languages that are used most.
pub(super) const MOST_USED: [&str; 40] = [
    "bash",
    "c",
    "c_sharp",
    "cmake",
    "cpp",
    "css",
    "dart",
    "dockerfile",
    "elixir",
    "go",
    "haskell",
    "hcl",
    "html",
    "java",
    "javascript",
    "json",
    "julia",
    "kotlin",
    "lua",
    "make",
    "markdown",
    "markdown_inline",
    "objc",
    "perl",
    "php",
    "powershell",
    "python",
    "r",
    "ruby",
    "rust",
    "scala",
    "scss",
    "sql",
    "swift",
    "toml",
    "tsx",
    "typescript",
    "vue",
    "xml",
    "yaml",
];

/// A child that is this much longer at it than it was asked to hangs: its parses are
/// stopped after five seconds each, unless a scanner does not return.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where inputs that broke a grammar are kept, in a folder for each language.
const KEPT: &str = "fuzz/regressions/scanners";
const PAGE: &str = "docs/LANGUAGES.md";
const BEGIN: &str = "<!-- begin measured: scanners";
const END: &str = "<!-- end measured: scanners";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) languages: Vec<String>,
    pub(super) seconds: u32,
    pub(super) seed: u64,
    /// The child, where it is built already.
    pub(super) child: Option<PathBuf>,
    /// Whether the table of the page is written.
    pub(super) write: bool,
}

/// What became of one language.
struct Row {
    language: String,
    /// Sources, of them stopped by the limit, and milliseconds of the slowest; nothing of a
    /// child that did not come to its end.
    counts: Option<[u64; 3]>,
    /// What ended the child, and where its input is kept.
    broken: Option<String>,
}

pub(super) fn run(asked: &Asked) -> Outcome {
    let root = root();
    let program = match &asked.child {
        Some(program) => program.clone(),
        None => build(&root, &asked.languages)?,
    };
    let scratch = root.join("target/scanners");
    fs::create_dir_all(&scratch)?;
    let mut rows = Vec::new();
    for language in &asked.languages {
        let row = fuzz(&root, &program, &scratch.join(language), language, asked)?;
        println!("{}", line(&row));
        rows.push(row);
    }
    if asked.write {
        let page = renewed(&read(&root, PAGE)?, &rows, asked)?;
        fs::write(root.join(PAGE), page)?;
        println!("wrote {PAGE}");
    }
    let broken: Vec<_> = rows.iter().filter(|row| row.broken.is_some()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = broken.iter().map(|row| row.language.as_str()).collect();
    Err(format!("broken: {}; inputs are in {KEPT}, {PAGE} lists them", names.join(", ")).into())
}

/// Builds the child with these languages alone.
fn build(root: &Path, languages: &[String]) -> Result<PathBuf, String> {
    let features: Vec<_> = languages.iter().map(|id| format!("lang-{id}")).collect();
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["build", "--release", "--package", "herbarium-languages"]);
    command.args(["--no-default-features", "--example", "scanners", "--features"]);
    command.arg(features.join(","));
    let status = command.status().map_err(|error| format!("starting cargo: {error}"))?;
    if !status.success() {
        return Err("the fuzzer of the scanners was not built; cargo's message is above".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(target.join(format!("release/examples/scanners{}", std::env::consts::EXE_SUFFIX)))
}

fn fuzz(
    root: &Path,
    program: &Path,
    note: &Path,
    language: &str,
    asked: &Asked,
) -> Result<Row, String> {
    let (seconds, seed) = (asked.seconds.to_string(), asked.seed.to_string());
    let mut command = confined(program);
    command.args([language, &seconds, &seed]).arg(note);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let time = Duration::from_secs(asked.seconds.into()) + PATIENCE;
    let broken = match ended(&mut child, time)? {
        Some(status) if status.success() => None,
        Some(status) => Some(status.to_string()),
        None => Some("hang".to_owned()),
    };
    let said = child.wait_with_output().map_err(|error| format!("{language}: {error}"))?;
    let counts = counts(&String::from_utf8_lossy(&said.stdout));
    let broken = match broken {
        Some(how) => Some(format!("{how}: `{}`", keep(root, language, note, &how)?)),
        None => None,
    };
    Ok(Row { language: language.to_owned(), counts, broken })
}

/// With an end to its memory where the system has one: some scanners only stop when there
/// is none left.
fn confined(program: &Path) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c 0 -v 4194304; exec \"$0\" \"$@\""]).arg(program);
    command
}

/// How it ended; nothing if it had to be killed.
fn ended(child: &mut Child, time: Duration) -> Result<Option<ExitStatus>, String> {
    let started = Instant::now();
    let failed = |error| format!("waiting for a child: {error}");
    while started.elapsed() < time {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status));
        }
        sleep(Duration::from_millis(50));
    }
    child.kill().map_err(failed)?;
    Ok(None)
}

/// Copies the input under a name that says what became of it.
fn keep(root: &Path, language: &str, note: &Path, how: &str) -> Result<String, String> {
    let case = fs::read(note).map_err(|error| format!("{}: {error}", note.display()))?;
    let len = case.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    let case = &case[..case.len().min(4 + len)];
    let words = how.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_lowercase();
    let folder = root.join(KEPT).join(language);
    let failed = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(folder.join(&name), case).map_err(failed)?;
    Ok(format!("{language}/{name}"))
}

fn counts(said: &str) -> Option<[u64; 3]> {
    let numbers = said.split_whitespace().map(|word| word.parse().ok());
    numbers.collect::<Option<Vec<u64>>>()?.try_into().ok()
}

fn line(row: &Row) -> String {
    let number = |at: usize| row.counts.map_or("".to_owned(), |counts| counts[at].to_string());
    let broken = row.broken.as_deref().unwrap_or("nothing");
    format!("| `{}` | {} | {} | {} | {broken} |", row.language, number(0), number(1), number(2))
}

/// The page with its table renewed.
fn renewed(page: &str, rows: &[Row], asked: &Asked) -> Result<String, String> {
    let lost = || format!("{PAGE}: expected a line that starts with `{BEGIN}`, and one `{END}`");
    let begin = page.find(BEGIN).ok_or_else(lost)?;
    let start = begin + page[begin..].find('\n').ok_or_else(lost)? + 1;
    let end = start + page[start..].find(END).ok_or_else(lost)?;
    let mut table = format!(
        "{} languages, {} s each, seed {}:\n\n\
         | id | sources | stopped by the limit | slowest, ms | what broke |\n\
         |---|---:|---:|---:|---|\n",
        rows.len(),
        asked.seconds,
        asked.seed
    );
    rows.iter().for_each(|row| table += &(line(row) + "\n"));
    Ok(format!("{}{table}{}", &page[..start], &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(counts: Option<[u64; 3]>, broken: Option<&str>) -> Row {
        Row { language: "c".to_owned(), counts, broken: broken.map(str::to_owned) }
    }

    #[test]
    fn every_language_is_known() {
        let rows = read(&root(), "crates/herbarium-languages/languages.toml").unwrap();
        for language in MOST_USED {
            assert!(rows.contains(&format!("id = \"{language}\"\n")), "{language}");
        }
        assert!(MOST_USED.is_sorted());
    }

    #[test]
    fn what_a_child_says_is_three_numbers() {
        assert_eq!(counts("12 0 7\n"), Some([12, 0, 7]));
        assert_eq!(counts("12 0"), None);
        assert_eq!(counts(""), None);
    }

    #[test]
    fn a_line_says_what_broke_or_that_nothing_did() {
        assert_eq!(line(&row(Some([12, 1, 7]), None)), "| `c` | 12 | 1 | 7 | nothing |");
        assert_eq!(line(&row(None, Some("hang: `c/hang`"))), "| `c` |  |  |  | hang: `c/hang` |");
    }

    #[test]
    fn the_table_of_the_page_is_renewed_and_nothing_else() {
        let page = read(&root(), PAGE).unwrap();
        let (languages, child) = (Vec::new(), None);
        let asked = Asked { languages, seconds: 3, seed: 1, child, write: true };
        let once = renewed(&page, &[row(Some([12, 1, 7]), None)], &asked).unwrap();
        assert!(once.contains("1 languages, 3 s each, seed 1:") && once.contains("| `c` | 12 |"));
        assert_eq!(once.split(BEGIN).next(), page.split(BEGIN).next());
        assert_eq!(once.split(END).last(), page.split(END).last());
        assert!(renewed("no table", &[], &asked).is_err());
    }

    #[test]
    fn an_input_is_kept_as_long_as_it_says_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note");
        fs::write(&note, b"\x03\0\0\0\x01\0ab of a longer one before").unwrap();
        let name = keep(folder.path(), "c", &note, "signal: 11 (SIGSEGV)").unwrap();
        assert_eq!(name, "c/signal-11-sigsegv");
        let kept = fs::read(folder.path().join(KEPT).join(name)).unwrap();
        assert_eq!(kept, b"\x03\0\0\0\x01\0a");
    }
}
