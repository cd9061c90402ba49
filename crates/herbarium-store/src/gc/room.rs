//! Keeping to a size limit what does not lie in segments.

use std::fs;
use std::path::{Path, PathBuf};

use super::GcOptions;
use crate::belongings::{is_query, is_set_aside, name_of};
use crate::catalogue::{ManifestHead, Shrink};
use crate::marker::QUERIES;
use crate::{Store, StoreError};

/// What takes room besides segments.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Bytes of it that stay.
    pub(super) beside: u64,
    /// Manifests that would go, if that is only reckoned.
    pub(super) manifests: u64,
    /// Bytes that earlier rounds were given for segments, and those that they came to.
    pub(super) came_to: Option<(u64, u64)>,
}

impl Room {
    /// What would stay.
    pub(super) fn reckon(store: &Store, options: &GcOptions) -> Self {
        let mut room = Self { beside: store.bytes_beside_segments(), ..Self::default() };
        if !options.dry_run {
            return room;
        }
        let Some(max_size) = options.max_size else { return room };
        if room.beside > max_size / 2 {
            let spare = store.spare_bytes();
            room.beside = room.beside.saturating_sub(spare);
        }
        for head in too_many(store.manifest_heads(), room.beside, max_size) {
            room.beside = room.beside.saturating_sub(bytes_of(&head));
            room.manifests += 1;
        }
        room
    }

    /// Removes what has to go. Gives the number of manifests.
    pub(super) fn make(store: &Store, options: &GcOptions) -> Result<u64, StoreError> {
        let Some(max_size) = options.max_size else { return Ok(0) };
        if store.bytes_beside_segments() > max_size / 2 {
            store.remove_spare();
        }
        let mut removed = 0;
        loop {
            // How much less it is without them shows when they are gone.
            let beside = store.bytes_beside_segments();
            let mut gone = 0;
            for head in too_many(store.manifest_heads(), beside, max_size) {
                let root = String::from_utf8_lossy(&head.root);
                tracing::warn!(%root, max_size, "the size limit left no room for a manifest");
                gone += u64::from(store.forget_manifest(&head.root)?);
            }
            if gone == 0 {
                return Ok(removed);
            }
            removed += gone;
            store.catalogue.shrink(Shrink::IfThereIsAny);
        }
    }

    /// Bytes that segments may take.
    pub(super) fn for_trees(&self, max_size: u64) -> u64 {
        let room = max_size.saturating_sub(self.beside);
        let Some((given, came_to)) = self.came_to else { return room };
        let share = u128::from(given) * u128::from(room) / u128::from(came_to.max(1));
        u64::try_from(share).unwrap_or(room).min(room)
    }
}

/// Manifests that are to go so that half of the limit is left for trees, the oldest first;
/// the newest only if the limit itself could not be kept with it.
fn too_many(mut heads: Vec<ManifestHead>, beside: u64, max_size: u64) -> Vec<ManifestHead> {
    // Taken before 1970 it is older than any, not newer.
    heads.sort_by_key(|head| head.taken_ns as i64);
    let mut left = beside;
    let count = heads.len();
    let goes = |(number, head): &(usize, ManifestHead)| {
        let most = if number + 1 == count { max_size } else { max_size / 2 };
        let goes = left > most;
        left = left.saturating_sub(if goes { bytes_of(head) } else { 0 });
        goes
    };
    heads.into_iter().enumerate().filter(goes).map(|(_, head)| head).collect()
}

/// About what the catalogue is larger by for a manifest, rather too much.
fn bytes_of(head: &ManifestHead) -> u64 {
    head.len + head.len / 8 + (8 << 10)
}

impl Store {
    /// Bytes of files that nothing rests on.
    fn spare_bytes(&self) -> u64 {
        let files = self.spare_files();
        files.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum()
    }

    fn remove_spare(&self) {
        for path in self.spare_files() {
            // Another process may have been faster.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "could not remove a spare file");
            }
        }
    }

    /// Kept queries, and catalogues that were set aside.
    fn spare_files(&self) -> Vec<PathBuf> {
        let aside = files_in(self.dir()).filter(|path| is_set_aside(&name_of(path)));
        let queries = files_in(&self.dir().join(QUERIES));
        aside.chain(queries.filter(|path| is_query(&name_of(path)))).collect()
    }
}

fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|it| it.path())
}
