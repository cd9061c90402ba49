//! Archives, unpacked by the programs that every system has for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::lock::{Package, Registry};

/// Unpacks the archive into the folder, unless it was done before: a folder is there whole or
/// not at all, and a note beside it tells of which archive it is.
pub(crate) fn into(package: &Package, archive: &Path, folder: &Path) -> Result<(), String> {
    let note = beside(folder, "sha256");
    if folder.is_dir() && fs::read_to_string(&note).is_ok_and(|of| of == package.sha256) {
        return Ok(());
    }
    println!("unpacking {} {}", package.name, package.version);
    let scratch = beside(folder, "unpacking");
    for old in [folder, &scratch] {
        let _ = fs::remove_dir_all(old);
    }
    unpack(package.from, archive, &scratch.join("outer"))?;
    let mut code = scratch.join("outer");
    if let Some(inner) = &package.inner {
        let inner = code.join(inner);
        code = scratch.join("inner");
        unpack(by_ending(&inner), &inner, &code)?;
    }
    fs::rename(&code, folder)
        .and_then(|()| fs::write(&note, &package.sha256))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(&scratch);
    Ok(())
}

fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    folder.with_file_name(name)
}

/// An archive within one is a zip file or one of tar.
fn by_ending(path: &Path) -> Registry {
    match path.extension().is_some_and(|ending| ending == "zip") {
        true => Registry::Pypi,
        false => Registry::Crate,
    }
}

fn unpack(from: Registry, archive: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
    let mut command = match from {
        Registry::Debian => with("dpkg-deb", &["--extract"], archive, to),
        Registry::Pypi => with("python3", &["-m", "zipfile", "-e"], archive, to),
        Registry::DebianSource | Registry::Crate | Registry::Npm => {
            let mut command = Command::new("tar");
            command.arg("-xf").arg(archive).arg("--no-same-owner").arg("-C").arg(to);
            command
        }
    };
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("starting {command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "unpacking {}: {}",
            archive.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn with(program: &str, args: &[&str], archive: &Path, to: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).arg(archive).arg(to);
    command
}
