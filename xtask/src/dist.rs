//! `cargo xtask dist`: what a release consists of, the same bytes wherever it is built.

mod archive;
mod build;
mod provenance;
mod sbom;
mod twice;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Outcome, command, of_workspace, read, root};
use archive::Entry;
pub(crate) use build::target_folder;

pub(crate) const USAGE: &str = "dist [BINARY...] [--target TARGET] [--out DIR]   build the programs of xtask/dist.toml: archives, checksums, SBOM, provenance
  dist --check [BINARY...] [--target TARGET]   build the last commit twice, in two folders, and compare the bytes";

/// Builds a release into a folder, or twice to compare.
pub(crate) fn run(args: &[String]) -> Outcome {
    let root = root();
    let asked = Asked::read(args)?;
    let plan = Plan::new(&root, &asked)?;
    if asked.check {
        return twice::check(&root, &plan);
    }
    if plan.changed {
        println!("files differ from those of the commit: the provenance says so");
    }
    let out = asked.out.unwrap_or_else(|| target_folder(&root).join("dist"));
    for file in write(&root, &build_folder(&root), &plan, &out)? {
        println!("wrote {}", file.display());
    }
    Ok(())
}

/// Where a program is after it was built for a target.
pub(crate) fn program_of(root: &Path, target: &str, name: &str) -> PathBuf {
    build_folder(root).join(target).join("release").join(name)
}

fn build_folder(root: &Path) -> PathBuf {
    target_folder(root).join("dist-build")
}

/// The packages of the workspace that have a program of a release.
pub(crate) fn packages(root: &Path) -> Result<Vec<String>, String> {
    Ok(binaries(root)?.into_iter().map(|binary| binary.package).collect())
}

/// One program, as `dist.toml` has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary {
    name: String,
    package: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    extras: Vec<Extra>,
}

/// What a program prints about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    run: String,
    path: String,
}

#[derive(Deserialize)]
struct File {
    binary: Vec<Binary>,
}

fn binaries(root: &Path) -> Result<Vec<Binary>, String> {
    let file: File = toml::from_str(&read(root, "xtask/dist.toml")?)
        .map_err(|error| format!("xtask/dist.toml: {error}"))?;
    Ok(file.binary)
}

/// What the arguments ask for.
#[derive(Default)]
struct Asked {
    check: bool,
    names: Vec<String>,
    target: Option<String>,
    out: Option<PathBuf>,
}

impl Asked {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value =
                || rest.next().cloned().ok_or_else(|| format!("{arg}: expected a value after it"));
            match arg.as_str() {
                "--check" => asked.check = true,
                "--target" => asked.target = Some(value()?),
                "--out" => asked.out = Some(value()?.into()),
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}; usage: cargo xtask {USAGE}"));
                }
                name => asked.names.push(name.to_owned()),
            }
        }
        Ok(asked)
    }
}

/// What is built, from what.
struct Plan {
    binaries: Vec<Binary>,
    target: String,
    version: String,
    commit: String,
    /// Whether files differ from those of the commit. Never when it is built twice.
    changed: bool,
    /// Seconds since 1970: the time that all files have.
    epoch: u64,
    /// The compiler's own words about itself.
    compiler: String,
}

impl Plan {
    fn new(root: &Path, asked: &Asked) -> Result<Self, String> {
        let compiler = command::output("rustc -vV")?;
        let host = compiler.lines().find_map(|line| line.strip_prefix("host: "));
        let target = asked.target.clone().or_else(|| host.map(str::to_owned));
        Ok(Self {
            binaries: chosen(binaries(root)?, &asked.names)?,
            target: target.ok_or("rustc -vV names no host")?,
            version: of_workspace(&read(root, "Cargo.toml")?, "version")?,
            commit: command::output_in(root, "git rev-parse HEAD")?.trim().to_owned(),
            changed: !asked.check && changed(root)?,
            epoch: epoch(root)?,
            compiler,
        })
    }

    fn name(&self, binary: &Binary) -> String {
        format!("{}-{}-{}", binary.name, self.version, self.target)
    }
}

fn chosen(known: Vec<Binary>, names: &[String]) -> Result<Vec<Binary>, String> {
    for name in names {
        if known.iter().all(|binary| binary.name != *name) {
            let known: Vec<_> = known.iter().map(|binary| binary.name.as_str()).collect();
            return Err(format!("unknown binary '{name}'; expected one of {}", known.join(", ")));
        }
    }
    let wanted = |binary: &Binary| names.is_empty() || names.contains(&binary.name);
    Ok(known.into_iter().filter(wanted).collect())
}

fn changed(root: &Path) -> Result<bool, String> {
    let status = command::output_in(root, "git status --porcelain --untracked-files=no")?;
    Ok(!status.trim().is_empty())
}

