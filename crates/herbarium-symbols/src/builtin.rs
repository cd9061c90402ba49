//! The queries that are built in.

/// Pairs of a language's id and its query; the file's name is the id.
macro_rules! queries {
    ($($id:literal)+) => {
        &[$(($id, include_str!(concat!("../queries/", $id, ".scm")))),+]
    };
}

/// By id, sorted.
pub(crate) const QUERIES: &[(&str, &str)] = queries! {
    "bash"
    "c"
    "c_sharp"
    "cpp"
    "css"
    "go"
    "html"
    "java"
    "javascript"
    "json"
    "php"
    "python"
    "ruby"
    "rust"
    "tsx"
    "typescript"
};
