//! Tags files, as editors read them.

use std::io::{self, Write};
use std::sync::Arc;

use herbarium_symbols::{Symbol, Symbols};

use crate::args::SymbolFormat;

/// A definition, as a tags file has it.
pub(super) struct Tag {
    name: String,
    kind: &'static str,
    /// From 0.
    row: usize,
    /// First byte of the line, and the line up to the end of the name.
    line_start: usize,
    line: String,
    scope: Option<String>,
    path: Arc<str>,
    language: &'static str,
}

impl Tag {
    pub(super) fn of(symbol: &Symbol, symbols: &Symbols<'_>, source: &[u8]) -> Self {
        let of = &symbol.name_range;
        let line_start = of.start_byte.saturating_sub(of.start_point.column);
        let line = source.get(line_start..of.end_byte).unwrap_or_default();
        // Of a container in another file only the name is known.
        let kind = symbols.container(symbol).map_or("type", |it| it.kind.as_str());
        let scope = symbols.container_name(symbol);
        Self {
            name: symbols.name(symbol).into_owned(),
            kind: symbol.kind.as_str(),
            row: of.start_point.row,
            line_start,
            line: String::from_utf8_lossy(line).into_owned(),
            scope: scope.map(|name| format!("{kind}:{name}")),
            path: Arc::from(""),
            language: "",
        }
    }

    pub(super) fn set_file(&mut self, (path, language): &(String, &'static str)) {
        (self.path, self.language) = (Arc::from(path.as_str()), language);
    }
}

/// All tags of a tags file: it is sorted by name, so that editors find one by
/// halving.
pub(super) struct Tags {
    format: SymbolFormat,
    tags: Vec<Tag>,
}

const HEAD: &str = "\
!_TAG_FILE_ENCODING\tutf-8\t//
!_TAG_FILE_FORMAT\t2\t/extended format/
!_TAG_FILE_SORTED\t1\t/0=unsorted, 1=sorted, 2=foldcase/
!_TAG_PROGRAM_NAME\therbarium\t//
";

impl Tags {
    pub(super) fn new(format: SymbolFormat) -> Self {
        Self { format, tags: Vec::new() }
    }

    pub(super) fn extend(&mut self, tags: Vec<Tag>) {
        self.tags.extend(tags);
    }

    pub(super) fn print(mut self, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            SymbolFormat::Lines => Ok(()),
            SymbolFormat::Ctags => {
                self.tags.retain(|tag| !tag.name.is_empty());
                // By path already; a stable sort keeps that among equal names.
                self.tags.sort_by(|a, b| a.name.cmp(&b.name));
                out.write_all(HEAD.as_bytes())?;
                self.tags.iter().try_for_each(|tag| ctags(tag, out))
            }
            SymbolFormat::Etags => {
                let files = self.tags.chunk_by(|a, b| a.path == b.path);
                files.into_iter().try_for_each(|tags| etags(tags, out))
            }
        }
    }
}

fn ctags(tag: &Tag, out: &mut impl Write) -> io::Result<()> {
    let (name, path) = (escaped(&tag.name), escaped(&tag.path));
    write!(out, "{name}\t{path}\t{};\"\tkind:{}", tag.row + 1, tag.kind)?;
    write!(out, "\tline:{}\tlanguage:{}", tag.row + 1, tag.language)?;
    if let Some(scope) = &tag.scope {
        write!(out, "\tscope:{}", escaped(scope))?;
    }
    writeln!(out)
}

/// Tabs and line ends mean something in a tags file.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A section of a TAGS file: a form feed, the path and the length of what
/// follows, then for each tag the line's beginning, its name, line and offset.
fn etags(tags: &[Tag], out: &mut impl Write) -> io::Result<()> {
    let Some(first) = tags.first() else { return Ok(()) };
    let mut section = Vec::new();
    for tag in tags {
        let plain = |text: &str| text.replace(['\n', '\r', '\x0c', '\x7f', '\x01'], " ");
        let (line, name) = (plain(&tag.line), plain(&tag.name));
        writeln!(section, "{line}\x7f{name}\x01{},{}", tag.row + 1, tag.line_start)?;
    }
    write!(out, "\x0c\n{},{}\n", plain_path(&first.path), section.len())?;
    out.write_all(&section)
}

fn plain_path(path: &str) -> String {
    path.replace(['\n', '\r', '\x0c'], " ")
}
