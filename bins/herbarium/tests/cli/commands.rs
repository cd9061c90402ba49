//! Every command has help, and those that only print need no store.

use crate::bed::{Bed, Type, check_shape};

const COMMANDS: [&str; 17] = [
    "index",
    "tree",
    "query",
    "symbols",
    "watch",
    "stats",
    "verify",
    "gc",
    "backup",
    "restore",
    "export",
    "import",
    "migrate",
    "languages",
    "config",
    "completions",
    "man",
];

#[test]
fn every_command_has_help() {
    let bed = Bed::new();
    let overview = bed.run(["--help"]).code(0).silent();
    for command in COMMANDS {
        assert!(overview.out.contains(command), "{command} is in the overview");
        let help = bed.run([command, "--help"]).code(0).silent();
        assert!(help.out.contains("--store"), "{command} names the global options");
        bed.run(["help", command]).code(0);
    }
    assert!(overview.out.contains("Exit codes"));
}

#[test]
fn the_version_names_the_set_of_languages() {
    let ran = Bed::new().run(["--version"]).code(0);
    assert!(ran.out.starts_with(concat!("herbarium ", env!("CARGO_PKG_VERSION"), " (")));
    let set = herbarium_languages::build_set();
    let built_in = herbarium_languages::all().len();
    assert!(ran.out.contains(&format!("{set} languages: {built_in} of 141 known")), "{}", ran.out);
}

#[test]
fn completions_come_for_every_shell() {
    let bed = Bed::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bed.run(["completions", shell]).code(0).silent().out;
        assert!(script.contains("verify"), "{shell} completes commands");
        let json = bed.json(["completions", shell, "--json"]);
        check_shape(&json, &[("shell", Type::Text), ("script", Type::Text)]);
        assert_eq!(json["script"], script);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let bed = Bed::new();
    bed.run(["man"]).code(0).silent().prints(&[".TH herbarium 1", "Exit codes"]);
    for command in COMMANDS {
        let page = bed.run(["man", command]).code(0).silent().out;
        assert!(page.contains(&format!("herbarium\\-{command}")), "{page}");
        let json = bed.json(["man", command, "--json"]);
        check_shape(&json, &[("name", Type::Text), ("page", Type::Text)]);
        assert_eq!(json["page"], page);
    }
}

#[test]
fn commands_that_only_print_make_no_store() {
    let bed = Bed::new();
    for args in [["languages"].as_slice(), &["completions", "bash"], &["man"], &["--version"]] {
        bed.run(args).code(0);
    }
    assert!(!bed.store().exists());
}
