//! Bearer tokens, of which only hashes are kept.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use subtle::ConstantTimeEq as _;

use crate::asked::Client;
use crate::auth::{Authentication, Authenticator, challenge};
use crate::principal::{Principal, Scopes, UnknownScope};
use crate::problem::Problem;

/// What a token that this crate makes begins with, so that scanners for leaked
/// secrets can know it.
pub const TOKEN_PREFIX: &str = "hbt_";

/// A secret with nothing to guess in it: 256 random bits. Whoever has it is
/// who it names; it is shown once, and only its [hash](TokenHash) is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one, unlike any other.
    ///
    /// # Errors
    /// What the system says if it has no randomness to give.
    pub fn make() -> std::io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        let hex = blake3::Hash::from_bytes(secret).to_hex();
        Ok(Self(format!("{TOKEN_PREFIX}{hex}")))
    }

    /// What a client sends.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What is kept of a token: as text `blake3:` and 64 hex digits. A fast hash is
/// enough for a secret that cannot be guessed; make tokens by [`Token::make`],
/// not by thinking.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(blake3::Hash);

const HASH_PREFIX: &str = "blake3:";

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()))
    }

    /// Takes as long for a near miss as for a far one.
    fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", self.0.to_hex())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

impl FromStr for TokenHash {
    type Err = TokensError;

    fn from_str(text: &str) -> Result<Self, TokensError> {
        let hex = text.strip_prefix(HASH_PREFIX).ok_or(TokensError::Hash)?;
        blake3::Hash::from_hex(hex).map(Self).map_err(|_| TokensError::Hash)
    }
}

/// Why a list of tokens cannot be used. What was there instead is not said: it
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// Something else than a hash.
    #[error(
        "read the hash of a token: expected `blake3:` and 64 hex digits; never store the token itself"
    )]
    Hash,
    /// A scope that does not exist.
    #[error(transparent)]
    Scope(#[from] UnknownScope),
    /// A line with too few or too many words.
    #[error("read tokens, line {line}: expected `<name> <scopes> <hash>`")]
    Line {
        /// Which, from 1 on.
        line: usize,
    },
    /// A line of which a word is wrong.
    #[error("read tokens, line {line}")]
    Word {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong with it.
        source: Box<TokensError>,
    },
    /// A name that says too little, or too much for a log.
    #[error("read the name of a token: expected 1 to 64 of A-Z a-z 0-9 - . _ @")]
    Name,
    /// One hash for two names.
    #[error("read tokens: `{name}` has the hash of another; make a token for each")]
    Twice {
        /// The second of the two.
        name: String,
    },
}

#[derive(Debug, Clone)]
struct Entry {
    hash: TokenHash,
    principal: Principal,
}

/// Bearer tokens as in RFC 6750: an [`Authenticator`]. A clone is the same
/// list.
///
/// ```
/// use herbarium_http::{Scopes, Token, Tokens};
///
/// let token = Token::make()?; // shown to its owner, once
/// let line = format!("ci read,write {}", token.hash());
/// let tokens: Tokens = line.parse()?;
/// let ci = tokens.find(token.reveal()).expect("it is on the list");
/// assert_eq!((ci.name(), ci.scopes()), ("ci", Scopes::ALL));
/// assert!(tokens.find("guessed").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    entries: Arc<ArcSwap<Vec<Entry>>>,
}

impl Tokens {
    /// An empty list, that nobody is on.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new token, and what is to be kept of it.
    ///
    /// # Errors
    /// What the system says if it has no randomness to give.
    pub fn make() -> std::io::Result<(Token, TokenHash)> {
        Token::make().map(|token| (token.clone(), token.hash()))
    }

    /// With this one, too.
    ///
    /// # Errors
    /// [`TokensError::Name`] and [`TokensError::Twice`].
    pub fn with(self, name: &str, scopes: Scopes, hash: TokenHash) -> Result<Self, TokensError> {
        let mut entries = Vec::clone(&self.entries.load());
        let principal = Principal::new(checked_name(name)?, scopes);
        if entries.iter().any(|entry| entry.hash == hash) {
            return Err(TokensError::Twice { name: name.to_owned() });
        }
        entries.push(Entry { hash, principal });
        self.entries.store(Arc::new(entries));
        Ok(self)
    }

    /// From now on, what is on the other list is on this one: for a reload.
    pub fn replace(&self, with: &Self) {
        self.entries.store(with.entries.load_full());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.load().len()
    }

    /// Whether there are none, so that nobody gets in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whose token this is. Takes the same time whoever's it is.
    pub fn find(&self, token: &str) -> Option<Principal> {
        let (hash, entries) = (TokenHash::of(token), self.entries.load());
        let mut found = None;
        for entry in entries.iter() {
            if entry.hash.is(&hash) {
                found = Some(entry);
            }
        }
        found.map(|entry| entry.principal.clone())
    }

    fn identify(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or_else(|| challenge("no token was sent"))?;
        if values.next().is_some() {
            return Err(challenge("`Authorization` is there twice"));
        }
        let token = value.to_str().ok().and_then(bearer);
        let token = token.ok_or_else(|| challenge("`Authorization` is not `Bearer <token>`"))?;
        self.find(token).ok_or_else(|| challenge("the token is not known"))
    }
}

/// The scheme is spelled in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn checked_name(name: &str) -> Result<&str, TokensError> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_fine) {
        return Err(TokensError::Name);
    }
    Ok(name)
}

/// A token a line: name, scopes, hash. Empty lines, and those that begin with
/// `#`, are passed over.
impl FromStr for Tokens {
    type Err = TokensError;

    fn from_str(text: &str) -> Result<Self, TokensError> {
        let (mut tokens, mut hashes) = (Vec::new(), HashSet::new());
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let word = |error| TokensError::Word { line, source: Box::new(error) };
            let words: Vec<_> = text.split_whitespace().collect();
            let [name, scopes, hash] = words[..] else { return Err(TokensError::Line { line }) };
            let scopes = scopes.parse().map_err(|error: UnknownScope| word(error.into()))?;
            let hash = hash.parse().map_err(word)?;
            let principal = Principal::new(checked_name(name).map_err(word)?, scopes);
            if !hashes.insert(hash) {
                return Err(word(TokensError::Twice { name: name.to_owned() }));
            }
            tokens.push(Entry { hash, principal });
        }
        Ok(Self { entries: Arc::new(ArcSwap::from_pointee(tokens)) })
    }
}

impl Authenticator for Tokens {
    fn authenticate(&self, request: &Parts, _: &Client) -> Authentication {
        Authentication::Now(self.identify(&request.headers))
    }
}
