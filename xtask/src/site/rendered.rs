//! Links of the built pages.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::links::{inside, is_elsewhere};

/// Links that lead nowhere, as `page: link`.
pub(crate) fn faults(site: &Path) -> Result<Vec<String>, String> {
    let mut pages = HashMap::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "html") {
                let text = fs::read_to_string(&path).map_err(failed)?;
                let below = path.strip_prefix(site).unwrap_or(&path).to_owned();
                pages.insert(below, text);
            }
        }
    }
    let ids: HashMap<&PathBuf, HashSet<&str>> =
        pages.iter().map(|(page, text)| (page, values(text, " id=\"").collect())).collect();
    let mut faults = Vec::new();
    for (page, text) in &pages {
        // Two pages of mdbook itself stand for others: their links are made for the root.
        if matches!(page.to_str(), Some("404.html" | "toc.html" | "print.html")) {
            continue;
        }
        for link in values(text, " href=\"").filter(|link| !is_elsewhere(link)) {
            if !leads_somewhere(site, page, link, &ids) {
                faults.push(format!("{}: {link}", page.display()));
            }
        }
    }
    faults.sort();
    Ok(faults)
}

fn leads_somewhere(
    site: &Path,
    page: &Path,
    link: &str,
    ids: &HashMap<&PathBuf, HashSet<&str>>,
) -> bool {
    let Some(path) = inside(page, link) else { return false };
    match (link.split_once('#'), ids.get(&path)) {
        (Some((_, anchor)), Some(ids)) => anchor.is_empty() || ids.contains(anchor),
        _ => site.join(&path).exists(),
    }
}

/// What stands in quotes after each such beginning.
fn values<'a>(text: &'a str, begins: &'static str) -> impl Iterator<Item = &'a str> {
    text.split(begins).skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_looked_up() {
        let site = tempfile::tempdir().expect("a folder");
        let page = "<h1 id=\"a\">A</h1><a href=\"#a\">a</a><a href=\"b.html#b\">b</a>\
                    <a href=\"c.html\">c</a><a href=\"https://x\">x</a>";
        fs::write(site.path().join("a.html"), page).expect("a page");
        fs::write(site.path().join("b.html"), "<h1 id=\"other\">B</h1>").expect("a page");
        assert_eq!(
            faults(site.path()),
            Ok(vec!["a.html: b.html#b".into(), "a.html: c.html".into()])
        );
    }
}
