//! What is asked, besides the queries that grammar packages ship.

/// The languages that the bars name, each with a pattern for calls of a
/// function: a kind, a field and, once a name is put in, a predicate.
pub(super) const CALLS: &[(&str, &str)] = &[
    ("c", "(call_expression function: (identifier) @f"),
    ("go", "(call_expression function: (identifier) @f"),
    ("java", "(method_invocation name: (identifier) @f"),
    ("javascript", "(call_expression function: (identifier) @f"),
    ("python", "(call function: (identifier) @f"),
    ("rust", "(call_expression function: (identifier) @f"),
];

/// All calls in a file.
pub(super) fn calls(pattern: &str) -> String {
    format!("{pattern})")
}

/// Calls of one function.
pub(super) fn calls_of(pattern: &str, name: &str) -> String {
    format!("({pattern}) (#eq? @f {name:?}))")
}

/// Queries that any of these languages takes, and that are hard on an engine:
/// everything matches, or many matches are in the making at a time.
pub(super) const HARD: &[&str] = &[
    "_ @every",
    "(_) @named",
    "(_ (_) @child)",
    "(_ . (_) @first)",
    "(_ (_) @last .)",
    "((_) @a . (_) @b)",
    "((_) @a (_) @b)",
    "(_ (_)* @children)",
    "(_ (_)+ @before . (identifier) @i)",
    "((_)+ @run)",
    "[(identifier) _]+ @run",
    "(_ (_ (_ (identifier) @deep)))",
    "((identifier) @i (#match? @i \"^[A-Z_]+$\"))",
    "((identifier) @a . (_)* . (identifier) @b (#eq? @a @b))",
    "(ERROR) @e",
    "(MISSING) @m",
    "(identifier) @i (#any-of? @i \"a\" \"b\" \"self\" \"this\")",
];

/// Matches in the making at a time, as editors limit them.
pub(super) const MATCH_LIMIT: u32 = 256;
