//! Jobs: transactions of the catalogue that `crate::jobs` fills with meaning.

use redb::WriteTransaction;

use crate::catalogue::Trouble;
use crate::{Store, StoreError};

impl Store {
    /// Changes tables of jobs: all of it, or nothing.
    pub(crate) fn change_jobs<T>(
        &self,
        deed: &'static str,
        work: impl Fn(&WriteTransaction) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.may_write(deed)?;
        self.catalogue.change(&|| self.contents(), deed, work)
    }
}
