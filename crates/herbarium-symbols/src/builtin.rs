//! The queries that are built in.

/// Pairs of a language's id and its query: the text of the files behind the id, one
/// after the other, and of the file that is named after the id where there are none.
macro_rules! queries {
    ($($id:literal $([$($file:literal)+])?)+) => {
        &[$(($id, queries!(@text $id $([$($file)+])?))),+]
    };
    (@text $id:literal) => {
        queries!(@text $id [$id])
    };
    (@text $id:literal [$($file:literal)+]) => {
        concat!($(include_str!(concat!("../queries/", $file, ".scm"))),+)
    };
}

/// By id, sorted. What languages share lies in a file of its own and stands
/// before what is their own.
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
    "javascript" ["ecmascript" "javascript" "jsx"]
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
    "tsx" ["ecmascript" "typescript" "jsx"]
    "typescript" ["ecmascript" "typescript"]
    "vhdl"
    "vue"
    "yaml"
    "zig"
};
