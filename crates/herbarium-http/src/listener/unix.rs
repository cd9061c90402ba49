//! A socket in the file system: who may use it, and what was left there.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::error::Error;

/// For this user and their group.
const MODE: u32 = 0o660;

/// The path of a socket that is ours, to be removed in the end.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Which file it was: another process may have taken the path over.
    file: (u64, u64),
}

impl Place {
    /// Clients that come from now on find nobody, instead of a queue that
    /// nobody empties.
    pub(crate) fn remove(&self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // Fails if somebody was faster.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The socket is made beside its path and moved there when its mode is right:
/// nobody gets in before.
pub(super) fn bind(path: PathBuf) -> Result<(UnixListener, Place), Error> {
    let failed = |source| Error::Bind { addr: path.display().to_string(), source };
    check_left_behind(&path)?;
    let beside = beside(&path);
    // Left by a process of the same number that was killed in between.
    let _ = fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside).map_err(failed)?;
    let moved = fs::set_permissions(&beside, fs::Permissions::from_mode(MODE))
        .and_then(|()| fs::rename(&beside, &path))
        .and_then(|()| identity(&path));
    match moved {
        Ok(file) => Ok((listener, Place { path, file })),
        Err(source) => {
            let _ = fs::remove_file(&beside);
            Err(failed(source))
        }
    }
}

/// Fits where the path itself fits: such paths are short, 108 bytes at most.
fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{:x}", std::process::id()))
}

fn check_left_behind(path: &Path) -> Result<(), Error> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Bind { addr: path.display().to_string(), source }),
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::NotASocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        // Somebody answers, or may yet.
        _ => Err(Error::Taken { path: path.to_owned() }),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()))
}
