//! Packages, by the ordinary client of each registry.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::lock::{Package, Registry};

/// Fetches the package and puts its archive there, whole or not at all.
pub(crate) fn package(package: &Package, archive: &Path) -> Result<(), String> {
    let scratch = archive.with_extension("fetching");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let fetched = client(package, &scratch).and_then(|file| {
        fs::copy(&file, scratch.join("whole"))
            .and_then(|_| fs::rename(scratch.join("whole"), archive))
            .map_err(|error| format!("{}: {error}", archive.display()))
    });
    let _ = fs::remove_dir_all(&scratch);
    fetched
}

/// Whether this is the release of Debian whose packages are locked.
pub(crate) fn is_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line == "VERSION_CODENAME=bookworm")
}

/// Hash and length of a file.
pub(crate) fn hash(path: &Path) -> Result<(String, u64), String> {
    let failed = |error| format!("{}: {error}", path.display());
    let mut file = fs::File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    let hex = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, bytes))
}

/// The file that the registry's client brings into the folder.
fn client(package: &Package, folder: &Path) -> Result<PathBuf, String> {
    let (name, version) = (&package.name, &package.version);
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    match package.from {
        Registry::Debian => {
            run(folder, "apt-get", &words(&["download", &format!("{name}={version}")]))?;
            only(folder, |file| file.ends_with(".deb"))
        }
        Registry::DebianSource => debian_source(package, folder),
        // The only verb of cargo that fetches one crate, and none of its dependencies.
        Registry::Crate => {
            run(folder, "cargo", &words(&["info", "--quiet", &format!("{name}@{version}")]))?;
            in_cargo_home(&format!("{name}-{version}.crate"))
        }
        Registry::Npm => {
            run(folder, "npm", &words(&["pack", "--silent", &format!("{name}@{version}")]))?;
            only(folder, |file| file.ends_with(".tgz"))
        }
        Registry::Pypi => {
            let what = format!("{name}=={version}");
            let flags = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"];
            run(folder, "python3", &words(&[&flags[..], &["--platform=any", &what]].concat()))?;
            only(folder, |file| file.ends_with(".whl"))
        }
    }
}

/// Sources of Debian, by a configuration of our own: that of a machine rarely names sources.
fn debian_source(package: &Package, folder: &Path) -> Result<PathBuf, String> {
    let lists = folder.join("apt");
    for part in ["parts", "lists/partial"] {
        fs::create_dir_all(lists.join(part)).map_err(|error| format!("apt's folders: {error}"))?;
    }
    fs::write(lists.join("parts/all.sources"), source_lists()?)
        .map_err(|error| format!("apt's sources: {error}"))?;
    let options = [
        format!("-oDir::Etc::sourceparts={}", lists.join("parts").display()),
        "-oDir::Etc::sourcelist=/dev/null".to_owned(),
        format!("-oDir::State::lists={}", lists.join("lists").display()),
    ];
    let with = |words: &[&str]| {
        options.iter().cloned().chain(words.iter().map(|&word| word.to_owned())).collect::<Vec<_>>()
    };
    run(folder, "apt-get", &with(&["update", "-qq"]))?;
    let what = format!("{}={}", package.name, package.version);
    let source = ["source", "-qq", "--download-only", "--only-source", &what];
    let ended = run(folder, "apt-get", &with(&source));
    let wanted = package.file.as_deref().ok_or("xtask/corpus.toml: expected `file`")?;
    // A mirror may lack the patches of the distribution: the sources are what counts.
    only(folder, |file| file == wanted).map_err(|error| match ended {
        Err(said) => said,
        Ok(()) => error,
    })
}

/// The machine's own entries, as entries of sources.
fn source_lists() -> Result<String, String> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let debian = files.filter(|path| path.file_name().is_some_and(|name| name == "debian.sources"));
    let texts: Vec<_> = debian.filter_map(|path| fs::read_to_string(path).ok()).collect();
    match texts.is_empty() {
        true => Err("expected a file debian.sources among apt's sources, found none: packages \
                     from `debian-source` need Debian 12"
            .into()),
        false => Ok(texts.join("\n").replace("Types: deb\n", "Types: deb-src\n")),
    }
}

/// Where cargo keeps what it fetched.
fn in_cargo_home(file: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let cache = home.unwrap_or_default().join("registry/cache");
    let registries =
        fs::read_dir(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let mut found = registries.filter_map(Result::ok).map(|entry| entry.path().join(file));
    found.find(|path| path.is_file()).ok_or_else(|| {
        format!("expected {file} in {} after `cargo info`, found none", cache.display())
    })
}

/// The one file of the folder that is wanted.
fn only(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted))
        .ok_or_else(|| "the registry's client ended well, but brought no such file".into())
}

fn run(folder: &Path, program: &str, args: &[String]) -> Result<(), String> {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("starting {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{program} {}` failed; versions that a registry no longer has are named anew in \
         xtask/corpus.toml, and locked with `cargo xtask corpus --lock`: {}",
        args.join(" "),
        said.trim()
    ))
}
