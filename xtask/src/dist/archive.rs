//! Archives whose bytes follow from what is in them: one time, one owner, in the order
//! given.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

/// One file.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) executable: bool,
}

/// A tar archive in the format ustar, in which all is below one folder, behind gzip.
pub(super) fn tar_gz(folder: &str, entries: &[Entry], epoch: u64) -> Result<Vec<u8>, String> {
    let mut tar = Vec::new();
    for entry in entries {
        let path = format!("{folder}/{}", entry.path);
        tar.extend(header(&path, entry, epoch)?);
        tar.extend(&entry.bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks are the end.
    tar.resize(tar.len() + 2 * BLOCK, 0);
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(&tar).and_then(|()| gzip.finish()).map_err(|error| format!("gzip: {error}"))
}

const BLOCK: usize = 512;

fn header(path: &str, entry: &Entry, epoch: u64) -> Result<[u8; BLOCK], String> {
    const NAME: usize = 100;
    if path.len() > NAME {
        return Err(format!("'{path}': expected at most {NAME} bytes, found {}", path.len()));
    }
    let mut header = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, if entry.executable { "0000755\0" } else { "0000644\0" });
    put(108, "0000000\0"); // owner
    put(116, "0000000\0"); // group
    put(124, &format!("{:011o}\0", entry.bytes.len()));
    put(136, &format!("{epoch:011o}\0"));
    // The sum counts its own field as blanks.
    put(148, "        ");
    put(156, "0"); // a file
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |path: &str, bytes: &[u8], executable| Entry {
            path: path.into(),
            bytes: bytes.into(),
            executable,
        };
        vec![entry("bin/tool", b"#!/bin/sh\n", true), entry("NOTICES", &[b'n'; 1300], false)]
    }

    #[test]
    fn tar_unpacks_what_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a.tar.gz"),
            tar_gz("tool-1", &entries(), 86_400).unwrap(),
        )
        .unwrap();
        let tar =
            Command::new("tar").arg("xzf").arg("a.tar.gz").current_dir(folder.path()).status();
        assert!(tar.expect("tar, which every system has").success());
        for entry in entries() {
            let path = folder.path().join("tool-1").join(&entry.path);
            assert_eq!(std::fs::read(&path).unwrap(), entry.bytes, "{}", entry.path);
            let modified = path.metadata().unwrap().modified().unwrap();
            let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
            assert_eq!(modified.as_secs(), 86_400);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = path.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o100 != 0, entry.executable, "{}", entry.path);
            }
        }
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        assert_eq!(tar_gz("a", &entries(), 7), tar_gz("a", &entries(), 7));
        assert_ne!(tar_gz("a", &entries(), 7), tar_gz("a", &entries(), 8));
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        let error = tar_gz(&"long".repeat(30), &entries(), 0).unwrap_err();
        assert!(error.contains("at most 100"), "{error}");
    }
}
