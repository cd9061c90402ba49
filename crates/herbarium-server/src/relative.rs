//! Paths that clients name: of files within a workspace, and nothing else.

use std::path::{Path, PathBuf};

use crate::problem::{self, Problem};

/// The longest, in bytes.
pub(crate) const LONGEST: usize = 4096;

/// A path within a workspace, `/` between its parts, the same on every system.
///
/// Looked at before any file is: what could mean something else than the file of that
/// name below the root, here or on another system, is refused. That no link leads out
/// is for [`open_beneath`](crate::beneath::open_beneath) to see to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Relative(String);

impl Relative {
    pub(crate) fn parse(path: &str) -> Result<Self, Problem> {
        match fault(path) {
            None => Ok(Self(path.to_owned())),
            Some(why) => Err(problem::bad_path(path, why)),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    pub(crate) fn below(&self, root: &Path) -> PathBuf {
        // Part by part, for the separator of the system.
        self.0.split('/').fold(root.to_owned(), |path, part| path.join(part))
    }

    /// Whether a path below a root is this one, or in this folder.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.starts_with(self.as_path())
    }
}

/// What keeps a path from being one of a workspace.
fn fault(path: &str) -> Option<&'static str> {
    let of_path = [
        (path.is_empty(), "it is empty"),
        (path.len() > LONGEST, "it is longer than 4,096 bytes"),
        (path.chars().any(char::is_control), "it has a control character in it"),
        (path.contains('\\'), "it has a backslash in it"),
        (path.starts_with('/'), "it is absolute"),
        (has_drive(path), "it names a drive"),
        (is_encoded(path), "it is percent-encoded more than once"),
    ];
    let of_path = of_path.into_iter().find(|(is, _)| *is).map(|(_, why)| why);
    of_path.or_else(|| path.split('/').find_map(fault_of_part))
}

fn fault_of_part(part: &str) -> Option<&'static str> {
    let faults = [
        (part.is_empty(), "a part of it is empty"),
        (part == ".", "it has `.` in it"),
        (part == "..", "it has `..` in it"),
        (part.ends_with(['.', ' ']), "a part of it ends with a dot or a space"),
        (is_reserved(part), "a part of it is the name of a device on Windows"),
        (cfg!(windows) && part.contains(':'), "it has a colon in it"),
    ];
    faults.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Whether decoding it once more would change what it means.
fn is_encoded(path: &str) -> bool {
    let is_one = |code: &[u8]| {
        let is = |known: &[u8; 2]| code.eq_ignore_ascii_case(known);
        [b"2e", b"2f", b"5c", b"00", b"25"].into_iter().any(is)
    };
    path.as_bytes().windows(3).any(|it| it.starts_with(b"%") && it.get(1..).is_some_and(is_one))
}

fn is_reserved(part: &str) -> bool {
    let stem = part.split(['.', ':']).next().unwrap_or(part).trim_end();
    let is = |name: &&str| stem.eq_ignore_ascii_case(name);
    if ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"].iter().any(is) {
        return true;
    }
    let numbered = |name: &str| {
        let (head, number) = stem.split_at_checked(3)?;
        head.eq_ignore_ascii_case(name).then_some(number)
    };
    let is_number = |it: &str| {
        let mut digits = it.chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    };
    ["com", "lpt"].into_iter().filter_map(numbered).any(is_number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(path: &str, is_fine: bool) {
        assert_eq!(fault(path).is_none(), is_fine, "{path:?}: {:?}", fault(path));
    }

    #[test]
    fn paths_of_files_are_fine() {
        for path in [
            "a",
            "src/main.rs",
            ".gitignore",
            "a b/c",
            "ä/ö.rs",
            "a..b/c",
            "...a",
            "a%20b",
            "console/x",
            "com/x",
            "communicate.rs",
            "lpt",
            "ab:c",
            "100%/x",
        ] {
            check(path, !(cfg!(windows) && path.contains(':')));
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for path in [
            "",
            "/",
            "/etc/passwd",
            "//server/share",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            ".",
            "./a",
            "a/./b",
            "a//b",
            "a/",
            "a\\b",
            "\\\\server\\share\\x",
            "\\\\?\\C:\\x",
            "..\\x",
            "C:",
            "C:/x",
            "c:x",
            "a\0b",
            "a\nb",
            "%2e%2e/x",
            "%2E%2e%2Fx",
            "a%2fb",
            "a%5Cb",
            "a%00",
            "%252e%252e/x",
            "con",
            "CON.rs",
            "src/aux.c",
            "nul:stream",
            "COM1",
            "lpt9.txt",
            "com¹",
            "a. ",
            "a./b",
            ".. /x",
            "...",
            &"a/".repeat(3000),
        ] {
            check(path, false);
        }
    }

    proptest! {
        #[test]
        fn what_is_let_through_stays_below_the_root(path in "[a.%/\\\\:2eE5cC ]{0,12}") {
            if let Ok(path) = Relative::parse(&path) {
                let below = path.below(Path::new("/root"));
                prop_assert!(below.starts_with("/root"));
                let is_plain = |it| matches!(it, std::path::Component::Normal(_));
                prop_assert!(path.as_path().components().all(is_plain));
            }
        }
    }
}
