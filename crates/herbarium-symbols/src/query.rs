//! A query for symbols: patterns, and what their captures mean.

use herbarium_codec::{ERROR_KIND, Grammar};
use herbarium_query::{CaptureQuantifier, Compiler, Query, QueryPredicateArg};
use regex::Regex;

use crate::builtin;
use crate::error::SymbolQueryError;
use crate::kind::{Role, SymbolKind};

/// Patterns that say what is a symbol in a language.
///
/// It never changes while it runs: share it between threads, with a
/// [`crate::SymbolFinder`] for each.
///
/// # What a pattern says
///
/// | in the pattern | means |
/// |---|---|
/// | `@definition.KIND` | the node that defines, as a whole; KIND is a word of [`SymbolKind`] |
/// | `@reference.KIND` | the node that refers |
/// | `@name` | the name of it; a pattern without a name makes no symbol |
/// | `@container` | the name of what it belongs to, where that does not stand around it: a receiver, `A` in `A::b` |
/// | `@doc` | its documentation; without any, comments directly above are taken |
/// | `@documents` | without a name: a node that has the `@doc` of the definition that comes next to it, as `@doc "…"` in Elixir |
/// | `@ignore` | instead of a role: names that it matches are no symbols of patterns that follow |
/// | `@local.scope` | alone: a function without a name, for `outside-functions` |
/// | `(#strip! @doc "REGEX")` | what is taken off the documentation; without any, the marks of comments |
/// | `(#select-adjacent! @doc @definition.KIND)` | only documentation that nothing separates from the definition |
/// | `(#set! inside)` | the name is what stands between the first and the last child of `@name`, without tags: the text of a heading in HTML |
/// | `(#set! kind-in-type "KIND")` | the kind where the definition stands in a class, struct, trait …: one pattern for functions and methods |
/// | `(#set! outside-functions)` | no symbol where the definition stands in a function: one pattern for variables, without the local ones |
/// | `(#set! not-in "NODE")` | no symbol where the captured node is a child of a node of that kind |
/// | `(#set! clauses)` | definitions of one name directly after each other are one, as the equations of a function |
/// | `(#set! apart)` | patterns that say so are run after the others. Faster where only these do not ask for certain words, as calls in Lisp, and slower elsewhere |
/// | `(#set! rest-of-scope)` | the definition goes on up to the next of this pattern or the end of what it stands in, as `package A;` in Perl |
/// | `(#set! out "NUMBER")` | the definition is that many nodes further out than the captured one |
/// | `(#set! declared-by "NODE")` | the definition is the node of that kind around all declarators (`*f[3]`) that the captured one stands in; no symbol where that is another kind |
/// | `(#set! cut "TEXT")` | the name ends before this, as `operator int` before `()` |
/// | `(#set! trim "CHARACTERS")` | these are taken off both ends of the name, as quotes |
///
/// Where several patterns give one name, a definition wins over references, and
/// the pattern that stands first over those that follow. A catch-all for
/// references can so stand at the end.
///
/// Any `tags.scm` made for tree-sitter is such a query. `#is-not? local` is not
/// looked at there: names count as not local.
#[derive(Debug, Clone)]
pub struct SymbolQuery {
    pub(crate) query: Query,
    /// What is run, one after the other: all patterns, or some apart. A query that
    /// asks for certain words passes over most of a tree; one pattern that does
    /// not ends that for all.
    pub(crate) passes: Vec<Query>,
    /// By number of the capture.
    pub(crate) parts: Vec<Part>,
    /// By number of the pattern.
    pub(crate) patterns: Vec<Pattern>,
    /// By number of the kind of nodes.
    pub(crate) uses: Vec<Use>,
    /// The field `body`, where the grammar has one.
    pub(crate) body: Option<u16>,
    /// Fields in which what is declared can stand.
    pub(crate) declarator: [Option<u16>; 2],
}

impl SymbolQuery {
    /// The built-in query of a language, by the id that `herbarium-languages`
    /// has for it. None where nothing is built in, see [`SymbolQuery::languages`].
    ///
    /// # Errors
    /// The compiler's grammar is not the one that the query was written for.
    pub fn for_language(id: &str, compiler: &Compiler) -> Option<Result<Self, SymbolQueryError>> {
        Some(Self::new(compiler, Self::text_for_language(id)?))
    }

