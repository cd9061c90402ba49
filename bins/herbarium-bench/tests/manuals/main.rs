//! Every command of the tutorials, of the pages on tuning and trouble, as a shell runs it.
#![cfg(unix)]

mod library;
mod programs;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use programs::{programs, root};

#[test]
fn every_command_of_the_first_tutorial_works() {
    let ran = run_page("docs/tutorial-cli.md");
    for expected in ["parses     0", "call_expression", "function sum", "sound", "compared"] {
        assert!(ran.contains(expected), "{expected}: {ran}");
    }
}

#[test]
fn every_command_of_the_page_on_tuning_works() {
    run_page("docs/tuning.md");
}

#[test]
fn every_command_of_the_tutorial_of_the_service_works() {
    let ran = run_page("docs/tutorial-service.md");
    for expected in ["(source_file", "\"run\""] {
        assert!(ran.contains(expected), "{expected}: {ran}");
    }
}

#[test]
fn the_program_of_the_library_tutorial_is_the_one_that_is_compiled() {
    let (page, compiled) = (page("docs/tutorial-library.md"), include_str!("library.rs"));
    let [program] = blocks(&page, "rust")[..] else { panic!("expected one program") };
    let lines = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let (_, compiled) = compiled.split_once("\n\n").expect("a head, then the program");
    let compiled = lines(compiled).replace("pub(crate) fn main", "fn main");
    assert_eq!(lines(program), compiled);
    library::main().expect("it ends well");
}

