//! Paths as they are shown.

use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};

/// Shows paths relative to the current directory where they lie in it.
#[derive(Debug)]
pub(crate) struct Shown {
    here: Option<PathBuf>,
}

impl Shown {
    pub(crate) fn new() -> Self {
        Self { here: std::env::current_dir().and_then(|dir| dir.canonicalize()).ok() }
    }

    /// For people: nothing in a file's name can move the cursor or colour the screen.
    pub(crate) fn text(&self, path: &Path) -> String {
        printable(&self.lossy(path))
    }

    /// For JSON: bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn lossy(&self, path: &Path) -> String {
        let inside = self.here.as_ref().and_then(|here| path.strip_prefix(here).ok());
        let path = inside.unwrap_or(path);
        let mut parts = path.components();
        // `./a` is `a`; a path of no parts is the current directory.
        if path.components().next() == Some(Component::CurDir) {
            parts.next();
        }
        match parts.as_path() {
            rest if rest.as_os_str().is_empty() => ".".to_owned(),
            rest => with_slashes(rest),
        }
    }
}

/// The path with `/` between its parts, as git and tags files have them: what is printed is
/// the same on every system, and Windows takes it as well.
fn with_slashes(path: &Path) -> String {
    let text = path.to_string_lossy();
    if MAIN_SEPARATOR == '/' { text.into_owned() } else { from_windows(&text) }
}

fn from_windows(text: &str) -> String {
    // What `canonicalize` puts before a path there.
    let plain = match text.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => text.strip_prefix(r"\\?\").unwrap_or(text).to_owned(),
    };
    plain.replace('\\', "/")
}

/// The text with control characters as escapes.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let escaped = |c: char| match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A line of source with all control characters but tabs as escapes.
pub(crate) fn printable_line(line: &str) -> String {
    let parts: Vec<String> = line.split('\t').map(printable).collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        let shown = Shown { here: Some(PathBuf::from("/home/me/project")) };
        assert_eq!(shown.text(Path::new(path)), expected);
    }

    #[test]
    fn paths_of_windows_have_slashes() {
        assert_eq!(from_windows(r"src\main.rs"), "src/main.rs");
        assert_eq!(from_windows(r"\\?\C:\code\a.rs"), "C:/code/a.rs");
        assert_eq!(from_windows(r"\\?\UNC\server\share\a.rs"), "//server/share/a.rs");
    }

    #[test]
    fn paths_under_the_current_directory_are_relative() {
        check("/home/me/project/src/main.rs", "src/main.rs");
        check("/home/me/project", ".");
        check("/home/me/other/a.rs", "/home/me/other/a.rs");
        check("/home/me/project2/a.rs", "/home/me/project2/a.rs");
        check("src/main.rs", "src/main.rs");
        check("./src/main.rs", "src/main.rs");
        check("../a.rs", "../a.rs");
        check(".", ".");
    }

    #[test]
    fn control_characters_in_a_name_are_escaped() {
        check("a\u{1b}[31m.rs", "a\\u{1b}[31m.rs");
        check("two\nlines.rs", "two\\nlines.rs");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_are_shown_lossy() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9.rs"));
        assert_eq!(Shown { here: None }.text(path), "caf\u{fffd}.rs");
    }
}
