//! The list of packages, `xtask/corpus.toml`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

const HEADER: &str = "\
# Real code, by package. Written by `cargo xtask corpus --lock`; to add a package, write name,
# version, from and set, and run that.
#
# from        debian (a binary package), debian-source (its original sources, in `file`), crate,
#             npm, pypi (a wheel that any Python takes)
# inner       the archive inside the package that has the code
# collection  examples that somebody gathered of many languages, not a code base
# languages   those with at least one file, by its name

";

/// All packages.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    #[serde(rename = "package")]
    pub(crate) packages: Vec<Package>,
}

/// One package of a registry.
#[derive(Deserialize, Serialize, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) from: Registry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inner: Option<String>,
    pub(crate) set: Set,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) collection: bool,
    #[serde(default)]
    pub(crate) sha256: String,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(default)]
    pub(crate) languages: Vec<String>,
}

/// Where a package comes from.
#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Registry {
    Debian,
    DebianSource,
    Crate,
    Npm,
    Pypi,
}

/// How much is fetched.
#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Set {
    /// Many languages in little code, for continuous integration.
    Small,
    /// Large code bases.
    Large,
}

impl Set {
    /// `None` stands for all of them.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, String> {
        match text {
            "small" => Ok(Some(Self::Small)),
            "large" => Ok(Some(Self::Large)),
            "all" => Ok(None),
            _ => Err(format!("--set: expected small, large or all, found '{text}'")),
        }
    }
}

impl Lock {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("xtask/corpus.toml: {error}"))
    }

    pub(crate) fn text(&self) -> Result<String, String> {
        let tables: Result<Vec<_>, _> = self.packages.iter().map(Package::text).collect();
        Ok(format!("{HEADER}{}", tables?.join("\n")))
    }

    /// For people.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        for package in &self.packages {
            let _ = writeln!(
                text,
                "{} {} ({:?}, {:?}, {:.1} MB): {}",
                package.name,
                package.version,
                package.from,
                package.set,
                package.bytes as f64 / 1e6,
                package.languages.join(" ")
            );
        }
        text
    }
}

impl Package {
    /// Its table; the languages on lines of at most 100 characters, as changes are read there.
    fn text(&self) -> Result<String, String> {
        let unwritable = |error| format!("writing {}: {error}", self.name);
        let short = Self { languages: Vec::new(), ..self.clone() };
        let text = toml::to_string(&short).map_err(unwritable)?;
        let mut languages = String::new();
        let mut width = 0;
        for id in &self.languages {
            if width == 0 || width + id.len() + 4 > 96 {
                languages.push_str("\n    ");
                width = 4;
            } else {
                languages.push(' ');
                width += 1;
            }
            let _ = write!(languages, "\"{id}\",");
            width += id.len() + 3;
        }
        let list = format!("languages = [{languages}\n]");
        Ok(format!("[[package]]\n{}", text.replace("languages = []", &list)))
    }

    /// Whether only that distribution has it.
    pub(crate) fn is_of_debian(&self) -> bool {
        matches!(self.from, Registry::Debian | Registry::DebianSource)
    }

    /// The name of its archive, once fetched.
    pub(crate) fn archive(&self) -> String {
        let ending = match self.from {
            Registry::Debian => "deb",
            Registry::DebianSource => {
                let file = self.file.as_deref().unwrap_or_default();
                return format!(
                    "{}.tar.{}",
                    self.folder(),
                    file.rsplit('.').next().unwrap_or_default()
                );
            }
            Registry::Crate | Registry::Npm => "tar.gz",
            Registry::Pypi => "whl",
        };
        format!("{}.{ending}", self.folder())
    }

    /// The name of the folder with its code. No character of a name or version may lead out
    /// of the folder that it is in, or mean something to a file system.
    pub(crate) fn folder(&self) -> String {
        let text = format!("{}-{}", self.name, self.version);
        let kept = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        text.trim_start_matches('@').chars().map(|c| if kept(c) { c } else { '-' }).collect()
    }

    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        Self {
            name: "made".into(),
            version: "1.0".into(),
            from: Registry::Crate,
            file: None,
            inner: None,
            set: Set::Small,
            collection: false,
            sha256: String::new(),
            bytes: 0,
            languages: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_stay_in_their_folder() {
        let check = |name: &str, version: &str, expected: &str| {
            let package =
                Package { name: name.into(), version: version.into(), ..Package::for_test() };
            assert_eq!(package.folder(), expected);
        };
        check("@capacitor/ios", "8.5.2", "capacitor-ios-8.5.2");
        check("phpmyadmin", "4:5.2.1+dfsg-1", "phpmyadmin-4-5.2.1+dfsg-1");
        check("../../etc", "1", "..-..-etc-1");
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = "[[package]]\nname = 'a'\nversion = '1'\nfrom = 'npm'\nset = 'small'\nurl = 'x'";
        assert!(Lock::read(text).is_err_and(|error| error.contains("url")));
    }
}
