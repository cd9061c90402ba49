//! `cargo xtask corpus`: real code of many languages, the same bytes on every machine.
//!
//! `xtask/corpus.toml` names packages of registries, each with version and hash. What is
//! there already is not fetched again, so that a second run needs no network.

mod fetch;
mod lock;
mod press;
mod tally;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, read, root};
use lock::{Lock, Package, Set};
use tally::{Names, Tally};

pub(crate) const USAGE: &str = "corpus [--set small|large|all] [--to DIR] [--press [--program FILE]]   fetch, check and unpack the packages of xtask/corpus.toml; count languages, or press and compare all of it
  corpus --from DIR [--press [--program FILE]]   the same with code of your own, which is only read
  corpus --list   the packages
  corpus --lock   fetch what the list names, and write its hashes and languages anew";

const LOCK: &str = "xtask/corpus.toml";

/// Brings the code and says what it is.
pub(crate) fn run(args: &[String]) -> Outcome {
    let asked = Asked::read(args)?;
    let root = root();
    let mut lock = Lock::read(&read(&root, LOCK)?)?;
    let names = Names::read(&root)?;
    if asked.list {
        print!("{}", lock.list());
        return Ok(());
    }
    let code = match &asked.from {
        Some(folder) => vec![own(folder)?],
        None => obtain(&mut lock, &asked, &names)?,
    };
    if asked.lock {
        let file = root.join(LOCK);
        fs::write(&file, lock.text()?).map_err(|error| format!("writing {LOCK}: {error}"))?;
        println!("wrote {LOCK}");
    }
    if asked.press {
        return press::all(&asked.to, &code, asked.program.as_deref());
    }
    let mut all = Tally::default();
    for folder in &code {
        all.add(&names.count(folder)?);
    }
    print!("{}", all.table());
    Ok(())
}

/// A folder of somebody's own.
fn own(folder: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(folder).map_err(|error| {
        format!("--from {}: expected a folder with code: {error}", folder.display())
    })
}

/// Fetches, checks and unpacks what is not there yet; the folders of the code.
fn obtain(lock: &mut Lock, asked: &Asked, names: &Names) -> Result<Vec<PathBuf>, String> {
    let archives = asked.to.join("packages");
    fs::create_dir_all(&archives).map_err(|error| format!("{}: {error}", archives.display()))?;
    let (mut code, mut failed) = (Vec::new(), Vec::new());
    let (chosen, debian) = (lock.packages.iter_mut(), fetch::is_debian());
    for package in chosen.filter(|package| asked.takes(package.set)) {
        if !debian && package.is_of_debian() && !archives.join(package.archive()).is_file() {
            println!("left out, for it comes from Debian 12: {}", package.name);
            continue;
        }
        match one(package, asked, &archives, names) {
            Ok(folder) => code.push(folder),
            Err(error) => {
                eprintln!("{}: {error}", package.name);
                failed.push(package.name.clone());
            }
        }
    }
    if failed.is_empty() {
        return Ok(code);
    }
    Err(format!(
        "{} packages are not there: {}; what is there is kept, so that the same command goes on \
         from here",
        failed.len(),
        failed.join(", ")
    ))
}

fn one(
    package: &mut Package,
    asked: &Asked,
    archives: &Path,
    names: &Names,
) -> Result<PathBuf, String> {
    let archive = archives.join(package.archive());
    if !archive.is_file() {
        println!("fetching {} {}", package.name, package.version);
        fetch::package(package, &archive)?;
    }
    let (sha256, bytes) = fetch::hash(&archive)?;
    if asked.lock {
        (package.sha256, package.bytes) = (sha256, bytes);
    } else if package.sha256 != sha256 {
        return Err(format!(
            "{}: expected the SHA-256 {}, found {sha256}: delete the file and run again; if it \
             stays so, the registry has other bytes than those that were locked",
            archive.display(),
            package.sha256
        ));
    }
    let folder = asked.to.join("code").join(package.folder());
    unpack::into(package, &archive, &folder)?;
    if asked.lock {
        package.languages = names.count(&folder)?.languages();
    }
    Ok(folder)
}