    /// Ids of the languages that have a built-in query, sorted.
    pub fn languages() -> impl ExactSizeIterator<Item = &'static str> {
        builtin::QUERIES.iter().map(|(id, _)| *id)
    }

    /// The text of a built-in query: to read, or to write one's own from.
    pub fn text_for_language(id: &str) -> Option<&'static str> {
        let found = builtin::QUERIES.binary_search_by(|(known, _)| (*known).cmp(id)).ok()?;
        builtin::QUERIES.get(found).map(|(_, text)| *text)
    }

    /// A query of one's own; see above for what its patterns can say.
    ///
    /// # Errors
    /// It is no query of the grammar, a `#strip!` has no regular expression, or
    /// it can find no symbol.
    pub fn new(compiler: &Compiler, text: &str) -> Result<Self, SymbolQueryError> {
        Self::from_query(compiler.compile(text)?)
    }

    /// As [`SymbolQuery::new`], of a query that is compiled already.
    ///
    /// # Errors
    /// A `#strip!` has no regular expression, or the query can find no symbol.
    pub fn from_query(query: Query) -> Result<Self, SymbolQueryError> {
        let parts: Vec<Part> = query.capture_names().iter().map(|name| Part::of(name)).collect();
        let is_tag = |part: &Part| matches!(part, Part::Tag(..));
        if !parts.iter().any(is_tag) || !parts.contains(&Part::Name) {
            return Err(SymbolQueryError::NoSymbols);
        }
        let grammar = query.grammar();
        let patterns = (0..query.pattern_count()).map(|at| Pattern::of(&query, at));
        let patterns: Vec<Pattern> = patterns.collect::<Result<_, _>>()?;
        let passes = [false, true].map(|apart| only(&query, |at| patterns[at].apart == apart));
        Ok(Self {
            passes: passes.into_iter().flatten().collect(),
            patterns,
            uses: (0..grammar.kind_count()).map(|kind| Use::of(grammar, kind as u16)).collect(),
            body: grammar.field_id("body"),
            declarator: ["declarator", "name"].map(|name| grammar.field_id(name)),
            parts,
            query,
        })
    }

    /// Leaves all references out: half the work, and often all that is asked for.
    #[must_use]
    pub fn definitions_only(mut self) -> Self {
        let parts = &self.parts;
        let is_other = |query: &Query, pattern| {
            let quantifiers = query.capture_quantifiers(pattern);
            let mut used = parts.iter().zip(&quantifiers);
            !used.any(|(part, often)| {
                *often != CaptureQuantifier::Zero && matches!(part, Part::Tag(Role::Reference, _))
            })
        };
        for query in self.passes.iter_mut().chain([&mut self.query]) {
            for pattern in 0..query.pattern_count() {
                if !is_other(query, pattern) {
                    query.disable_pattern(pattern);
                }
            }
        }
        self
    }

    /// The query that is run: to learn where its patterns stand in the text.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Whether every name stands in the text as it is: a text without the name then
    /// has no such symbol. Not so where the name is what remains of a node without
    /// its tags (`(#set! inside)`).
    pub fn names_are_literal(&self) -> bool {
        !self.patterns.iter().any(|pattern| pattern.inside)
    }

    pub(crate) fn use_of(&self, kind: u16) -> Use {
        self.uses.get(usize::from(kind)).copied().unwrap_or(Use::Other)
    }
}

/// The query with some of its patterns; nothing if there are none.
fn only(query: &Query, is_kept: impl Fn(usize) -> bool) -> Option<Query> {
    let (kept, others): (Vec<_>, Vec<_>) = (0..query.pattern_count()).partition(|at| is_kept(*at));
    let mut query = query.clone();
    others.into_iter().for_each(|pattern| query.disable_pattern(pattern));
    (!kept.is_empty()).then_some(query)
}

/// What a capture stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tag(Role, SymbolKind),
    Ignore,
    Name,
    Container,
    Doc,
    Documents,
    Scope,
    Nothing,
}

impl Part {
    fn of(capture: &str) -> Self {
        let kind = |word| SymbolKind::of_word(word);
        match capture {
            "name" => Self::Name,
            "container" => Self::Container,
            "doc" => Self::Doc,
            "documents" => Self::Documents,
            "ignore" => Self::Ignore,
            "local.scope" => Self::Scope,
            _ => match capture.split_once('.') {
                Some(("definition", word)) => Self::Tag(Role::Definition, kind(word)),
                Some(("reference", word)) => Self::Tag(Role::Reference, kind(word)),
                _ => Self::Nothing,
            },
        }
    }
}

