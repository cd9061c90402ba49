//! What is known of a language without its grammar.

use std::fmt;

use herbarium_codec::Fingerprint;

use crate::generated::ROWS;

/// Every language there is, built in or not, ordered by id.
///
/// ```
/// assert_eq!(herbarium_languages::known().len(), 141);
/// ```
pub fn known() -> &'static [Row] {
    &ROWS
}

/// What is known of a language without its grammar.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row {
    /// Place in [`known`].
    pub(crate) index: u8,
    /// What features, stores and queries call it, for instance `c_sharp`.
    pub id: &'static str,
    /// What people call it, for instance `C#`.
    pub name: &'static str,
    /// Extensions of its files, without the leading dot.
    pub extensions: &'static [&'static str],
    /// Whole names of its files.
    pub file_names: &'static [&'static str],
    /// Names that may be followed by a dot and anything, as in `Dockerfile.dev`.
    pub file_stems: &'static [&'static str],
    /// Interpreters on the `#!` line of its scripts, without a version number.
    pub shebangs: &'static [&'static str],
    /// Whether it lives inside other languages and never makes a file of its own.
    pub injection_only: bool,
    /// The crate that its grammar comes from.
    pub crate_name: &'static str,
    /// The one version of that crate that is built in.
    pub version: &'static str,
    /// The C function behind the grammar.
    pub c_symbol: &'static str,
    /// SPDX expression of the grammar's licence.
    pub licence: &'static str,
    /// The smallest set that it is part of.
    pub tier: Tier,
    /// Size of the generated parser.
    pub weight: Weight,
    /// Query texts that the crate exports as constants.
    pub query_constants: &'static [&'static str],
    /// Query texts that the crate carries as files.
    pub query_files: &'static [&'static str],
    /// Valid code that the grammar answers with ERROR or MISSING nodes.
    pub weakness: Option<&'static str>,
    /// What the grammar looked like when it was last measured.
    pub pin: Pin,
}

/// The set of languages that first contains one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// `core-langs`: what most code bases are written in.
    Core,
    /// `extended-langs`: grammars of small or medium size.
    Extended,
    /// `all-langs`: big grammars, and those under a copyleft licence.
    All,
}

/// Size of a generated parser in C, and with it build time and program size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Below 1.5 MB.
    Light,
    /// Below 8 MB.
    Medium,
    /// Below 25 MB.
    Heavy,
    /// 25 MB and more.
    Huge,
}

/// What a grammar looked like when it was last measured.
///
/// Grammar crates that export one C symbol link without an error, and one
/// replaces the other; a loaded grammar that differs from its pin shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// ABI of the generated parser.
    pub abi: u32,
    /// Number of parse states.
    pub states: u32,
    /// Number of node kinds.
    pub kinds: u32,
    /// Number of fields.
    pub fields: u32,
    /// Fingerprint of the grammar table.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Core => "core",
            Self::Extended => "extended",
            Self::All => "all",
        })
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::Huge => "huge",
        })
    }
}
