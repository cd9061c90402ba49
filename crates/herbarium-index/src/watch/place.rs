//! Which folder stands at a path.

use std::fs::{self, Metadata};
use std::path::Path;

/// What tells a folder from another one that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(Identity);

/// The device and the inode.
#[cfg(unix)]
type Identity = (u64, u64);
/// When it was made, where the system tells no more.
#[cfg(not(unix))]
type Identity = Option<std::time::SystemTime>;

impl Place {
    /// None if there is no folder.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_dir().then(|| Self(identity(&metadata)))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    metadata.created().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_whatever_it_holds_and_another_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("a")).unwrap();
        fs::create_dir(path("b")).unwrap();
        let place = Place::of(&path("a"));
        fs::write(path("a/file"), "text").unwrap();
        assert!(place.is_some());
        assert_eq!(Place::of(&path("a")), place);
        assert_eq!(Place::of(&path("a/file")), None);
        assert_eq!(Place::of(&path("c")), None);
        fs::rename(path("a"), path("c")).unwrap();
        fs::rename(path("b"), path("a")).unwrap();
        assert_eq!(Place::of(&path("c")), place);
        #[cfg(unix)]
        assert_ne!(Place::of(&path("a")), place);
    }
}
