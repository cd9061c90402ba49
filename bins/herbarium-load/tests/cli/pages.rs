//! What the program prints about itself, for shells and for `man`.

use crate::bed::Bed;

#[test]
fn there_is_a_completion_script_for_each_shell() {
    let bed = Bed::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bed.run(&["completions", shell], 0);
        assert!(script.contains("herbarium-load") && script.contains("i-own-this-target"));
    }
    bed.run(&["completions", "tcsh"], 1);
}

#[test]
fn there_is_a_page_for_the_program_and_each_command() {
    let bed = Bed::new();
    assert!(bed.run(&["man"], 0).contains(".TH herbarium-load 1"));
    let program = herbarium_load::program();
    for command in program.get_subcommands().map(clap::Command::get_name) {
        let page = bed.run(&["man", command], 0);
        assert!(page.contains(&format!(".TH herbarium-load-{command} 1")), "{page}");
    }
    assert!(bed.run(&["man", "walk"], 1).contains("name one of run, profiles"));
}

/// The archive of a release has a page for each command, and the scripts.
#[test]
fn all_pages_are_in_the_archive() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/dist.toml");
    let list = std::fs::read_to_string(list).unwrap();
    for command in herbarium_load::program().get_subcommands().map(clap::Command::get_name) {
        let line = format!(
            "{{ run = \"man {command}\", path = \"man/man1/herbarium-load-{command}.1\" }}"
        );
        assert!(list.contains(&line), "{line}");
    }
    for file in ["herbarium-load.bash", "herbarium-load.fish", "_herbarium-load"] {
        assert!(list.contains(&format!("path = \"completions/{file}\"")), "{file}");
    }
    assert!(list.contains("path = \"man/man1/herbarium-load.1\""));
}
