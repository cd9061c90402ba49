//! Reading one folder: its names, and what its files look like.

use std::io;

use crate::stat::Stat;

pub(super) use system::Folder;

/// A name in a folder, ready to be handed back to the system.
pub(super) type Name = std::ffi::CStr;

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A link, a pipe, a socket, a device.
    Special,
}

/// On Unix through the open folder: a path of one name is looked up in a third
/// of the time that a whole path takes, and there is no allocation a file.
#[cfg(unix)]
mod system {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};

    use super::{Kind, Name, Stat, io};

    /// An open folder.
    pub(in super::super) struct Folder(OwnedFd);

    /// Names that the system gives at one call.
    type Buffer = [MaybeUninit<u8>; 32 << 10];

    impl Folder {
        pub(in super::super) fn open(path: &[u8]) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(Self(openat(CWD, path, flags, Mode::empty())?))
        }

        /// Calls `hear` for each name.
        #[cfg(target_os = "linux")]
        pub(in super::super) fn each(&self, mut hear: impl FnMut(&Name, Kind)) -> io::Result<()> {
            let mut buffer: Buffer = [MaybeUninit::uninit(); 32 << 10];
            let mut names = rustix::fs::RawDir::new(&self.0, &mut buffer);
            while let Some(entry) = names.next() {
                let entry = entry?;
                self.hear(entry.file_name(), entry.file_type(), &mut hear);
            }
            Ok(())
        }

        /// Calls `hear` for each name.
        #[cfg(not(target_os = "linux"))]
        pub(in super::super) fn each(&self, mut hear: impl FnMut(&Name, Kind)) -> io::Result<()> {
            for entry in rustix::fs::Dir::read_from(&self.0)? {
                let entry = entry?;
                self.hear(entry.file_name(), entry.file_type(), &mut hear);
            }
            Ok(())
        }

        fn hear(&self, name: &Name, file_type: FileType, hear: &mut impl FnMut(&Name, Kind)) {
            if matches!(name.to_bytes(), b"." | b"..") {
                return;
            }
            // Some file systems tell the type only when asked.
            let file_type = match file_type {
                FileType::Unknown => statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |it| FileType::from_raw_mode(it.st_mode)),
                known => known,
            };
            hear(
                name,
                match file_type {
                    FileType::RegularFile => Kind::File,
                    FileType::Directory => Kind::Folder,
                    _ => Kind::Special,
                },
            );
        }

        /// What a file of the folder looks like.
        pub(in super::super) fn stat(&self, name: &Name) -> io::Result<Stat> {
            Ok(Stat::of_system(&statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::PathBuf;

    use herbarium_store::{path_bytes, path_from_bytes};

    use super::{Kind, Name, Stat, io};

    /// A folder.
    pub(in super::super) struct Folder(PathBuf);

    impl Folder {
        pub(in super::super) fn open(path: &[u8]) -> io::Result<Self> {
            Ok(Self(path_from_bytes(path)))
        }

        /// Calls `hear` for each name.
        pub(in super::super) fn each(&self, mut hear: impl FnMut(&Name, Kind)) -> io::Result<()> {
            for entry in std::fs::read_dir(&self.0)? {
                let entry = entry?;
                let kind = match entry.file_type()? {
                    it if it.is_dir() => Kind::Folder,
                    it if it.is_file() => Kind::File,
                    _ => Kind::Special,
                };
                let name = path_bytes(entry.file_name().as_ref());
                if let Ok(name) = std::ffi::CString::new(name) {
                    hear(&name, kind);
                }
            }
            Ok(())
        }

        /// What a file of the folder looks like.
        pub(in super::super) fn stat(&self, name: &Name) -> io::Result<Stat> {
            let path = self.0.join(path_from_bytes(name.to_bytes()));
            let metadata = std::fs::symlink_metadata(path)?;
            Ok(Stat::of(&metadata))
        }
    }
}
