//! Links of Markdown files: to files, and to headings in them.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::read;

/// All Markdown files, relative to the root, in order. What is built and what is hidden is not
/// looked at.
pub(crate) fn pages(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let shown = root.join(&folder);
        let failed = |error| format!("{}: {error}", shown.display());
        for entry in fs::read_dir(&shown).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let hidden = name.to_string_lossy().starts_with('.')
                || name == "target"
                // Code to be parsed, not pages to be read.
                || name == "fixtures";
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.extend(Some(path).filter(|_| !hidden));
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Links that lead nowhere, as `page:line: what`.
pub(crate) fn faults(root: &Path, pages: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut texts = HashMap::new();
    for page in pages {
        texts.insert(page.clone(), read(root, &page.to_string_lossy())?);
    }
    let mut faults = Vec::new();
    for page in pages {
        for link in links(&texts[page]) {
            if let Some(why) = fault(root, page, &link.target, &texts) {
                faults.push(format!("{}:{}: {} {why}", page.display(), link.line, link.target));
            }
        }
    }
    Ok(faults)
}

/// Pages of `docs` that the table of contents does not have: nobody would find them.
pub(crate) fn left_out(root: &Path, pages: &[PathBuf]) -> Result<Vec<String>, String> {
    const SUMMARY: &str = "docs/SUMMARY.md";
    let summary = read(root, SUMMARY)?;
    let listed: Vec<_> =
        links(&summary).iter().filter_map(|it| inside(Path::new(SUMMARY), &it.target)).collect();
    let of_docs = pages.iter().filter(|page| page.starts_with("docs"));
    let missing = of_docs.filter(|page| *page != Path::new(SUMMARY) && !listed.contains(page));
    Ok(missing.map(|page| format!("{SUMMARY}: expected a link to {}", page.display())).collect())
}

fn fault(
    root: &Path,
    page: &Path,
    target: &str,
    texts: &HashMap<PathBuf, String>,
) -> Option<&'static str> {
    if is_elsewhere(target) {
        return None;
    }
    let Some(path) = inside(page, target) else { return Some("leads out of the repository") };
    if !root.join(&path).exists() {
        return Some("is no file");
    }
    let (_, anchor) = target.split_once('#')?;
    let text = texts.get(&path)?;
    (!anchors(text).iter().any(|it| it == anchor)).then_some("is no heading of that page")
}

/// Whether a link is none of ours to check.
pub(crate) fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:") || target.starts_with('<')
}

/// The file that a link of a page names, relative to the root; none if that is outside.
pub(crate) fn inside(page: &Path, target: &str) -> Option<PathBuf> {
    let file = target.split_once('#').map_or(target, |(file, _)| file);
    if file.is_empty() {
        return Some(page.to_owned());
    }
    let mut path = page.parent()?.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// A link as it stands in a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: String,
}

/// Links outside of code: `[text](target)`, images, and `[name]: target`.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (at, line) in prose(text) {
        let line = without_code(line);
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            let target = target.split_whitespace().next().unwrap_or_default();
            links.push(Link { line: at, target: target.to_owned() });
            rest = after;
        }
        let reference = line.strip_prefix('[').and_then(|line| line.split_once("]: "));
        if let Some((_, target)) = reference {
            links.push(Link { line: at, target: target.trim().to_owned() });
        }
    }
    links
}

/// Names of headings as they are made from their text; one that comes again is numbered.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (line.starts_with('#') && title.starts_with(' ')).then(|| title.trim())
    });
    let name = |title: &str| {
        let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
        let name: String = title.to_lowercase().chars().filter(|&c| kept(c)).collect();
        name.replace(' ', "-")
    };
    headings
        .map(|title| {
            let name = name(title);
            let times = seen.entry(name.clone()).or_default();
            *times += 1;
            if *times == 1 { name } else { format!("{name}-{}", *times - 1) }
        })
        .collect()
}

/// Lines outside of blocks of code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let marks = line.trim_start().starts_with("```");
        fence ^= marks;
        (!fence && !marks).then_some((at + 1, line))
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "see [a](x.md) and ![b](y.png \"title\")\n```\n[c](no.md)\n```\n`[d](no.md)`\n\
                    [e]: z.md\n";
        let found: Vec<_> = links(text).into_iter().map(|it| (it.line, it.target)).collect();
        let expected = [(1, "x.md"), (1, "y.png"), (6, "z.md")];
        assert_eq!(found, expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn headings_have_the_names_that_people_link_to() {
        let text = "# A page\n## `code` & more\n## A page\n```\n# no heading\n```\n#no heading\n";
        assert_eq!(anchors(text), ["a-page", "code--more", "a-page-1"]);
    }

    #[test]
    fn a_link_is_taken_from_where_its_page_is() {
        let check = |target: &str, expected: Option<&str>| {
            let found = inside(Path::new("docs/format/v1.md"), target);
            assert_eq!(found, expected.map(PathBuf::from), "{target}");
        };
        check("../cli.md#query", Some("docs/cli.md"));
        check("#top", Some("docs/format/v1.md"));
        check("../../README.md", Some("README.md"));
        check("../../../etc", None);
        check("/etc", None);
    }

    #[test]
    fn a_link_to_nothing_is_named_with_its_page_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.md"), "# A\n\n[b](b.md) [a](#a) [c](#c) [w](https://x)\n")
            .expect("a page");
        let pages = pages(folder.path()).expect("pages");
        let faults = faults(folder.path(), &pages).expect("read");
        let expected = ["a.md:3: b.md is no file", "a.md:3: #c is no heading of that page"];
        assert_eq!(faults, expected);
    }
}
