//! Who asks, and what they may do.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::asked::Asked;
use crate::kinds;
use crate::problem::Problem;

/// What a route asks of whoever uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// To look at what is there.
    Read,
    /// To change it.
    Write,
}

impl Scope {
    /// `read` or `write`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some scopes: as text, their names with commas between them.
///
/// ```
/// use herbarium_http::{Scope, Scopes};
///
/// let scopes: Scopes = "read,write".parse()?;
/// assert!(scopes.contain(Scope::Write));
/// assert_eq!(scopes.to_string(), "read,write");
/// assert!("read,admin".parse::<Scopes>().is_err());
/// # Ok::<(), herbarium_http::UnknownScope>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// None.
    pub const NONE: Self = Self(0);
    /// To read.
    pub const READ: Self = Self(Scope::Read.bit());
    /// To read and to write.
    pub const ALL: Self = Self(Scope::Read.bit() | Scope::Write.bit());

    /// With this one, too.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether it is one of them.
    pub const fn contain(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [Scope::Read, Scope::Write].into_iter().filter(|it| self.contain(*it));
        f.write_str(&names.map(Scope::name).collect::<Vec<_>>().join(","))
    }
}

/// A name that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read scopes: expected `read`, `write` or `read,write`, found `{found}`")]
pub struct UnknownScope {
    /// What was there.
    pub found: String,
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let mut scopes = Self::NONE;
        for name in text.split(',').map(str::trim) {
            let known = [Scope::Read, Scope::Write].into_iter().find(|it| it.name() == name);
            scopes = scopes.with(known.ok_or_else(|| UnknownScope { found: name.to_owned() })?);
        }
        Ok(scopes)
    }
}

/// Who asks: an extractor in handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: Arc<str>,
    scopes: Scopes,
}

impl Principal {
    /// Somebody of this name. Names are in logs and count for quotas; they are
    /// no secrets.
    pub fn new(name: impl Into<Arc<str>>, scopes: Scopes) -> Self {
        Self { name: name.into(), scopes }
    }

    /// Whoever asks where no authenticator is set: named `anonymous`, with all
    /// scopes.
    pub fn anonymous() -> Self {
        static NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("anonymous"));
        Self { name: Arc::clone(&NAME), scopes: Scopes::ALL }
    }

    /// Whoever asks for what is open to all.
    pub(crate) fn stranger() -> Self {
        Self { scopes: Scopes::NONE, ..Self::anonymous() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they may do.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether they may do this.
    ///
    /// # Errors
    /// A problem of kind [`forbidden`](kinds::FORBIDDEN) that names the scope.
    pub fn must(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contain(scope) {
            return Ok(());
        }
        Err(Problem::new(&kinds::FORBIDDEN)
            .detail(format!("`{}` may not {scope} here", self.name))
            .expected(format!("scope `{scope}`"))
            .found(format!("`{}`", self.scopes))
            .help("use a token that has the scope"))
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// As the front found it, or as an extension of this type says.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<&Self> {
        Asked::of(extensions).and_then(|asked| asked.principal()).or_else(|| extensions.get())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions).cloned().ok_or_else(nobody)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(Self::of(&parts.extensions).cloned())
    }
}

/// For a router that stands behind no front, or for a route behind one that
/// lets the unknown in.
pub(crate) fn nobody() -> Problem {
    crate::auth::challenge("nobody was identified")
}
