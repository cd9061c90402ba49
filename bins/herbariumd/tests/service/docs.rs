//! Every command of `docs/service.md`, in its order, as a shell runs it.

use std::process::Command;

use super::daemon::{Daemon, herbariumd, root, stderr, stdout};

/// The addresses on the page, and those of this test's service.
fn here(text: &str, daemon: &Daemon) -> String {
    text.replace("127.0.0.1:7878", &daemon.api).replace("127.0.0.1:9464", &daemon.health)
}

fn blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).filter_map(|it| it.split_once("```").map(|(it, _)| it)).collect()
}

#[test]
fn every_command_of_the_page_works() {
    let page = std::fs::read_to_string(root().join("docs/service.md")).expect("the page");
    let mut daemon = Daemon::start(&[]);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_herbariumd")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut seen = String::new();
    let mut commands = 0;
    for line in blocks(&page).into_iter().flat_map(str::lines) {
        if line.ends_with('&') {
            // The service itself, which runs already, on ports of its own.
            let known =
                herbariumd().args(["config", "--check", "--workspaces-roots", "/"]).output();
            assert!(known.expect("the program starts").status.success());
            continue;
        }
        let output = Command::new("sh")
            .args(["-ec", &here(line, &daemon)])
            .current_dir(daemon.folder.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{line}: {}{}", stdout(&output), stderr(&output));
        seen += &stdout(&output);
        commands += 1;
        if line.contains("/index") {
            daemon.until("the workspace is indexed", |daemon| {
                daemon.get("/v1/workspaces/code").1.contains("\"trees\":1")
            });
        }
    }
    assert!(commands >= 11, "{commands} commands");
    for expected in ["(source_file", "\"run\"", "\"complete\":true", "hbt_", "blake3:", "[limits]"]
    {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
    assert!(!stdout(&herbariumd().arg("--help").output().expect("help")).is_empty());
}

#[test]
fn the_readme_starts_it_with_options_that_exist() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the page");
    let lines: Vec<_> =
        readme.lines().filter(|line| line.contains("--bin herbariumd -- ")).collect();
    assert!(!lines.is_empty());
    for line in lines {
        let (_, args) = line.split_once(" -- ").expect("arguments");
        let check = format!("exec {} config --check {args}", env!("CARGO_BIN_EXE_herbariumd"));
        let output = Command::new("sh").args(["-c", &check]).output().expect("a shell");
        assert!(output.status.success(), "{line}: {}", stderr(&output));
    }
}
