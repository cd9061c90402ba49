//! `cargo xtask readme`: what the README says that the program prints is what it prints.
//!
//! The block between `<!-- run -->` and `<!-- /run -->` is a console: lines that begin with
//! `$ ` are run, in a clone of the last commit and with a store of its own, and what they print
//! is put below them. The first of them make the picture of a terminal, too.

mod picture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, command, read, root};

pub(crate) const USAGE: &str = "readme [--program FILE]   run the commands of the README's console \
on this repository, with a release build or this program, and write what they print";

const BEGIN: &str = "<!-- run -->\n";
const END: &str = "<!-- /run -->";
const PICTURE: &str = "docs/images/run.svg";

/// As much of a long answer as the picture has room for.
const MOST_LINES: usize = 12;

pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let program = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => built(&root)?,
        ["--program", program] => PathBuf::from(program),
        _ => return Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    };
    let stage = Stage::new(&root, &program)?;
    let page = read(&root, "README.md")?;
    let (before, console, after) = parts(&page)?;
    let commands = commands(console);
    let said = |color| -> Result<Vec<(String, String)>, String> {
        stage.clear()?;
        let answer = |line: &&str| Ok((line.to_string(), stage.run(line, color)?));
        commands.iter().map(answer).collect()
    };
    let plain = console_of(&said("never")?);
    let picture = picture::draw(&shortened(said("always")?));
    fs::write(root.join("README.md"), format!("{before}{BEGIN}{plain}{END}{after}"))
        .map_err(|error| format!("README.md: {error}"))?;
    let path = root.join(PICTURE);
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| error.to_string())?;
    fs::write(&path, picture).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("README.md and {PICTURE} say what {} commands print", commands.len());
    Ok(())
}

fn built(root: &Path) -> Result<PathBuf, String> {
    command::run(root, "cargo build --release --bin herbarium")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root.join("target")).join("release/herbarium"))
}

/// Where the commands are run.
struct Stage {
    clone: PathBuf,
    store: PathBuf,
    bin: PathBuf,
}

impl Stage {
    fn new(root: &Path, program: &Path) -> Result<Self, String> {
        let folder = root.join("target/readme");
        let _ = fs::remove_dir_all(&folder);
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).map_err(|error| format!("{}: {error}", bin.display()))?;
        let program =
            fs::canonicalize(program).map_err(|error| format!("{}: {error}", program.display()))?;
        fs::copy(&program, bin.join("herbarium"))
            .map_err(|error| format!("copying {}: {error}", program.display()))?;
        let folder = fs::canonicalize(folder).map_err(|error| error.to_string())?;
        let clone = folder.join("herbarium");
        command::run(root, &format!("git clone --quiet . {}", clone.display()))?;
        Ok(Self { clone, store: folder.join("store"), bin: folder.join("bin") })
    }

    /// Begins without a tree.
    fn clear(&self) -> Result<(), String> {
        match fs::remove_dir_all(&self.store) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.store.display()))
            }
            _ => Ok(()),
        }
    }

    fn run(&self, line: &str, color: &str) -> Result<String, String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let typed = line.replacen("herbarium ", &format!("herbarium --color {color} "), 1);
        let output = Command::new("sh")
            .args(["-c", &format!("{typed} 2>&1")])
            .current_dir(&self.clone)
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("HERBARIUM_STORE", &self.store)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("starting `{line}`: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(said),
            false => Err(format!("`{line}` failed: {said}")),
        }
    }
}

/// What is before, in and after the console.
fn parts(page: &str) -> Result<(&str, &str, &str), String> {
    let missing = || format!("README.md: expected a console between {BEGIN:?} and {END:?}");
    let (before, rest) = page.split_once(BEGIN).ok_or_else(missing)?;
    let (console, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok((before, console, after))
}

fn commands(console: &str) -> Vec<&str> {
    console.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

fn console_of(said: &[(String, String)]) -> String {
    let one = |(line, answer): &(String, String)| format!("$ {line}\n{answer}");
    format!("```text\n{}```\n", said.iter().map(one).collect::<Vec<_>>().join("\n"))
}

fn shortened(said: Vec<(String, String)>) -> Vec<(String, String)> {
    let short = |answer: &str| {
        answer.lines().take(MOST_LINES).map(|line| format!("{line}\n")).collect::<String>()
    };
    said.into_iter().map(|(line, answer)| (line, short(&answer))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_of_the_readme_has_commands() {
        let page = read(&root(), "README.md").expect("a page");
        let (_, console, _) = parts(&page).expect("a console");
        let commands = commands(console);
        assert!(commands.len() > 4, "{commands:?}");
        assert!(commands.iter().all(|line| line.starts_with("herbarium ")), "{commands:?}");
    }

    #[test]
    fn a_console_is_commands_and_what_they_say() {
        let page = format!("a\n{BEGIN}```text\n$ one\nold\n\n$ two\n```\n{END}\nb\n");
        let (before, console, after) = parts(&page).expect("a console");
        assert_eq!((before, commands(console), after), ("a\n", vec!["one", "two"], "\nb\n"));
        let said = [("one".to_owned(), "1\n".to_owned()), ("two".to_owned(), "2\n".to_owned())];
        assert_eq!(console_of(&said), "```text\n$ one\n1\n\n$ two\n2\n```\n");
        assert!(parts("none").is_err());
    }
}
