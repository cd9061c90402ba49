//! Builds the shim against the private headers of the very `tree-sitter`
//! package that is linked, so that the layouts it reads are the ones in use.

fn main() {
    println!("cargo:rerun-if-changed=src/walk.c");
    println!("cargo:rerun-if-changed=src/table.c");
    #[cfg(feature = "direct")]
    build_shim();
}

#[cfg(feature = "direct")]
fn build_shim() {
    let include = std::env::var_os("DEP_TREE_SITTER_INCLUDE")
        .expect("the tree-sitter crate tells where its headers are");
    let include = std::path::PathBuf::from(include);
    cc::Build::new()
        .file("src/walk.c")
        .file("src/table.c")
        .include(include.join("../src"))
        .include(&include)
        .std("c11")
        .flag_if_supported("-Wno-unused-parameter")
        .warnings(false)
        .compile("herbarium_capture_walk");
}
