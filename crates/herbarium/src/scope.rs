//! What is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use herbarium_index::Cancel;

/// Which files are asked, and for how long.
///
/// ```
/// use herbarium::Scope;
///
/// let scope = Scope::of(["src", "tests"]).language("rust").as_stored();
/// assert_eq!(scope.paths().len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Scope {
    paths: Vec<PathBuf>,
    pub(crate) languages: BTreeSet<String>,
    pub(crate) as_stored: bool,
    pub(crate) time_limit: Duration,
    pub(crate) cancel: Cancel,
}

/// For one file; a query that takes longer is one that runs wild.
const TIME_LIMIT: Duration = Duration::from_secs(10);

impl Scope {
    /// These folders and files, in all languages.
    pub fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            paths: paths.into_iter().map(|path| path.as_ref().to_owned()).collect(),
            languages: BTreeSet::new(),
            as_stored: false,
            time_limit: TIME_LIMIT,
            cancel: Cancel::new(),
        }
    }

    /// Only files of this language, by id, and of others that are named.
    #[must_use]
    pub fn language(mut self, id: impl Into<String>) -> Self {
        self.languages.insert(id.into());
        self
    }

    /// What the store has, as it is: nothing is pressed first. Files that changed
    /// since are [missed](crate::Answer::missed).
    #[must_use]
    pub fn as_stored(mut self) -> Self {
        self.as_stored = true;
        self
    }

    /// The longest that one file is asked; 10 seconds if nothing is said.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Ends the work when that is cancelled.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// The folders and files.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}