#[test]
fn every_message_on_the_page_of_trouble_is_said() {
    let page = page("docs/troubleshooting.md");
    let mut checked = 0;
    for section in page.split("\n## `").skip(1) {
        let (message, rest) = section.split_once("`\n").expect("a message in quotes");
        let folder = tempfile::tempdir().expect("a folder");
        for line in blocks(rest, "sh").into_iter().flat_map(str::lines) {
            let (command, code) = line.split_once("# exits with ").expect("an exit code");
            let output = shell(command, folder.path());
            let said = String::from_utf8_lossy(&output.stderr);
            let expected: i32 = code.trim().parse().expect("a number");
            assert_eq!(output.status.code(), Some(expected), "{command}: {said}");
            for part in message.split('…') {
                assert!(said.contains(part), "{command}: expected '{part}' in {said}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked}");
}

/// Commands, options and settings in the text and the tables of pages: nobody runs these.
#[test]
fn commands_options_and_settings_that_pages_name_between_backticks_are_there() {
    let (options, settings) = (options(), settings());
    assert!(options.len() > 50 && settings.len() > 50, "{options:?} {settings:?}");
    let sections: BTreeSet<&str> =
        settings.iter().filter_map(|it| Some(it.split_once('.')?.0)).collect();
    let (mut count, mut commands) = (0, BTreeSet::new());
    for path in [
        "README.md",
        "docs/cli.md",
        "docs/operations.md",
        "docs/service.md",
        "docs/troubleshooting.md",
        "docs/tuning.md",
        "docs/tutorial-cli.md",
        "docs/tutorial-library.md",
        "docs/tutorial-service.md",
    ] {
        for span in spans(&page(path)) {
            // Programs that are not these two have options of their own.
            let of_others = ["cargo ", "herbarium-load ", "--features "];
            if of_others.iter().any(|start| span.starts_with(start)) {
                continue;
            }
            let words = span.split([' ', '=']).filter(|word| word.starts_with("--"));
            for word in words.filter(|word| !word.contains(|it: char| it.is_ascii_uppercase())) {
                assert!(options.contains(word), "{path}: no program has {word}, in `{span}`");
                count += 1;
            }
            if let Some((program @ ("herbarium" | "herbariumd"), rest)) = span.split_once(' ') {
                let command = rest.split(' ').next().unwrap_or_default();
                if command.chars().all(|it| it.is_ascii_lowercase()) {
                    commands.insert((path, format!("{program} {command}")));
                }
            }
            let is_setting = span.split_once('.').is_some_and(|(section, key)| {
                sections.contains(section)
                    && key.chars().all(|it| it.is_ascii_lowercase() || it == '_')
            });
            if is_setting {
                let expected = "docs/configuration.md lists those that there are";
                assert!(settings.contains(&span), "{path}: no setting is `{span}`; {expected}");
                count += 1;
            }
        }
    }
    assert!(count > 50 && commands.len() > 10, "{count}, {commands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    for (path, command) in commands {
        let output = shell(&format!("{command} --help"), folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}: `{command}`: {said}");
    }
}

/// What stands between backticks outside of blocks.
fn spans(page: &str) -> Vec<String> {
    let text: Vec<&str> = page.split("```").step_by(2).collect();
    let spans = text.iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// All options of the programs and their commands.
fn options() -> BTreeSet<String> {
    // An alias that no help shows.
    let mut found = BTreeSet::from(["--no-parse".to_owned()]);
    for program in ["herbarium", "herbariumd"] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = shell(&format!("{program} completions bash"), folder.path());
        assert!(output.status.success(), "{program}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        found.extend(words.filter(|word| word.starts_with("--")).map(str::to_owned));
    }
    found
}

/// All settings of the service: a test of it holds its page to what it has.
fn settings() -> BTreeSet<String> {
    let page = page("docs/configuration.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

/// Runs all blocks of a page as one script, in a folder of its own, and returns what it printed.
fn run_page(path: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let page = page(path);
    let blocks = blocks(&page, "sh");
    assert!(!blocks.is_empty(), "{path}: no commands");
    // What is still running when the script fails must not outlive it.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", blocks.concat());
    let (api, health) = (address(), address());
    let script = script.replace("127.0.0.1:7878", &api).replace("127.0.0.1:9464", &health);
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let into = |path: &Path| File::create(path).expect("a file");
    let mut shell = command(folder.path())
        .args(["-euc", &script])
        .env("HERBARIUM_SERVER_LISTEN", &api)
        .env("HERBARIUM_HEALTH_LISTEN", &health)
        .stdout(into(&out))
        .stderr(into(&err))
        .process_group(0)
        .spawn()
        .expect("a shell");
    let status = ended(&mut shell, PATIENCE);
    let text =
        |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("it")).into_owned();
    let (out, err) = (text(&out), text(&err));
    let Some(status) = status else {
        panic!("{path}: its commands did not end within {PATIENCE:?}\n{out}\n{err}");
    };
    assert!(status.success(), "{path}: {status}\n{out}\n{err}");
    out
}

/// A page whose commands wait for what never comes fails, too, instead of waiting with them.
const PATIENCE: Duration = Duration::from_secs(180);

/// Nothing where it had to be ended, with all that it had started.
fn ended(shell: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = shell.try_wait().expect("a child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // The shell first: its trap ends what it started, unless it waits for a command.
    for signal in ["-TERM", "-KILL"] {
        let group = format!("-{}", shell.id());
        let _ = Command::new("kill").args([signal, "--", &group]).status();
        std::thread::sleep(Duration::from_millis(500));
    }
    let _ = shell.wait();
    None
}

#[test]
fn commands_that_wait_for_what_never_comes_are_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command(folder.path());
    let mut shell = command
        .args(["-euc", "until false; do sleep 0.1; done"])
        .process_group(0)
        .spawn()
        .expect("a shell");
    assert_eq!(ended(&mut shell, Duration::from_millis(300)), None);
}

/// An address that nobody listens at.
fn address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").to_string()
}

fn shell(line: &str, folder: &Path) -> Output {
    command(folder).args(["-uc", line]).output().expect("a shell")
}

/// A shell that finds the programs, and keeps all that they write in its folder.
fn command(folder: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs().display()))
        .env("HOME", folder)
        .env("XDG_CACHE_HOME", folder.join(".cache"))
        .env_remove("HERBARIUM_STORE");
    command
}

fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("the page")
}

/// Blocks of code of a kind.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let begins = format!("```{kind}\n");
    let starts = page.match_indices(&begins).map(|(at, _)| &page[at + begins.len()..]);
    starts.filter_map(|rest| rest.split_once("```").map(|(block, _)| block)).collect()
}
