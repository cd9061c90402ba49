//! A TOML file as flat names with values, each with its line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::declare::{Declared, Raw};
use crate::error::SettingError;
use crate::read::Origin;

/// A value in a file.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) raw: Result<Raw, &'static str>,
    pub(crate) origin: Origin,
}

/// Everything in a file that is a value, or that should be one.
pub(crate) fn lines(
    path: &Path,
    text: &str,
    declared: &Declared,
) -> Result<Vec<Line>, SettingError> {
    let at = |offset: usize| Origin::file(path, line_of(text, offset));
    let table = DeTable::parse(text).map_err(|error| SettingError::Syntax {
        origin: at(error.span().map_or(0, |span| span.start)),
        message: error.message().trim().to_owned(),
    })?;
    let mut lines = Vec::new();
    gather(table.get_ref(), "", declared, &at, &mut lines);
    // In the order of the file, whatever the order of the map.
    lines.sort_by_key(|line| line.origin.line());
    Ok(lines)
}

fn gather(
    table: &DeTable<'_>,
    above: &str,
    declared: &Declared,
    at: &impl Fn(usize) -> Origin,
    lines: &mut Vec<Line>,
) {
    for (key, value) in table {
        let name = match above {
            "" => key.get_ref().to_string(),
            _ => format!("{above}.{}", key.get_ref()),
        };
        match value.get_ref() {
            DeValue::Table(inner) if is_table(declared, &name) => {
                gather(inner, &name, declared, at, lines);
            }
            _ => {
                let origin = at(key.span().start);
                lines.push(Line { name, raw: raw(value), origin });
            }
        }
    }
}

/// Whether settings are in a table of this name.
fn is_table(declared: &Declared, name: &str) -> bool {
    let is_within =
        |setting: &str| setting.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    declared.iter().any(|setting| is_within(setting.name()))
}

fn raw(value: &Spanned<DeValue<'_>>) -> Result<Raw, &'static str> {
    match value.get_ref() {
        DeValue::Array(items) => {
            let items = items.iter().map(one).collect::<Result<_, _>>()?;
            Ok(Raw::Many(items))
        }
        _ => one(value).map(Raw::One),
    }
}

fn one(value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(it) => Ok(it.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "a number that is too large"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Array(_) => Err("a list in a list"),
        DeValue::Table(_) => Err("a table"),
    }
}

/// The line of a byte, counted from one.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}
