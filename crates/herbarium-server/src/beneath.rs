//! Opening files of a workspace, and none outside of it.
//!
//! Between a look at a path and the opening of it, someone who can write to the workspace
//! may put a link in its place. So the system itself is told to stay below the root where
//! it can be (Linux, `openat2`); elsewhere the path is resolved first, compared with the
//! root, and what it resolved to is opened part by part without following a link. What is
//! read is read from the file that was opened, never from its path.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::memo::Looks;
use crate::relative::Relative;

/// Why a file of a workspace cannot be read.
#[derive(Debug)]
pub(crate) enum NoFile {
    /// It is not there.
    Missing,
    /// It is there, and outside of the workspace.
    Outside,
    /// It is a folder, a pipe, a device.
    NotAFile(&'static str),
    /// It has so many bytes.
    TooLong(u64),
    /// The system refuses.
    Unreadable(io::Error),
}

/// A file's content, and what tells whether it is still that: `None` where that cannot
/// be told, or it changed while it was read.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) looks: Option<Looks>,
}

/// Reads a file below a root that is absolute and was resolved, if it is not longer.
pub(crate) fn read_beneath(root: &Path, path: &Relative, most: u64) -> Result<Content, NoFile> {
    let (file, metadata) = regular(root, path)?;
    if metadata.len() > most {
        return Err(NoFile::TooLong(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // It may grow while it is read.
    let read = (&file).take(most.saturating_add(1)).read_to_end(&mut bytes);
    let read = read.map_err(NoFile::Unreadable)? as u64;
    if read > most {
        return Err(NoFile::TooLong(read));
    }
    let after = file.metadata().ok().and_then(|metadata| Looks::of(&metadata));
    let looks = Looks::of(&metadata).filter(|before| after == Some(*before));
    Ok(Content { bytes, looks })
}

/// What a file below a root looks like now, without its content being read.
pub(crate) fn look_beneath(root: &Path, path: &Relative) -> Option<Looks> {
    let (_, metadata) = regular(root, path).ok()?;
    Looks::of(&metadata)
}

/// The same, if the system can tell without waiting for a disk or a network: for where
/// nothing may block. `None` also where it cannot be told so.
pub(crate) fn look_without_waiting(root: &Path, path: &Relative) -> Option<Looks> {
    #[cfg(target_os = "linux")]
    return kernel::look(root, path);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (root, path);
        None
    }
}

fn regular(root: &Path, path: &Relative) -> Result<(File, Metadata), NoFile> {
    let file = open_beneath(root, path)?;
    let metadata = file.metadata().map_err(NoFile::Unreadable)?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false if metadata.is_dir() => Err(NoFile::NotAFile("a folder")),
        false => Err(NoFile::NotAFile("no regular file")),
    }
}

fn refusal(error: io::Error) -> NoFile {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NoFile::Missing,
        _ => NoFile::Unreadable(error),
    }
}

