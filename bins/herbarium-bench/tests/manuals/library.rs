//! The program of docs/tutorial-library.md, below the empty line.

use herbarium::{Herbarium, Origin, Scope};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A code base, and a place for its trees. `Herbarium::open_default` takes the user's cache.
    let (project, store) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let file = project.path().join("main.rs");
    std::fs::write(&file, "fn main() { run(2) }\nfn run(times: u32) {}\n")?;
    let herbarium = Herbarium::open(store.path())?;

    // Asks all Rust files. What is new or changed is pressed first: here, one file.
    let scope = Scope::of([project.path()]).language("rust");
    let calls = "(call_expression function: (identifier) @name)";
    let found = herbarium.query(&scope, calls)?;
    let names: Vec<_> = found.files[0].matches.iter().map(|one| &one.captures[0].text).collect();
    assert_eq!(names, ["run"]);
    assert_eq!(herbarium.engine().parses(), 1);

    // The same again parses nothing.
    herbarium.query(&scope, calls)?;
    assert_eq!(herbarium.engine().parses(), 1);

    // One tree, from the store, with tree-sitter's own names for what a node can be asked.
    let opened = herbarium.tree(&file)?;
    assert_eq!(opened.from, Origin::Store);
    let mut functions = Vec::new();
    for at in 0..opened.tree.root_node().child_count() {
        let Some(node) = opened.tree.root_node().child(at) else { continue };
        let Some(name) = node.child_by_field_name("name") else { continue };
        functions.push((name.utf8_text(&opened.source)?, node.start_position().row));
    }
    assert_eq!(functions, [("main", 0), ("run", 1)]);
    Ok(())
}
