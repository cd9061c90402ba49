//! `cargo xtask bench`: figures over whole code bases, instructions of the hot paths, rivals on
//! the same files; a gate against a baseline; and `docs/BENCHMARKS.md`, written from one run.

mod caches;
mod generators;
mod instructions;
mod rivals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Outcome, command, root};

pub(crate) const USAGE: &str = "bench [--corpus DIR]... [--baseline FILE] [--save FILE] [--page FILE] [--no-rivals] [--programs DIR]   measure, compare ratios and instruction counts with the baseline, write the page
  bench --instructions [--baseline FILE] [--programs DIR]   count the instructions of the hot paths alone, and compare them with benches/baseline.json; needs valgrind";

/// What counts of instructions are held against.
const BASELINE: &str = "benches/baseline.json";

/// Measures, compares, writes.
pub(crate) fn run(args: &[String]) -> Outcome {
    let asked = Asked::read(args)?;
    let root = root();
    let scratch = root.join("target/bench");
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    if asked.instructions {
        return instructions_alone(&asked, &root, &scratch);
    }
    let programs = match &asked.programs {
        Some(folder) => folder.clone(),
        None => built(&root, EVERYTHING)?,
    };
    let baseline = asked.baseline.as_deref().map(read).transpose()?;

    let counts = instructions::count(&root, &programs, &scratch)?;
    let (report, markdown, met) = report(&asked, &programs, &scratch, baseline.as_ref())?;
    let rivals = match (asked.rivals, asked.corpora.first()) {
        (true, Some(corpus)) => [
            rivals::measure(&programs, corpus, &scratch)?,
            caches::measure(&root)?,
            generators::measure(&programs, &scratch)?,
        ]
        .concat(),
        _ => String::new(),
    };
    if let Some(file) = &asked.page {
        write(file, &page(&markdown, &instructions::table(&counts), &rivals, &asked))?;
    }
    if let Some(file) = &asked.save {
        let all = json!({ "report": report, "instructions": counts });
        write(file, &format!("{all:#}\n"))?;
    }
    let mut missed = instructions::grown(&counts, baseline.as_ref().map(|it| &it["instructions"]));
    if !met {
        missed.push("a bar of the report, which is named above".into());
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(format!("not as good as it must be: {}", missed.join("; ")).into()),
    }
}

/// Small enough for every change: one program with the usual languages, and no code base.
fn instructions_alone(asked: &Asked, root: &Path, scratch: &Path) -> Outcome {
    let programs = match &asked.programs {
        Some(folder) => folder.clone(),
        None => built(root, "--package herbarium-bench")?,
    };
    let file = asked.baseline.clone().unwrap_or_else(|| root.join(BASELINE));
    let baseline = read(&file)?;
    let counts = instructions::count(root, &programs, scratch)?;
    print!("{}", instructions::compared(&counts, &baseline["instructions"]));
    if counts.is_empty() {
        return Err("nothing was counted: apt-get install valgrind".into());
    }
    match instructions::grown(&counts, Some(&baseline["instructions"])) {
        grown if grown.is_empty() => Ok(()),
        grown => Err(format!(
            "{}; if that is the price of something, say so in the change and write the counts \
             above into {BASELINE}",
            grown.join("; ")
        )
        .into()),
    }
}

struct Asked {
    instructions: bool,
    corpora: Vec<PathBuf>,
    baseline: Option<PathBuf>,
    save: Option<PathBuf>,
    page: Option<PathBuf>,
    programs: Option<PathBuf>,
    rivals: bool,
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut asked = Self {
            instructions: false,
            corpora: Vec::new(),
            baseline: None,
            save: None,
            page: None,
            programs: None,
            rivals: true,
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{arg}: expected a path after it"));
            match arg.as_str() {
                "--corpus" => asked.corpora.push(value()?.into()),
                "--baseline" => asked.baseline = Some(value()?.into()),
                "--save" => asked.save = Some(value()?.into()),
                "--page" => asked.page = Some(value()?.into()),
                "--programs" => asked.programs = Some(value()?.into()),
                "--instructions" => asked.instructions = true,
                "--no-rivals" => asked.rivals = false,
                _ => return Err(format!("unknown argument {arg}; usage: cargo xtask {USAGE}")),
            }
        }
        if asked.corpora.is_empty() {
            // Code that every checkout has.
            asked.corpora.push(root().join("crates"));
        }
        Ok(asked)
    }
}

