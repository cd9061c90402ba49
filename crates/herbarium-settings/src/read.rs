//! Reading settings from where they are set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::declare::{AnySetting, Declared, Parsed, Raw, Setting};
use crate::error::{SettingError, Wrong};
use crate::file;
use crate::value::Value;

/// Where settings are set.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is read before `Settings::read`"]
pub struct Sources {
    file: Option<File>,
    variables: BTreeMap<String, OsString>,
    options: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
enum File {
    At(PathBuf),
    Text(PathBuf, String),
}

impl Sources {
    /// Nowhere: all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a TOML file.
    pub fn with_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(File::At(path.into())), ..self }
    }

    /// With the text of a file of this name.
    pub fn with_text(self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { file: Some(File::Text(path.into(), text.into())), ..self }
    }

    /// With the environment of the process.
    pub fn with_environment(self) -> Self {
        let of_text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        self.with_variables(std::env::vars_os().filter_map(of_text))
    }

    /// With these variables. An empty one is as good as none.
    pub fn with_variables<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.variables.extend(variables.filter(|(_, value)| !value.is_empty()));
        self
    }

    /// With an option of the command line, by the name of its setting.
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }
}

/// Where a value comes from. Shown, it is the beginning of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An option, with its dashes.
    Option(String),
    /// An environment variable.
    Variable(String),
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
    },
    /// Nobody set it; what the default follows from, if it is not the same
    /// everywhere.
    Default(Option<String>),
}

impl Origin {
    pub(crate) fn file(path: &Path, line: usize) -> Self {
        Self::File { path: path.to_owned(), line }
    }

    pub(crate) fn line(&self) -> usize {
        match self {
            Self::File { line, .. } => *line,
            _ => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => write!(f, "option {option}"),
            Self::Variable(variable) => write!(f, "variable {variable}"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Default(None) => f.write_str("default"),
            Self::Default(Some(rule)) => write!(f, "default: {rule}"),
        }
    }
}

/// All settings of a program, read.
#[derive(Debug)]
pub struct Settings {
    declared: Declared,
    entries: BTreeMap<&'static str, Entry>,
    unknown_variables: Vec<(String, Option<String>)>,
}

#[derive(Debug)]
struct Entry {
    parsed: Parsed,
    origin: Origin,
}

/// A setting, as it is shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Row {
    /// The name.
    pub name: &'static str,
    /// The value; `(secret)` for one that is never shown and is set.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it can be changed while the program runs.
    pub is_live: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// [`Wrong`], with everything that is wrong.
    pub fn read(declared: &Declared, sources: &Sources) -> Result<Self, Wrong> {
        let mut reading = Reading { declared, found: BTreeMap::new(), errors: Vec::new() };
        reading.defaults();
        reading.file(sources.file.as_ref());
        reading.variables(&sources.variables);
        reading.options(&sources.options);
        if !reading.errors.is_empty() {
            return Err(Wrong::of(reading.errors));
        }
        Ok(Self {
            declared: *declared,
            entries: reading.found,
            unknown_variables: unknown_variables(declared, &sources.variables),
        })
    }

    /// What holds.
    pub fn get<T: Value>(&self, setting: &Setting<T>) -> T {
        let entry = self.entries.get(setting.name());
        let value = entry.and_then(|entry| entry.parsed.value.downcast_ref::<T>());
        // One that is not among those declared has its default.
        value.cloned().unwrap_or_else(|| setting.default())
    }

    /// Where it comes from.
    pub fn origin<T: Value>(&self, setting: &Setting<T>) -> Origin {
        let entry = self.entries.get(setting.name());
        entry.map_or_else(|| Origin::Default(AnySetting::rule(setting)), |it| it.origin.clone())
    }

    /// Whether somebody set it.
    pub fn is_set<T: Value>(&self, setting: &Setting<T>) -> bool {
        !matches!(self.origin(setting), Origin::Default(_))
    }

