//! `cargo xtask site`: the documents as a book, and whether their links lead somewhere.

mod links;
mod rendered;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, command, of_workspace, read, root};

pub(crate) const USAGE: &str =
    "site [--out DIR]   build the documents with mdbook, and check every link of what comes of it
  site --links   check the links of the Markdown files alone; needs no mdbook";

/// The version that the book is built with.
const MDBOOK: &str = "0.5.4";

/// Builds the site, or checks links.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--links"] => check(&root),
        [] => build(&root, &root.join("target/site")),
        ["--out", out] => build(&root, Path::new(out)),
        _ => Err(format!("unknown arguments {args:?}; usage: cargo xtask {USAGE}").into()),
    }
}

/// Links of all Markdown files, and whether the book has every page of `docs`.
fn check(root: &Path) -> Outcome {
    let pages = links::pages(root)?;
    let mut faults = links::faults(root, &pages)?;
    faults.extend(links::left_out(root, &pages)?);
    if faults.is_empty() {
        println!("{} pages, every link leads somewhere", pages.len());
        return Ok(());
    }
    Err(format!("{} links or pages to mend:\n{}", faults.len(), faults.join("\n")).into())
}

fn build(root: &Path, out: &Path) -> Outcome {
    check(root)?;
    let mdbook = mdbook(root)?;
    let staged = root.join("target/site-sources");
    let repository = of_workspace(&read(root, "Cargo.toml")?, "repository")?;
    stage::all(root, &staged, &repository)?;
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let out = fs::canonicalize(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let line = format!("{} build --dest-dir {}", mdbook.display(), out.display());
    command::run(&staged, &line)?;
    let faults = rendered::faults(&out)?;
    if faults.is_empty() {
        println!("the site is in {}", out.display());
        return Ok(());
    }
    Err(format!("{} links of the site lead nowhere:\n{}", faults.len(), faults.join("\n")).into())
}

/// The program: that of the machine if it has the version, or one built into `target/tools`.
fn mdbook(root: &Path) -> Result<PathBuf, String> {
    let tools = root.join("target/tools");
    let built = tools.join("bin").join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    for program in [PathBuf::from("mdbook"), built.clone()] {
        let version = command::output(&format!("{} --version", program.display()));
        if version.is_ok_and(|text| text.trim().ends_with(MDBOOK)) {
            return Ok(program);
        }
    }
    let line = format!(
        "cargo install mdbook --version {MDBOOK} --locked --no-default-features --features search \
         --root {}",
        tools.display()
    );
    command::run(root, &line)?;
    fs::canonicalize(&built).map_err(|error| format!("{}: {error}", built.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn links_of_the_documents_lead_somewhere() {
        if let Err(error) = super::check(&crate::root()) {
            panic!("{error}");
        }
    }
}