/// `SOURCE_DATE_EPOCH`, else the time of the last commit.
fn epoch(root: &Path) -> Result<u64, String> {
    let (text, from) = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => (text, "SOURCE_DATE_EPOCH"),
        Err(_) => (command::output_in(root, "git log -1 --format=%ct")?, "git log"),
    };
    let seconds = text.trim().parse();
    seconds.map_err(|_| format!("{from}: expected seconds since 1970, found '{}'", text.trim()))
}

/// Builds and writes all files of a release; returns where they are.
fn write(root: &Path, target: &Path, plan: &Plan, out: &Path) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for binary in &plan.binaries {
        let name = plan.name(binary);
        let program = build::program(root, target, plan, binary)?;
        let entries = entries(root, plan, binary, &program)?;
        files.push((format!("{name}.tar.gz"), archive::tar_gz(&name, &entries, plan.epoch)?));
        files.push((format!("{name}.cdx.json"), sbom::text(root, plan, binary)?.into_bytes()));
    }
    let subjects: Vec<_> =
        files.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect();
    let provenance = provenance::text(root, plan, &subjects)?;
    let name = format!("provenance-{}-{}.json", plan.version, plan.target);
    files.push((name, provenance.into_bytes()));
    let sums: String =
        files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    files.push(("SHA256SUMS".into(), sums.into_bytes()));
    let write = |(name, bytes): (String, Vec<u8>)| {
        let path = out.join(name);
        let written = fs::write(&path, bytes);
        written.map(|()| path.clone()).map_err(|error| format!("{}: {error}", path.display()))
    };
    files.into_iter().map(write).collect()
}

/// What is in an archive.
fn entries(
    root: &Path,
    plan: &Plan,
    binary: &Binary,
    program: &Path,
) -> Result<Vec<Entry>, String> {
    let bytes = |path: &Path| {
        fs::read(path).map_err(|error| format!("reading {}: {error}", path.display()))
    };
    let suffix = if plan.target.contains("windows") { ".exe" } else { "" };
    let path = format!("bin/{}{suffix}", binary.name);
    let mut entries = vec![Entry { path, bytes: bytes(program)?, executable: true }];
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICES", "README.md", "CHANGELOG.md"] {
        let bytes = bytes(&root.join(file))?;
        entries.push(Entry { path: file.into(), bytes, executable: false });
    }
    for extra in &binary.extras {
        let line = format!("{} {}", program.display(), extra.run);
        let bytes = command::output(&line)?.into_bytes();
        entries.push(Entry { path: extra.path.clone(), bytes, executable: false });
    }
    Ok(entries)
}

/// The checksum, in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary_of_the_list_is_one_of_the_workspace() {
        let binaries = binaries(&root()).unwrap();
        assert!(!binaries.is_empty());
        for Binary { name, package, .. } in binaries {
            let manifest = read(&root(), &format!("bins/{name}/Cargo.toml")).unwrap();
            assert!(manifest.contains(&format!("name = \"{package}\"")), "{name}: {package}");
            assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"")), "{name}");
        }
    }

    /// The manual has a section for each, after the one on what is stable.
    #[test]
    fn every_command_of_the_manual_has_its_page_in_the_archive() {
        let manual = read(&root(), "docs/cli.md").unwrap();
        let (_, sections) = manual.split_once("\n## What is stable\n").unwrap();
        let titles = sections.lines().filter_map(|line| line.strip_prefix("## "));
        let commands: Vec<_> = titles.flat_map(|title| title.split(" and ")).collect();
        assert!(commands.len() > 10, "{commands:?}");
        let binaries = binaries(&root()).unwrap();
        let herbarium = binaries.iter().find(|binary| binary.name == "herbarium").unwrap();
        for command in commands {
            let page = format!("man/man1/herbarium-{command}.1");
            let extra = herbarium.extras.iter().find(|extra| extra.path == page);
            let expected = format!("man {command}");
            assert_eq!(extra.map(|extra| &extra.run), Some(&expected), "xtask/dist.toml");
        }
    }

    #[test]
    fn arguments_choose_binaries() {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let asked = Asked::read(&args(&["--check", "herbarium-load", "--target", "x"])).unwrap();
        assert!(asked.check && asked.target.as_deref() == Some("x"));
        let chosen = |names: &[String]| chosen(binaries(&root()).unwrap(), names);
        assert_eq!(chosen(&asked.names).unwrap().len(), 1);
        assert!(chosen(&[]).unwrap().len() > 1);
        assert!(chosen(&args(&["herbarium-lode"])).unwrap_err().contains("herbarium-lode"));
        assert!(Asked::read(&args(&["--target"])).is_err());
        assert!(Asked::read(&args(&["--chek"])).is_err());
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), expected);
    }
}
