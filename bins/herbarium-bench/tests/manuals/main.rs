//! Every command of the tutorials, of the pages on tuning and trouble, as a shell runs it.
#![cfg(unix)]

mod library;
mod programs;

use std::path::Path;
use std::process::{Command, Output};

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
    let output = command(folder.path())
        .args(["-euc", &script])
        .env("HERBARIUM_SERVER_LISTEN", &api)
        .env("HERBARIUM_HEALTH_LISTEN", &health)
        .output()
        .expect("a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{path}: {}\n{out}\n{err}", output.status);
    out
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
