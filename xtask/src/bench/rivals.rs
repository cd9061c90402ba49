//! Programs that answer alike, on the same files, in the same run.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A program beside ours.
struct Rival {
    what: &'static str,
    /// How to see whether it is there.
    probe: &'static str,
    /// As it is typed; `CODE` and `STORE` stand for folders.
    line: &'static str,
}

const RIVALS: &[Rival] = &[
    Rival {
        what: "definitions: herbarium, stored",
        probe: "true",
        line: "herbarium symbols CODE --store STORE --json",
    },
    Rival {
        what: "definitions: Universal Ctags",
        probe: "ctags --version",
        line: "ctags -R --output-format=json -f - CODE",
    },
    Rival {
        what: "calls in Go: herbarium, stored",
        probe: "true",
        line: "herbarium query (call_expression)@call CODE -l go --store STORE --json",
    },
    Rival {
        what: "calls in Go: ast-grep",
        probe: "ast-grep --version",
        line: "ast-grep run --lang go --pattern $F($$$A) --json=stream CODE",
    },
    Rival {
        what: "calls in C: herbarium, stored",
        probe: "true",
        line: "herbarium query (call_expression)@call CODE -l c --store STORE --json",
    },
    Rival {
        what: "calls in C: ast-grep",
        probe: "ast-grep --version",
        line: "ast-grep run --lang c --pattern $F($$$A) --json=stream CODE",
    },
];

/// The table for the page; what is not installed is said to be missing.
pub(crate) fn measure(programs: &Path, code: &Path, scratch: &Path) -> Result<String, String> {
    let store = scratch.join("store");
    let _ = std::fs::remove_dir_all(&store);
    let place = |line: &str| {
        let line = line.replace("CODE", &code.display().to_string());
        line.replace("STORE", &store.display().to_string())
    };
    let index = time(programs, &place("herbarium index CODE --store STORE --json"))?;
    let mut text = format!(
        "## Rivals\n\nOver `{}`, all files in memory, answers written to nowhere; the best of three \
         runs. Answers differ: each finds what it takes for a definition or a call.\n\n\
         | | CPU s | s | answers, lines | command |\n|---|---|---|---|---|\n\
         | the index that ours needs once | {} | {} | | `herbarium index CODE --store STORE` |\n",
        code.file_name().unwrap_or_default().to_string_lossy(),
        index.cpu,
        index.wall
    );
    for rival in RIVALS {
        if !crate::command::succeeds(rival.probe) {
            let _ = writeln!(text, "| {} | not installed here | | | |", rival.what);
            continue;
        }
        let runs: Result<Vec<_>, _> = (0..3).map(|_| time(programs, &place(rival.line))).collect();
        let best = runs?.into_iter().min_by(|a, b| a.cpu.total_cmp(&b.cpu));
        let Some(Times { cpu, wall, lines }) = best else { continue };
        let _ = writeln!(text, "| {} | {cpu} | {wall} | {lines} | `{}` |", rival.what, rival.line);
    }
    Ok(text)
}

struct Times {
    cpu: f64,
    wall: f64,
    lines: u64,
}

/// Times of a command, and the lines that it printed. Words are as they stand: no shell reads
/// them.
fn time(programs: &Path, line: &str) -> Result<Times, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let script = "TIMEFORMAT='%U %S %R'; { time \"$@\" 2>/dev/null | wc -l; } 2>&1";
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .args(line.split(' '))
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()
        .map_err(|error| format!("starting bash: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = said.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    match figures[..] {
        [lines, user, system, wall] => {
            Ok(Times { cpu: ((user + system) * 1e3).round() / 1e3, wall, lines: lines as u64 })
        }
        _ => Err(format!("timing `{line}`: expected lines and three times, found {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_command_is_timed_and_its_lines_counted() {
        if !crate::command::succeeds("bash --version") {
            return;
        }
        let times = time(Path::new("/"), "printf a\\nb\\n").expect("times");
        assert_eq!(times.lines, 2);
        assert!(times.cpu >= 0.0 && times.wall >= 0.0);
    }
}
