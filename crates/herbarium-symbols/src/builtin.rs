//! The queries that are built in.

/// Pairs of a language's id and its query; the file's name is the id.
macro_rules! queries {
    ($($id:literal)+) => {
        &[$(($id, include_str!(concat!("../queries/", $id, ".scm")))),+]
    };
}

/// By id, sorted.
pub(crate) const QUERIES: &[(&str, &str)] = queries! {
    "ada"
    "bash"
    "c"
    "c_sharp"
    "clojure"
    "cmake"
    "cpp"
    "css"
    "d"
    "dart"
    "elixir"
    "erlang"
    "fortran"
    "go"
    "graphql"
    "groovy"
    "haskell"
    "hcl"
    "html"
    "java"
    "javascript"
    "json"
    "julia"
    "kotlin"
    "lua"
    "make"
    "markdown"
    "nix"
    "objc"
    "ocaml"
    "pascal"
    "perl"
    "php"
    "powershell"
    "proto"
    "python"
    "r"
    "ruby"
    "rust"
    "scala"
    "solidity"
    "sql"
    "swift"
    "systemverilog"
    "toml"
    "tsx"
    "typescript"
    "vhdl"
    "vue"
    "yaml"
    "zig"
};
