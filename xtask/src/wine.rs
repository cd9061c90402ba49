//! `cargo xtask wine`: tests built for Windows, and run by Wine.
//!
//! Not Windows: file systems, locks and consoles are Wine's. What is shown is that the C code
//! compiles and links there, and what `cfg(windows)` does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, dist, root};

pub(crate) const USAGE: &str = "wine [SUITE...]   build the tests of codec, cache, store and command line for Windows by mingw, and run them by Wine";

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Compiles for that target.
const CC: &str = "x86_64-w64-mingw32-gcc";

/// What Wine may lack.
const PRNG: &str = "xtask/src/wine/prng.c";

/// Tests of one package.
struct Suite {
    package: &'static str,
    /// Which of its test programs.
    programs: &'static [&'static str],
    /// Tests that do not pass by Wine: `docs/releasing.md` says the same.
    without: &'static [Gap],
}

/// Why some tests are left out. Each shows what is not proven, not that nothing is wrong.
struct Gap {
    why: &'static str,
    /// As `--skip` takes them.
    tests: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite { package: "herbarium-codec", programs: &["--tests"], without: &[] },
    // Not `memory`, which asks for the memory of its process without end, and takes minutes;
    // not `schedules`: loom changes stacks in a way that Wine ends.
    Suite { package: "herbarium-cache", programs: &["--lib", "--test=cache"], without: &[] },
    Suite {
        package: "herbarium-store",
        programs: &["--lib", "--test=store"],
        without: &[
            Gap {
                why: "a segment that is mapped cannot be removed: it goes with a later collection",
                tests: &[
                    "garbage::",
                    "model::the_store_is_a_map_that_survives",
                    "damage::verify_finds_a_segment_that_is_gone",
                    "copies::copies_that_were_abandoned",
                ],
            },
            Gap {
                why: "the message has `\\` where the test has `/`",
                tests: &["copies::what_is_not_the_stores_keeps_it_from_being_replaced"],
            },
            Gap {
                why: "thousands of files: minutes by Wine, without a fault",
                tests: &["store::queries::tests::there_are_never_too_many"],
            },
        ],
    },
    Suite {
        package: "herbarium-cli",
        programs: &["--tests"],
        without: &[
            Gap {
                why: "paths are printed with `\\` where the test has `/`",
                tests: &[
                    "index::a_file_over_the_limit_is_named_and_no_failure",
                    "output::paths_are_shown_relative_to_the_current_directory",
                    "query::a_line_shows_place_capture_and_source",
                    "query::a_query_that_is_wrong_for_some_languages_is_asked_in_the_others",
                    "query::json_lines_are_what_a_live_cursor_finds",
                    "query::the_shapes_of_json_are_those_of_the_manual",
                    "query::without_indexing_the_store_is_asked_as_it_is",
                    "symbols::a_tags_file_is_sorted_and_says_so",
                    "symbols::an_emacs_tags_file_has_a_section_for_each_file",
                    "symbols::definitions_are_listed_by_place",
                    "symbols::kind_name_and_language_narrow_it",
                    "symbols::the_shape_of_json_is_that_of_the_manual",
                    "foreign::a_language_of_no_tables_is_left_out_and_the_others_are_asked",
                    "foreign::what_is_stored_is_asked",
                    "upkeep::a_tree_goes_from_one_store_to_another",
                ],
            },
            Gap {
                why: "Wine runs no more processes at once, now and then",
                tests: &["damage::damage_that_no_file_needs_is_told_once"],
            },
        ],
    },
];

