//! The documents copied to where the book is built from. Links to what is in the repository but
//! not in the book lead to the repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::links;

/// Copies `docs` anew.
pub(crate) fn all(root: &Path, staged: &Path, repository: &str) -> Result<(), String> {
    let _ = fs::remove_dir_all(staged);
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("{}: {error}", folder.display());
        let below = folder.strip_prefix("docs").unwrap_or(&folder);
        fs::create_dir_all(staged.join(below)).map_err(failed)?;
        for entry in fs::read_dir(root.join(&folder)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, to) = (folder.join(entry.file_name()), staged.join(below));
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(entry.path()).map_err(failed)?;
            let bytes = match path.extension().is_some_and(|it| it == "md") {
                true => outward(&path, &String::from_utf8_lossy(&bytes), repository).into_bytes(),
                false => bytes,
            };
            fs::write(to.join(entry.file_name()), bytes).map_err(failed)?;
        }
    }
    Ok(())
}

/// The text with links out of `docs` as links to the repository.
fn outward(page: &Path, text: &str, repository: &str) -> String {
    let mut text = text.to_owned();
    for link in links::links(&text) {
        let target = &link.target;
        if links::is_elsewhere(target) {
            continue;
        }
        let Some(path) = links::inside(page, target).filter(|path| !path.starts_with("docs"))
        else {
            continue;
        };
        let path = path.to_string_lossy().replace('\\', "/");
        let new = format!("]({repository}/blob/main/{path})");
        text = text.replace(&format!("]({target})"), &new);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_documents_lead_to_the_repository() {
        let found = outward(
            Path::new("docs/a.md"),
            "[r](../README.md) [b](b.md) [r](../README.md)",
            "https://r",
        );
        let readme = "[r](https://r/blob/main/README.md)";
        assert_eq!(found, format!("{readme} [b](b.md) {readme}"));
    }
}
