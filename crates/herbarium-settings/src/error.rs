//! What can be wrong with settings.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::read::Origin;

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The file cannot be read.
    #[error("read the settings in {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: this is not TOML: {message}")]
    Syntax {
        /// The place.
        origin: Origin,
        /// What is wrong with it.
        message: String,
    },
    /// There is no setting of this name.
    #[error("{origin}: there is no setting `{name}`{}", suggestion(nearest.as_deref()))]
    Unknown {
        /// The place.
        origin: Origin,
        /// The name.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// The value makes no sense.
    #[error("{origin}: `{name}`: {expected}; found {found}")]
    Malformed {
        /// The place.
        origin: Origin,
        /// The setting.
        name: String,
        /// What was expected.
        expected: String,
        /// What was found; not the value itself if that is secret.
        found: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; the nearest there is: `{name}`")).unwrap_or_default()
}

/// Everything that is wrong, at least one thing. Shown, each on a line.
#[derive(Debug)]
pub struct Wrong {
    errors: Vec<SettingError>,
}

impl Wrong {
    pub(crate) fn of(errors: Vec<SettingError>) -> Self {
        Self { errors }
    }

    /// One by one.
    pub fn errors(&self) -> &[SettingError] {
        &self.errors
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Wrong {}
