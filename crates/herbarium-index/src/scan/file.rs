//! One file as a visitor sees it: what it asks for is read then, and not before.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use herbarium_codec::{Decoder, Grammar, Tree, source_hash};
use herbarium_languages::Row;
use herbarium_store::{ManifestRow, Outcome, TreeKey};

use crate::engine::Shared;
use crate::kinds::may_have;
use crate::press::is_newer;
use crate::progress::LARGE;
use crate::rows::tree_key;
use crate::stat::Stat;
use crate::tongue::Tongue;
use crate::{Problem, ProblemKind};

use super::Mended;
use super::mend::{Lost, mend};

/// A stored file that is being asked.
///
/// Source and tree are read when they are first asked for, into memory that is
/// used again. They are always of the same content: a file that has changed
/// since it was indexed is [missed](Missed).
pub struct ScanFile<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) desk: &'a mut Desk,
    pub(super) row: &'a ManifestRow,
    pub(super) tongue: &'a Tongue,
    pub(super) path: PathBuf,
    pub(super) stop: &'a AtomicBool,
    pub(super) have: Have,
    /// What had to be pressed again.
    pub(super) mended: Option<Mended>,
}

/// What of a file was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Have {
    pub(super) source: bool,
    pub(super) tree: bool,
}

/// What a thread keeps from file to file.
#[derive(Default)]
pub(super) struct Desk {
    source: Vec<u8>,
    bytes: Vec<u8>,
    decoder: Decoder,
    /// The tree that was decoded last, whose memory is used again.
    tree: Option<Tree>,
    /// The tree at hand, where it was hot.
    hot: Option<Arc<Tree>>,
}

impl Desk {
    /// Gives back the memory that a large file took.
    pub(super) fn tidy(&mut self) {
        if self.source.len().max(self.bytes.len()) as u64 > LARGE {
            *self = Self::default();
        }
    }
}

/// A file that could not be asked; the [report](crate::ScanReport) names it.
#[derive(Debug)]
pub struct Missed(pub(super) Box<Problem>);