#[cfg(unix)]
pub(crate) fn open_beneath(root: &Path, path: &Relative) -> Result<File, NoFile> {
    use rustix::fs::OFlags;

    // A pipe must not block who opens it, a terminal not become ours.
    const FILE: OFlags =
        OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

    #[cfg(target_os = "linux")]
    if let Some(opened) = kernel::open(root, path, FILE) {
        return opened;
    }
    by_parts::open(root, path, FILE)
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::fs::File;
    use std::path::Path;

    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat2};
    use rustix::io::Errno;
    use rustix::path::Arg;

    use super::{NoFile, refusal};
    use crate::memo::Looks;
    use crate::relative::Relative;

    /// None where the kernel is older than 5.6, or a sandbox does not let it.
    pub(super) fn open(
        root: &Path,
        path: &Relative,
        flags: OFlags,
    ) -> Option<Result<File, NoFile>> {
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // The root was resolved when it was added: that it has a link in it now means
        // that it is another folder.
        let root = openat2(CWD, root, folder, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let open = |root| openat2(root, path.as_path(), flags, Mode::empty(), beneath);
        match root.and_then(open) {
            Ok(file) => Some(Ok(File::from(file))),
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => None,
            Err(Errno::XDEV | Errno::LOOP) => Some(Err(NoFile::Outside)),
            // A folder above was moved meanwhile: a way out, or back in; once more would do.
            Err(Errno::AGAIN) => Some(Err(NoFile::Missing)),
            Err(errno) => Some(Err(refusal(errno.into()))),
        }
    }

    /// File systems that keep what tells of a file that is open in memory, as
    /// `statfs(2)` numbers them: ext, XFS, Btrfs, F2FS, tmpfs. Others may ask a server.
    const LOCAL: [u32; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

    /// Names are looked up in the kernel's memory alone, since Linux 5.12; it refuses
    /// where that is not enough. What is found is not opened, only held.
    pub(super) fn look(root: &Path, path: &Relative) -> Option<Looks> {
        let root = held(CWD, root, OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)?;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = held(&root, path.as_path(), OFlags::empty(), beneath)?;
        let system = fstatfs(&file).ok()?.f_type;
        // A number of 32 bits, in fields of several widths and signs.
        if !LOCAL.contains(&(system as u32)) {
            return None;
        }
        let metadata = File::from(file).metadata().ok()?;
        metadata.is_file().then(|| Looks::of(&metadata)).flatten()
    }

    fn held(at: impl AsFd, path: impl Arg, flags: OFlags, how: ResolveFlags) -> Option<OwnedFd> {
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        openat2(at, path, flags, Mode::empty(), how | ResolveFlags::CACHED).ok()
    }
}

#[cfg(unix)]
mod by_parts {
    use std::fs::File;
    use std::path::{Component, Path};

    use rustix::fd::OwnedFd;
    use rustix::fs::{CWD, Mode, OFlags, openat};
    use rustix::io::Errno;

    use super::{NoFile, refusal};
    use crate::relative::Relative;

    pub(super) fn open(root: &Path, path: &Relative, flags: OFlags) -> Result<File, NoFile> {
        let real = std::fs::canonicalize(path.below(root)).map_err(refusal)?;
        let below = real.strip_prefix(root).map_err(|_| NoFile::Outside)?;
        let mut parts: Vec<_> = below.components().collect();
        let Some(Component::Normal(name)) = parts.pop() else { return Err(NoFile::Outside) };
        let mut at = folder(CWD, root)?;
        for part in parts {
            at = folder(&at, part.as_os_str())?;
        }
        let file = openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        Ok(File::from(file))
    }

    fn folder(at: impl rustix::fd::AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, NoFile> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(at, name, flags, Mode::empty()).map_err(failed)
    }

    /// A link where there was none a moment ago.
    fn failed(errno: Errno) -> NoFile {
        match errno {
            Errno::LOOP | Errno::MLINK => NoFile::Outside,
            _ => refusal(errno.into()),
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn open_beneath(root: &Path, path: &Relative) -> Result<File, NoFile> {
    let resolve = || {
        let real = std::fs::canonicalize(path.below(root)).map_err(refusal)?;
        if real.starts_with(root) { Ok(real) } else { Err(NoFile::Outside) }
    };
    let file = File::open(resolve()?).map_err(refusal)?;
    // What was put in its place meanwhile is still there.
    resolve().map(|_| file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    type Open = fn(&Path, &Relative) -> Result<File, NoFile>;

    /// The way of this system, and the one of systems without `openat2`.
    const WAYS: [Open; 2] = [open_beneath, |root, path| {
        by_parts::open(root, path, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK)
    }];

    struct Ground {
        _dir: tempfile::TempDir,
        root: PathBuf,
    }

    fn ground() -> Ground {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let root = real.join("root");
        std::fs::create_dir_all(root.join("in")).unwrap();
        std::fs::write(root.join("in/file"), "inside").unwrap();
        std::fs::create_dir(real.join("out")).unwrap();
        std::fs::write(real.join("out/file"), "outside").unwrap();
        symlink("in/file", root.join("good")).unwrap();
        symlink("in", root.join("good-folder")).unwrap();
        symlink(real.join("out/file"), root.join("bad")).unwrap();
        symlink("../out/file", root.join("bad-relative")).unwrap();
        symlink("../out", root.join("bad-folder")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        Ground { _dir: dir, root }
    }

    fn read(open: Open, root: &Path, path: &str) -> Result<String, NoFile> {
        let file = open(root, &Relative::parse(path).unwrap())?;
        io::read_to_string(file).map_err(NoFile::Unreadable)
    }

    #[test]
    fn links_within_the_root_are_followed_and_others_are_not() {
        let ground = ground();
        for open in WAYS {
            for path in ["in/file", "good", "good-folder/file"] {
                assert_eq!(read(open, &ground.root, path).unwrap(), "inside", "{path}");
            }
            for path in ["bad", "bad-relative", "bad-folder/file", "loop"] {
                let refused = read(open, &ground.root, path);
                assert!(
                    matches!(refused, Err(NoFile::Outside | NoFile::Unreadable(_))),
                    "{path}: {refused:?}"
                );
            }
            for path in ["none", "in/none", "in/file/below"] {
                let refused = read(open, &ground.root, path);
                assert!(matches!(refused, Err(NoFile::Missing)), "{path}: {refused:?}");
            }
        }
    }

    /// What is found without waiting is what is found at all; the file system of the test
    /// may be one that is not asked so.
    #[test]
    fn a_look_without_waiting_sees_the_same() {
        let ground = ground();
        let look = |path: &str| look_without_waiting(&ground.root, &Relative::parse(path).unwrap());
        for path in ["in/file", "good", "good-folder/file"] {
            let seen = look_beneath(&ground.root, &Relative::parse(path).unwrap());
            assert!(seen.is_some() && [None, seen].contains(&look(path)), "{path}");
        }
        let places = ["bad", "bad-relative", "bad-folder/file", "loop", "none", "in"];
        for path in places {
            assert_eq!(look(path), None, "{path}");
        }
    }

    #[test]
    fn a_link_that_comes_and_goes_never_leads_out() {
        let ground = ground();
        let stop = AtomicBool::new(false);
        let (root, name) = (&ground.root, ground.root.join("swapped"));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for target in ["in", "../out"] {
                        let fresh = root.join("fresh");
                        let _ = std::fs::remove_file(&fresh);
                        symlink(target, &fresh).unwrap();
                        std::fs::rename(&fresh, &name).unwrap();
                    }
                }
            });
            for open in WAYS {
                let found = (0..5000).filter_map(|_| read(open, root, "swapped/file").ok());
                let (inside, outside): (Vec<_>, Vec<_>) = found.partition(|it| it == "inside");
                assert_eq!(outside.len(), 0, "beside {} good ones", inside.len());
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_root_that_another_folder_took_the_place_of_is_not_entered() {
        let ground = ground();
        let moved = ground.root.with_file_name("moved");
        std::fs::rename(&ground.root, &moved).unwrap();
        symlink(ground.root.with_file_name("out"), &ground.root).unwrap();
        for open in WAYS {
            assert!(read(open, &ground.root, "file").is_err());
        }
    }

    #[test]
    fn only_regular_files_are_read_and_none_that_is_too_long() {
        let ground = ground();
        let pipe = ground.root.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let read = |path, most| {
            let read = read_beneath(&ground.root, &Relative::parse(path).unwrap(), most);
            read.map(|content| content.bytes)
        };
        assert!(matches!(read("pipe", 10), Err(NoFile::NotAFile(_))));
        assert!(matches!(read("in", 10), Err(NoFile::NotAFile("a folder"))));
        assert!(matches!(read("in/file", 5), Err(NoFile::TooLong(6))));
        assert_eq!(read("in/file", 6).unwrap(), b"inside");
    }
}
