//! What a child said it had done: a line for each deed, once it is done.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The store is open.
    Opened,
    /// A tree was put.
    Put(u64),
    /// What was put so far was flushed.
    Flushed,
    /// A manifest is about to be put.
    Trying(u64),
    /// A manifest was put.
    Manifest(u64),
    /// The store was closed.
    Closed,
    /// A backup was made, in this folder.
    Backup(String),
    /// A tree that was put, and is not there.
    Missing(u64),
    /// A tree that is not what was put.
    Wrong(u64),
    /// Something was refused: what, and the whole message.
    Failed(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Put(n) => write!(f, "put {n}"),
            Self::Flushed => f.write_str("flushed"),
            Self::Trying(n) => write!(f, "trying {n}"),
            Self::Manifest(n) => write!(f, "manifest {n}"),
            Self::Closed => f.write_str("closed"),
            Self::Backup(folder) => write!(f, "backup {folder}"),
            Self::Missing(n) => write!(f, "missing {n}"),
            Self::Wrong(n) => write!(f, "wrong {n}"),
            Self::Failed(what) => write!(f, "failed {}", what.replace('\n', " ")),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = || rest.parse().map_err(|error| format!("{line}: {error}"));
        Ok(match word {
            "opened" => Self::Opened,
            "put" => Self::Put(number()?),
            "flushed" => Self::Flushed,
            "trying" => Self::Trying(number()?),
            "manifest" => Self::Manifest(number()?),
            "closed" => Self::Closed,
            "backup" => Self::Backup(rest.to_owned()),
            "missing" => Self::Missing(number()?),
            "wrong" => Self::Wrong(number()?),
            "failed" => Self::Failed(rest.to_owned()),
            _ => return Err(format!("a child said {line:?}, which nobody expects")),
        })
    }
}

/// All that a child said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it had the store open.
    pub opened: bool,
    /// Whether it closed it at its end.
    pub closed: bool,
    /// Trees that were put.
    pub put: BTreeSet<u64>,
    /// Those of them that a flush followed before the store was closed.
    pub flushed: BTreeSet<u64>,
    /// Those that were put since, while the store was open.
    unflushed: BTreeSet<u64>,
    /// The last manifest that was put; 0 for none.
    pub manifest: u64,
    /// The last manifest that was to be put.
    pub tried_manifest: u64,
    /// Folders of backups that were made.
    pub backups: Vec<String>,
    /// Trees that it missed although they were put.
    pub missing: Vec<u64>,
    /// Trees that it found to be other than put.
    pub wrong: Vec<u64>,
    /// What was refused.
    pub failed: Vec<String>,
}

impl Told {
    /// All whole lines of a text; one that the child's end cut off does not count.
    ///
    /// # Errors
    /// A line that no child says.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut told = Self::default();
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        for line in whole.lines() {
            told.hear(line.parse()?);
        }
        Ok(told)
    }

    /// Takes in one more line.
    pub fn hear(&mut self, line: Line) {
        match line {
            Line::Opened => {
                self.opened = true;
                self.unflushed.clear();
            }
            Line::Put(n) => {
                self.put.insert(n);
                self.unflushed.insert(n);
            }
            Line::Flushed => self.flushed.append(&mut self.unflushed),
            Line::Trying(n) => self.tried_manifest = n,
            Line::Manifest(n) => self.manifest = n,
            Line::Closed => {
                self.closed = true;
                self.flushed.append(&mut self.unflushed);
            }
            Line::Backup(folder) => self.backups.push(folder),
            Line::Missing(n) => self.missing.push(n),
            Line::Wrong(n) => self.wrong.push(n),
            Line::Failed(what) => self.failed.push(what),
        }
    }

    /// Takes in what a later child said of the same store.
    pub fn then(&mut self, later: Self) {
        self.opened |= later.opened;
        self.closed = later.closed;
        self.put.extend(later.put);
        self.flushed.extend(later.flushed);
        self.manifest = self.manifest.max(later.manifest);
        self.tried_manifest = self.tried_manifest.max(later.tried_manifest);
        self.backups.extend(later.backups);
        self.missing.extend(later.missing);
        self.wrong.extend(later.wrong);
        self.failed.extend(later.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_it_was_said() {
        let lines = [
            Line::Opened,
            Line::Put(7),
            Line::Flushed,
            Line::Trying(2),
            Line::Manifest(2),
            Line::Closed,
            Line::Backup("/a b".into()),
            Line::Missing(1),
            Line::Wrong(3),
            Line::Failed("put 7: no space".into()),
        ];
        for line in lines {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        assert!("hello".parse::<Line>().is_err());
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_count() {
        let told = Told::from_text("opened\nput 1\nflushed\nput 2\nput 3").unwrap_or_default();
        assert_eq!(told.put, BTreeSet::from([1, 2]));
        assert_eq!(told.flushed, BTreeSet::from([1]));
        assert!(told.opened && !told.closed);
    }
}