impl<'a> ScanFile<'a> {
    /// The file, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its language, which need not be built in.
    pub fn language(&self) -> &'static Row {
        self.tongue.row()
    }

    /// The key of its tree; none where the store has no tree of it.
    pub fn key(&self) -> Option<TreeKey> {
        match self.row.outcome {
            Outcome::Tree(key) => Some(key),
            Outcome::None(_) => None,
        }
    }

    /// The grammar of its tree.
    pub fn grammar(&self) -> &'a Arc<Grammar> {
        self.tongue.grammar()
    }

    /// Set when the scan is to end: for what takes long with one file.
    pub fn stop_flag(&self) -> &'a AtomicBool {
        self.stop
    }

    /// Whether its tree may have a node of a kind. False only if there is none:
    /// then nothing has to be read.
    pub fn may_have(&self, kind: u16) -> bool {
        self.row.kinds.as_ref().is_none_or(|kinds| may_have(kinds, self.tongue.grammar(), kind))
    }

    /// The content of the file. It may be another than the one that was indexed
    /// if it has changed in this moment: [`ScanFile::open`] finds that out.
    ///
    /// # Errors
    /// The file cannot be read, or has not the length any more that it was
    /// indexed with. For the visitor to pass on.
    pub fn source(&mut self) -> Result<&[u8], Missed> {
        if !self.have.source {
            self.read()?;
            self.have.source = true;
        }
        Ok(&self.desk.source)
    }

    /// The tree, opened from the store, and the content that it is the tree of. One
    /// that the store lost is pressed again.
    ///
    /// # Errors
    /// As with [`ScanFile::source`]; also when the content is not the indexed one,
    /// or the store has not got the tree and it cannot be pressed again. For the
    /// visitor to pass on.
    pub fn open(&mut self) -> Result<(&Tree, &[u8]), Missed> {
        if !self.have.tree {
            self.source()?;
            self.decode()?;
            self.have.tree = true;
        }
        match self.desk.hot.as_deref().or(self.desk.tree.as_ref()) {
            Some(tree) => Ok((tree, &self.desk.source)),
            None => Err(self.missed(ProblemKind::MissingTree, NO_TREE)),
        }
    }

    fn read(&mut self) -> Result<(), Missed> {
        let source = &mut self.desk.source;
        source.clear();
        let read = open_file(&self.path).and_then(|(file, metadata)| {
            if metadata.len() == self.row.size {
                source.reserve(metadata.len() as usize + 1);
                // One byte more than there should be, to notice a file that grew.
                file.take(metadata.len() + 1).read_to_end(source)?;
            }
            Ok(())
        });
        match read {
            Ok(()) if source.len() as u64 == self.row.size => Ok(()),
            Ok(()) => Err(self.missed(ProblemKind::Changed, CHANGED)),
            Err(error) if is_gone(&error) => {
                let message = format!("is gone since it was indexed: {error}: index again");
                Err(self.missed(ProblemKind::Vanished, message))
            }
            Err(error) => {
                let message = format!("could not be read: {error}: check its permissions");
                Err(self.missed(ProblemKind::Unreadable, message))
            }
        }
    }

    fn decode(&mut self) -> Result<(), Missed> {
        let Outcome::Tree(key) = self.row.outcome else {
            return Err(self.missed(ProblemKind::MissingTree, NO_TREE));
        };
        self.desk.hot = self.shared.tiers.peek(&key);
        if let Some(tree) = &self.desk.hot {
            return match tree.source_hash() == source_hash(&self.desk.source) {
                true => Ok(()),
                false => Err(self.missed(ProblemKind::Changed, CHANGED)),
            };
        }
        let Err(lack) = self.decode_stored(&key) else { return Ok(()) };
        let found = tree_key(self.tongue.row().id, self.tongue.fingerprint(), &self.desk.source);
        match &lack.why {
            // Only now is it worth a look whether it is the tree or the file that is another.
            Why::AnotherSource if found != key => Err(self.missed(ProblemKind::Changed, CHANGED)),
            why => {
                let why = why.to_string();
                // Of what changed, or was indexed by another version, it would be another tree.
                let pressed = if found == key { self.press_again(key, &lack) } else { Ok(false) };
                tracing::warn!(%key, path = %self.path.display(), why, "a tree cannot be opened");
                let more = match pressed {
                    Ok(true) => return Ok(()),
                    Ok(false) => String::new(),
                    Err(more) => format!(", nor could it be pressed again: {more}"),
                };
                let message =
                    format!("the store's tree of it cannot be opened: {why}{more}: index again");
                Err(self.missed(ProblemKind::MissingTree, message))
            }
        }
    }

    fn decode_stored(&mut self, key: &TreeKey) -> Result<(), Lack> {
        let Desk { source, bytes, decoder, tree, .. } = &mut *self.desk;
        let grammar = self.tongue.grammar();
        let lack = |why, condemn| Err(Lack { why, condemn });
        match self.shared.store.get_tree_into(key, bytes) {
            Ok(Some(info)) => {
                let tree = tree.get_or_insert_with(|| Tree::new(grammar));
                match self.shared.decode_into(bytes, &info, grammar, decoder, tree) {
                    Ok(()) if tree.source_hash() == source_hash(source) => Ok(()),
                    Ok(()) => lack(Why::AnotherSource, true),
                    Err(error) => lack(Why::Told(error.to_string()), !is_newer(&error)),
                }
            }
            // What was damaged counts as missing already.
            Ok(None) => lack(Why::Told("it is damaged or not there".to_owned()), false),
            Err(error) => lack(Why::Told(error.to_string()), false),
        }
    }

    /// Presses the tree again, if its language is built in; says whether it is there now.
    fn press_again(&mut self, key: TreeKey, lack: &Lack) -> Result<bool, String> {
        let Tongue::Built(language) = self.tongue else { return Ok(false) };
        let (shared, condemn) = (Arc::clone(self.shared), lack.condemn);
        let (path, source) = (self.path.clone(), self.desk.source.clone());
        let found = mend(Lost { shared, language, key, path, source, condemn }, self.stop)?;
        self.desk.tree = Some(found.tree);
        let (path, why) = (self.path.clone(), lack.why.to_string());
        self.mended = Some(Mended { path, key, why, stored: found.stored });
        Ok(true)
    }

    /// Whether the file looks as it did when it was indexed.
    pub(super) fn check_looks(&self) -> Result<(), Missed> {
        match std::fs::metadata(&self.path).map(|metadata| Stat::of(&metadata)) {
            Ok(stat) if stat == Stat::recorded(self.row) => Ok(()),
            Err(error) if is_gone(&error) => {
                let message = format!("is gone since it was indexed: {error}: index again");
                Err(self.missed(ProblemKind::Vanished, message))
            }
            _ => Err(self.missed(ProblemKind::Changed, CHANGED)),
        }
    }

    pub(super) fn missed(&self, kind: ProblemKind, message: impl Into<String>) -> Missed {
        let (path, message) = (self.path.clone(), message.into());
        Missed(Box::new(Problem { path, kind, message, limit: None }))
    }
}

/// Why the store's tree is of no use.
struct Lack {
    why: Why,
    /// Whether it is to count as missing from now on.
    condemn: bool,
}

enum Why {
    /// It is the tree of another source.
    AnotherSource,
    Told(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherSource => f.write_str("it is the tree of another source"),
            Self::Told(why) => f.write_str(why),
        }
    }
}

const CHANGED: &str = "changed since it was indexed: index again";
const NO_TREE: &str = "the store has no tree of it: index again";

/// Opens a regular file, and nothing else: what was one may be a pipe by now.
fn open_file(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