/// What the directives of a pattern say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pattern {
    pub(crate) inside: bool,
    pub(crate) kind_in_type: Option<SymbolKind>,
    pub(crate) outside_functions: bool,
    pub(crate) clauses: bool,
    pub(crate) apart: bool,
    pub(crate) rest_of_scope: bool,
    pub(crate) not_in: Option<u16>,
    pub(crate) out: usize,
    pub(crate) declared_by: Option<u16>,
    pub(crate) cut: Option<Box<str>>,
    pub(crate) trim: Option<Box<str>>,
    pub(crate) strip: Vec<Regex>,
    pub(crate) adjacent: bool,
}

impl Pattern {
    fn of(query: &Query, at: usize) -> Result<Self, SymbolQueryError> {
        let mut pattern = Self::default();
        for property in query.property_settings(at) {
            let value = property.value.as_deref();
            match &*property.key {
                "kind-in-type" => pattern.kind_in_type = value.map(SymbolKind::of_word),
                "inside" => pattern.inside = true,
                "clauses" => pattern.clauses = true,
                "apart" => pattern.apart = true,
                "rest-of-scope" => pattern.rest_of_scope = true,
                "outside-functions" => pattern.outside_functions = true,
                "not-in" => pattern.not_in = Some(node_kind(query, value)),
                "out" => pattern.out = value.and_then(|it| it.parse().ok()).unwrap_or(0),
                "declared-by" => pattern.declared_by = Some(node_kind(query, value)),
                "cut" => pattern.cut = value.map(Into::into),
                "trim" => pattern.trim = value.map(Into::into),
                _ => {}
            }
        }
        for predicate in query.general_predicates(at) {
            match &*predicate.operator {
                "strip!" => pattern.strip.push(strip(at, predicate.args.get(1))?),
                "select-adjacent!" => pattern.adjacent = true,
                _ => {}
            }
        }
        Ok(pattern)
    }
}

/// The number of a kind of nodes; one that no definition has for unknown names.
fn node_kind(query: &Query, name: Option<&str>) -> u16 {
    name.and_then(|name| query.grammar().kind_id(name, true)).unwrap_or(ERROR_KIND)
}

fn strip(pattern: usize, arg: Option<&QueryPredicateArg>) -> Result<Regex, SymbolQueryError> {
    let (regex, source) = match arg {
        Some(QueryPredicateArg::String(text)) => match Regex::new(text) {
            Ok(regex) => return Ok(regex),
            Err(error) => (text.to_string(), Some(error)),
        },
        Some(QueryPredicateArg::Capture(_)) => ("a capture".to_owned(), None),
        None => ("nothing".to_owned(), None),
    };
    Err(SymbolQueryError::Strip { pattern: pattern + 1, regex, source })
}

/// What nodes of a kind are good for around definitions. Grammars agree on
/// names of such kinds well enough to tell from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Documentation, where it stands above.
    Comment,
    /// Stands between documentation and definition.
    Attribute,
    /// Belongs to the definition in it: its range is that of the definition.
    Wrapper,
    /// What the signature ends before.
    Body,
    /// A part of a declaration around the name.
    Declarator,
    /// A part of a comment that makes it one about what it stands in.
    Inner,
    /// Starts with the word that says what is declared: part of the signature.
    Keyword,
    Other,
}

impl Use {
    fn of(grammar: &Grammar, kind: u16) -> Self {
        let name = grammar.kind_name(kind).filter(|_| grammar.is_named(kind)).unwrap_or_default();
        match name {
            "comment" | "haddock" | "pod" => Self::Comment,
            "attribute_item" | "attribute_list" | "annotation" | "decorator" | "signature"
            | "spec" => Self::Attribute,
            "export_statement"
            | "export_declaration"
            | "ambient_declaration"
            | "decorated_definition"
            | "template_declaration" => Self::Wrapper,
            "declaration_list"
            | "field_declaration_list"
            | "enumerator_list"
            | "compound_statement" => Self::Body,
            "type_declaration"
            | "var_declaration"
            | "const_declaration"
            | "lexical_declaration"
            | "variable_declaration" => Self::Keyword,
            "qualified_identifier" | "template_function" => Self::Declarator,
            "inner_doc_comment_marker" => Self::Inner,
            _ if name.ends_with("_declarator") => Self::Declarator,
            _ if name.ends_with("_comment") => Self::Comment,
            _ if name.ends_with("_body") => Self::Body,
            _ => Self::Other,
        }
    }
}