/// What the arguments ask for.
struct Asked {
    set: Option<Set>,
    to: PathBuf,
    from: Option<PathBuf>,
    program: Option<PathBuf>,
    list: bool,
    lock: bool,
    press: bool,
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut asked = Self {
            set: Some(Set::Small),
            to: root().join("target/corpus"),
            from: None,
            program: None,
            list: false,
            lock: false,
            press: false,
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{arg}: expected a value after it"));
            match arg.as_str() {
                "--set" => asked.set = Set::read(value()?)?,
                "--to" => asked.to = value()?.into(),
                "--from" => asked.from = Some(value()?.into()),
                "--program" => asked.program = Some(value()?.into()),
                "--list" => asked.list = true,
                "--lock" => asked.lock = true,
                "--press" => asked.press = true,
                _ => return Err(format!("unknown argument {arg}; usage: cargo xtask {USAGE}")),
            }
        }
        Ok(asked)
    }

    fn takes(&self, set: Set) -> bool {
        self.set.is_none_or(|asked| asked == set)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn asked(args: &[&str]) -> Result<Asked, String> {
        Asked::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    fn locked() -> Lock {
        Lock::read(&read(&root(), LOCK).expect("the list")).expect("a list that is read")
    }

    #[test]
    fn arguments_choose_packages() {
        let small = asked(&[]).expect("no arguments");
        assert!(small.takes(Set::Small) && !small.takes(Set::Large));
        let all = asked(&["--set", "all", "--to", "x"]).expect("a set");
        assert!(all.takes(Set::Small) && all.takes(Set::Large) && all.to == Path::new("x"));
        for (args, named) in
            [(&["--set", "tiny"][..], "tiny"), (&["--to"], "--to"), (&["--fron", "x"], "--fron")]
        {
            let error = asked(args).err().expect("no sense in this");
            assert!(error.contains(named), "{args:?}: {error}");
        }
    }

    #[test]
    fn the_list_is_written_as_it_is_read() {
        let text = read(&root(), LOCK).expect("the list");
        assert_eq!(Lock::read(&text).and_then(|lock| lock.text()), Ok(text));
    }

    #[test]
    fn every_package_has_a_hash_and_the_list_names_it() {
        let lock = locked();
        let list = lock.list();
        for package in &lock.packages {
            let hash = &package.sha256;
            assert_eq!(hash.len(), 64, "{}: {hash}", package.name);
            assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", package.name);
            assert!(package.bytes > 0 && !package.languages.is_empty(), "{}", package.name);
            assert!(list.contains(&package.name), "{}", package.name);
        }
    }

    #[test]
    fn the_small_set_has_at_least_sixty_languages() {
        let lock = locked();
        let small = lock.packages.iter().filter(|package| package.set == Set::Small);
        let languages: BTreeSet<_> = small.flat_map(|package| &package.languages).collect();
        assert!(languages.len() >= 60, "{}", languages.len());
        let names = Names::read(&root()).expect("the rows");
        assert!(languages.iter().all(|id| names.knows(id)), "{languages:?}");
    }

    #[test]
    fn a_package_that_is_there_needs_no_network_and_damage_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("made/src");
        fs::create_dir_all(&code).expect("folders");
        fs::write(code.join("a.rs"), "fn a() {}\n").expect("a file");
        let (to, archives) = (folder.path().join("to"), folder.path().join("to/packages"));
        fs::create_dir_all(&archives).expect("folders");
        let mut package = Package::for_test();
        let archive = archives.join(package.archive());
        let made = std::process::Command::new("tar")
            .args(["-czf", archive.to_str().expect("UTF-8"), "made"])
            .current_dir(folder.path())
            .status();
        assert!(made.expect("tar").success());
        (package.sha256, package.bytes) = fetch::hash(&archive).expect("a hash");
        let names = Names::read(&root()).expect("the rows");
        let asked = asked(&["--to", to.to_str().expect("UTF-8")]).expect("arguments");
        for _ in 0..2 {
            let found = one(&mut package, &asked, &archives, &names).expect("unpacked");
            assert_eq!(names.count(&found).expect("a count").languages(), ["rust"]);
        }
        fs::write(&archive, "damage").expect("damaged");
        let error = one(&mut package, &asked, &archives, &names).expect_err("damage");
        assert!(error.contains("expected the SHA-256") && error.contains("found"), "{error}");
    }
}