    /// All of them, as they are shown, in the order of the declaration.
    pub fn rows(&self) -> Vec<Row> {
        let row = |setting: &'static dyn AnySetting| {
            let entry = self.entries.get(setting.name())?;
            let is_default = matches!(entry.origin, Origin::Default(_));
            let value = match setting.is_secret() && !is_default {
                true => "(secret)".to_owned(),
                false => entry.parsed.shown.clone(),
            };
            let (origin, is_live) = (entry.origin.clone(), setting.is_live());
            Some(Row { name: setting.name(), value, origin, is_live })
        };
        self.declared.iter().filter_map(row).collect()
    }

    /// Each as it is written in a TOML file; `None` for a secret that is set.
    pub(crate) fn toml(&self) -> Vec<Option<&str>> {
        let toml = |setting: &'static dyn AnySetting| {
            let entry = self.entries.get(setting.name())?;
            let is_default = matches!(entry.origin, Origin::Default(_));
            (is_default || !setting.is_secret()).then_some(entry.parsed.toml.as_str())
        };
        self.declared.iter().map(toml).collect()
    }

    /// The settings whose values differ, those that can be changed while the
    /// program runs first, the others second.
    pub fn changes(&self, later: &Self) -> (Vec<&'static str>, Vec<&'static str>) {
        let differs = |setting: &&'static dyn AnySetting| {
            let text = |of: &Self| of.entries.get(setting.name()).map(|it| it.parsed.toml.clone());
            text(self) != text(later)
        };
        let differing: Vec<_> = self.declared.iter().filter(differs).collect();
        let (live, fixed): (Vec<_>, Vec<_>) = differing.into_iter().partition(|it| it.is_live());
        let names = |of: Vec<&'static dyn AnySetting>| of.iter().map(|it| it.name()).collect();
        (names(live), names(fixed))
    }

    /// Variables with our prefix that set nothing, each with the nearest that
    /// would. They may be another program's: a warning, and no error.
    pub fn unknown_variables(&self) -> &[(String, Option<String>)] {
        &self.unknown_variables
    }
}

struct Reading<'a> {
    declared: &'a Declared,
    found: BTreeMap<&'static str, Entry>,
    errors: Vec<SettingError>,
}

impl Reading<'_> {
    fn defaults(&mut self) {
        for setting in self.declared.iter() {
            let origin = Origin::Default(setting.rule());
            self.found.insert(setting.name(), Entry { parsed: setting.parsed_default(), origin });
        }
    }

    fn file(&mut self, file: Option<&File>) {
        let read = |path: &PathBuf| match std::fs::read_to_string(path) {
            Ok(text) => Ok((path.clone(), text)),
            Err(source) => Err(SettingError::Unreadable { path: path.clone(), source }),
        };
        let text = match file {
            None => return,
            Some(File::Text(path, text)) => Ok((path.clone(), text.clone())),
            Some(File::At(path)) => read(path),
        };
        match text.and_then(|(path, text)| file::lines(&path, &text, self.declared)) {
            Ok(lines) => {
                lines.into_iter().for_each(|line| self.set(&line.name, line.raw, line.origin))
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn variables(&mut self, variables: &BTreeMap<String, OsString>) {
        for setting in self.declared.iter() {
            let variable = self.declared.variable(setting);
            if let Some(value) = variables.get(&variable) {
                let raw = value.to_str().map(|text| Raw::One(text.to_owned()));
                let raw = raw.ok_or("bytes that are not UTF-8");
                self.set(setting.name(), raw, Origin::Variable(variable));
            }
        }
    }

    fn options(&mut self, options: &[(String, String)]) {
        for (name, value) in options {
            let option = format!("--{}", name.replace(['.', '_'], "-"));
            self.set(name, Ok(Raw::One(value.clone())), Origin::Option(option));
        }
    }

    fn set(&mut self, name: &str, raw: Result<Raw, &'static str>, origin: Origin) {
        let Some(setting) = self.declared.find(name) else {
            let nearest = self.declared.nearest(name).map(str::to_owned);
            let name = name.to_owned();
            self.errors.push(SettingError::Unknown { origin, name, nearest });
            return;
        };
        let found = match &raw {
            Ok(_) if setting.is_secret() => "something else".to_owned(),
            Ok(Raw::One(text)) => format!("{text:?}"),
            Ok(Raw::Many(items)) => format!("{items:?}"),
            Err(what) => (*what).to_owned(),
        };
        let expected = || format!("expected a {}", setting.kind());
        let parsed = raw.map_err(|_| expected()).and_then(|raw| setting.parse(&raw));
        match parsed {
            Ok(parsed) => drop(self.found.insert(setting.name(), Entry { parsed, origin })),
            Err(expected) => {
                let name = name.to_owned();
                self.errors.push(SettingError::Malformed { origin, name, expected, found });
            }
        }
    }
}

fn unknown_variables(
    declared: &Declared,
    variables: &BTreeMap<String, OsString>,
) -> Vec<(String, Option<String>)> {
    let known: Vec<_> = declared.iter().map(|setting| declared.variable(setting)).collect();
    let prefix = format!("{}_", declared.prefix());
    let unknown =
        variables.keys().filter(|name| name.starts_with(&prefix) && !known.contains(name));
    let nearest = |name: &String| {
        let far = |known: &&String| strsim::damerau_levenshtein(known, name);
        known.iter().min_by_key(far).filter(|known| far(known) <= 3).cloned()
    };
    unknown.map(|name| (name.clone(), nearest(name))).collect()
}
