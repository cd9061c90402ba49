//! Files counted by language, by their names alone. Where content decides, `--press` knows.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::languages;

/// Which language a name of a file says.
pub(crate) struct Names {
    ids: Vec<String>,
    whole: HashMap<String, usize>,
    /// Extensions in lower case. One that several languages claim is that of the first row.
    extensions: HashMap<String, usize>,
}

impl Names {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let registry = languages::registry(root).map_err(|error| error.to_string())?;
        let mut names = Self { ids: Vec::new(), whole: HashMap::new(), extensions: HashMap::new() };
        for (at, row) in registry.languages.iter().enumerate() {
            names.ids.push(row.id.clone());
            for name in &row.file_names {
                names.whole.insert(name.clone(), at);
            }
            for extension in &row.extensions {
                names.extensions.entry(extension.to_lowercase()).or_insert(at);
            }
        }
        Ok(names)
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// Counts everything under a folder; links are not followed.
    pub(crate) fn count(&self, folder: &Path) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |error| format!("{}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let found = entry.metadata().map_err(failed)?;
                if found.is_dir() {
                    folders.push(entry.path());
                } else if let Some(id) = self.of(&entry.path()).filter(|_| found.is_file()) {
                    tally.count(id, 1, found.len());
                }
            }
        }
        Ok(tally)
    }

    fn of(&self, path: &Path) -> Option<&str> {
        let name = path.file_name()?.to_str()?;
        let by_extension = || {
            let longest_first = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
            longest_first.map(str::to_lowercase).find_map(|it| self.extensions.get(&it))
        };
        let at = self.whole.get(name).or_else(by_extension)?;
        self.ids.get(*at).map(String::as_str)
    }
}

/// Files and bytes of each language.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<String, (u64, u64)>);

impl Tally {
    pub(crate) fn count(&mut self, id: &str, files: u64, bytes: u64) {
        let counted = self.0.entry(id.to_owned()).or_default();
        counted.0 += files;
        counted.1 += bytes;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(id, (files, bytes))| self.count(id, *files, *bytes));
    }

    pub(crate) fn languages(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// For people; the last line sums up.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:18} {:>9} {:>15}\n", "language", "files", "bytes");
        for (id, (files, bytes)) in &self.0 {
            let _ = writeln!(text, "{id:18} {files:>9} {bytes:>15}");
        }
        let sum = |of: fn(&(u64, u64)) -> u64| self.0.values().map(of).sum::<u64>();
        let name = format!("{} languages", self.0.len());
        let _ = writeln!(text, "{name:18} {:>9} {:>15}", sum(|it| it.0), sum(|it| it.1));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_language() {
        let names = Names::read(&crate::root()).expect("the rows");
        for (path, expected) in [
            ("a/b.rs", Some("rust")),
            ("a/B.JSON", Some("json")),
            ("Makefile", Some("make")),
            ("go.mod", Some("gomod")),
            ("x.unknown", None),
            ("LICENCE", None),
        ] {
            assert_eq!(names.of(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn the_table_ends_with_the_sums() {
        let mut tally = Tally::default();
        tally.count("c", 2, 30);
        tally.count("rust", 1, 4);
        let table = tally.table();
        let last: Vec<_> = table.lines().last().unwrap_or_default().split_whitespace().collect();
        assert_eq!(last, ["2", "languages", "3", "34"]);
    }
}