const EVERYTHING: &str = "--package herbarium-bench --package herbarium-cli --package herbariumd \
     --package herbarium-load --features herbarium-bench/all-langs,herbarium-cli/all-langs";

fn built(root: &Path, what: &str) -> Result<PathBuf, String> {
    command::run(root, &format!("cargo build --release {what}"))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release"))
}

/// The report of `herbarium-bench`, its page, and whether its bars were met.
fn report(
    asked: &Asked,
    programs: &Path,
    scratch: &Path,
    baseline: Option<&Value>,
) -> Result<(Value, String, bool), String> {
    let page = scratch.join("report.md");
    let mut command = Command::new(programs.join("herbarium-bench"));
    command.args(["report", "--json", "--gate", "--markdown"]).arg(&page);
    for corpus in &asked.corpora {
        command.arg("--corpus").arg(corpus);
    }
    if let Some(baseline) = baseline {
        let file = scratch.join("baseline.json");
        write(&file, &baseline["report"].to_string())?;
        command.arg("--baseline").arg(file);
    }
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("herbarium-bench report: {error}; its own message is above"))?;
    for bar in report["bars"].as_array().into_iter().flatten() {
        println!("{} {} (at most {})", bar["verdict"], bar["name"], bar["limit"]);
    }
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    Ok((report, text, output.status.success()))
}

fn page(markdown: &str, instructions: &str, rivals: &str, asked: &Asked) -> String {
    let corpora: Vec<_> = asked
        .corpora
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let options: Vec<_> = corpora.iter().map(|name| format!("--corpus CODE/code/{name}")).collect();
    format!(
        "# Figures\n\n\
         Written by one run of `cargo xtask bench`; nothing here is typed by hand. Ratios are of CPU time within that\n\
         run, and carry over to other machines; seconds do not. [bench.md](bench.md) says what each figure means.\n\n\
         To repeat it, with the code that `cargo xtask corpus --set all --to CODE` brings, or any other:\n\n\
         ```text\n\
         cargo xtask bench {} --save target/bench/now.json --page docs/BENCHMARKS.md\n\
         cargo xtask bench {} --baseline target/bench/now.json\n\
         ```\n\n\
         The second fails where a ratio grew by more than a fifth, or a count of instructions by more than a\n\
         twentieth.\n\n\
         ## Whole code bases, beside tree-sitter's parse\n\n{markdown}{instructions}{rivals}",
        options.join(" "),
        options.join(" ")
    )
}

fn read(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Result<Asked, String> {
        Asked::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_name_code_and_files() {
        let all = asked(&["--corpus", "a", "--corpus", "b", "--baseline", "c", "--no-rivals"]);
        let all = all.expect("arguments");
        assert_eq!((all.corpora.len(), all.baseline, all.rivals), (2, Some("c".into()), false));
        assert_eq!(asked(&[]).expect("nothing").corpora.len(), 1);
        assert!(asked(&["--corpus"]).is_err() && asked(&["--fast"]).is_err());
    }

    #[test]
    fn the_page_says_how_to_repeat_it() {
        let asked = asked(&["--corpus", "/x/go"]).expect("arguments");
        let page = page("R\n", "I\n", "V\n", &asked);
        assert!(page.contains("bench --corpus CODE/code/go --save") && page.ends_with("R\nI\nV\n"));
    }
}