/// Runs the suites that are named, or all; goes on past one that fails.
pub(crate) fn run(args: &[String]) -> Outcome {
    let suites = chosen(args)?;
    let stage = Stage::set(&root())?;
    let mut failed = Vec::new();
    for suite in suites {
        let mut command = stage.command(suite);
        println!("+ tests of {} for {TARGET}", suite.package);
        for Gap { why, tests } in suite.without {
            println!("  without {}: {why}", tests.join(", "));
        }
        let status = command.status().map_err(|error| format!("starting cargo: {error}"))?;
        if !status.success() {
            failed.push(suite.package);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("tests for Windows failed in {}; they are named above", failed.join(", ")).into())
}

fn chosen(args: &[String]) -> Result<Vec<&'static Suite>, String> {
    let known = || SUITES.iter().map(|suite| suite.package).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        let suite = SUITES.iter().find(|suite| suite.package == name);
        suite.ok_or_else(|| format!("unknown suite '{name}'; expected some of {}", known()))
    };
    if args.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    args.iter().map(find).collect()
}

/// Where Wine keeps its files, apart from those of whoever runs this.
struct Stage {
    root: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// Makes the folder, and in it what Wine may lack.
    fn set(root: &Path) -> Result<Self, String> {
        let folder = dist::target_folder(root).join("wine");
        let failed = |error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        // Wine takes absolute paths alone.
        let folder = folder.canonicalize().map_err(failed)?;
        let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        let library = folder.join("bcryptprimitives.dll");
        let status = Command::new(CC)
            .args(["-O1", "-shared", "-o"])
            .args([&library, &root.join(PRNG)])
            .arg("-ladvapi32")
            .status()
            .map_err(|error| format!("starting {CC}: {error}"))?;
        match status.success() {
            true => Ok(Self { root, folder }),
            false => Err(format!("{PRNG} was not compiled; the message of {CC} is above")),
        }
    }

    fn command(&self, suite: &Suite) -> Command {
        let variable = TARGET.replace('-', "_").to_uppercase();
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.root).args(["test", "--no-fail-fast", "--target", TARGET]);
        command.args(["--package", suite.package]).args(suite.programs);
        let left_out = suite.without.iter().flat_map(|gap| gap.tests);
        command.arg("--").args(left_out.flat_map(|name| ["--skip", name]));
        command.env(format!("CARGO_TARGET_{variable}_RUNNER"), "wine");
        command.env("WINEPREFIX", self.folder.join("prefix")).env("WINEDEBUG", "-all");
        command.env("WINEPATH", dos_path(&self.folder));
        command
    }
}

/// What Wine calls an absolute path.
fn dos_path(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_choose_suites() {
        let chosen = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&names).map(|suites| suites.len())
        };
        assert_eq!(chosen(&[]), Ok(SUITES.len()));
        assert_eq!(chosen(&["herbarium-store"]), Ok(1));
        assert!(chosen(&["store"]).unwrap_err().contains("'store'"));
    }

    #[test]
    fn every_suite_is_a_package() {
        for Suite { package, .. } in SUITES {
            let of = |folder: &str| root().join(folder).join(package).join("Cargo.toml").exists();
            assert!(of("crates") || *package == "herbarium-cli", "{package}");
        }
        assert!(root().join(PRNG).exists());
    }

    /// A name that no test has would leave out nothing, and say that it does.
    #[test]
    fn what_is_left_out_is_there() {
        for Suite { package, without, .. } in SUITES {
            let folder = match *package {
                "herbarium-cli" => root().join("bins/herbarium"),
                other => root().join("crates").join(other),
            };
            let text = sources(&folder);
            for test in without.iter().flat_map(|gap| gap.tests) {
                let (module, name) = test.rsplit_once("::").expect("a module");
                let module = module.split("::").next().unwrap_or_default();
                assert!(text.contains(&format!("mod {module};")), "{package}: {test}");
                assert!(text.contains(&format!("fn {name}")), "{package}: {test}");
            }
        }
    }

    /// All Rust code below a folder.
    fn sources(folder: &Path) -> String {
        let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
        let text = |path: PathBuf| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => fs::read_to_string(path).expect("a source"),
            _ => String::new(),
        };
        entries.map(text).collect()
    }

    #[test]
    fn wine_has_the_root_as_a_drive() {
        assert_eq!(dos_path(Path::new("/a/b c")), "Z:\\a\\b c");
    }
}
