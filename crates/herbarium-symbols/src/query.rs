//! A query for symbols: patterns, and what their captures mean.

use herbarium_codec::Grammar;
use herbarium_query::{CaptureQuantifier, Compiler, Query, QueryPredicateArg, QueryProperty};
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
/// | `@_NAME` | nothing by itself: predicates speak of it. A pattern in which every match has one is run apart from the others, so that where its words are rare little of the tree is looked at |
/// | `@local.scope` | alone: a function without a name, for `outside-functions` |
/// | `(#strip! @doc "REGEX")` | what is taken off the documentation; without any, the marks of comments |
/// | `(#select-adjacent! @doc @definition.KIND)` | only documentation that nothing separates from the definition |
/// | `(#set! inside)` | the name is what stands between the first and the last child of `@name`, without tags: the text of a heading in HTML |
/// | `(#set! kind-in-type "KIND")` | the kind where the definition stands in a class, struct, trait …: one pattern for functions and methods |
/// | `(#set! outside-functions)` | no symbol where the definition stands in a function: one pattern for variables, without the local ones |
/// | `(#set! not-in "NODE")` | no symbol where the captured node is a child of a node of that kind |
/// | `(#set! clauses)` | definitions of one name directly after each other are one, as the equations of a function |
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
///
/// ```
/// # use std::sync::Arc;
/// # use herbarium_capture::{Capturer, parse_table_of};
/// # use herbarium_languages::{ParseLimits, ParserPool, by_id};
/// # use herbarium_query::Compiler;
/// # use herbarium_symbols::{SymbolFinder, SymbolKind, SymbolQuery};
/// # let python = by_id("python").ok_or("Python is built in")?;
/// # let compiler =
/// #     Compiler::new(python.grammar().clone(), Arc::new(parse_table_of(&python.tree_sitter())));
/// // Routes of a web service, by the decorator above their functions.
/// let routes = SymbolQuery::new(&compiler, r#"
///     ((decorated_definition
///       (decorator (call
///         function: (attribute attribute: (identifier) @_route)
///         arguments: (argument_list . (string) @name)))) @definition.label
///       (#any-of? @_route "get" "post")
///       (#set! trim "'\""))
/// "#)?;
/// let source = b"@app.get('/plants')\ndef plants(): ...\n";
/// # let live = ParserPool::default().parse(python, source, None, &ParseLimits::default())?;
/// # let tree = Capturer::new(python.grammar()).capture(&live, source)?;
/// let mut finder = SymbolFinder::new();
/// let symbols = finder.find(&routes, &tree, source);
/// assert_eq!(symbols.name(&symbols[0]), "/plants");
/// assert_eq!(symbols[0].kind, SymbolKind::Label);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What makes a pattern quick
///
/// - The words that it asks for, captured as `@_NAME` and compared with `#eq?` or
///   `#any-of?`: where these are rare, only what is around them is looked at. The
///   keyword of a rare node will do: `(function_definition "function" @_word)`.
/// - A node in a node in a node, four at most, with the name as the last and no
///   anchors, repetitions or alternatives: found from the name upwards. Two such
///   patterns are quicker than one with an alternative.
/// - Nodes that each follow an anchor and have no field, eight at most, as in
///   `(attribute . (name) @_n . (value) @name)`: whether it matches is known when the
///   node comes up, words included.
/// - But where names are of a kind that is everywhere, and what they stand in is
///   rare, from the outside inwards is quicker. An anchor, an alternative or a
///   repetition has that done: `(_)+ @name` instead of `(_) @name`.
#[derive(Debug, Clone)]
pub struct SymbolQuery {
    pub(crate) query: Query,
    /// What is run, one after the other: each pattern that asks for words by
    /// itself, all others together. Where only such words can tell, most of a
    /// tree is passed over; a pattern without any, or with a word that is in every
    /// other line, would end that for all that are run with it.
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
    /// It is no query of the grammar, a `#strip!` or `#set!` has no value that
    /// means something, or it can find no symbol.
    pub fn new(compiler: &Compiler, text: &str) -> Result<Self, SymbolQueryError> {
        Self::from_query(compiler.compile(text)?)
    }

    /// As [`SymbolQuery::new`], of a query that is compiled already.
    ///
    /// # Errors
    /// A `#strip!` or `#set!` has no value that means something, or the query
    /// can find no symbol.
    pub fn from_query(query: Query) -> Result<Self, SymbolQueryError> {
        let parts: Vec<Part> = query.capture_names().iter().map(|name| Part::of(name)).collect();
        let is_tag = |part: &Part| matches!(part, Part::Tag(..));
        if !parts.iter().any(is_tag) || !parts.contains(&Part::Name) {
            return Err(SymbolQueryError::NoSymbols);
        }
        let grammar = query.grammar();
        let patterns = (0..query.pattern_count()).map(|at| Pattern::of(&query, at));
        let patterns: Vec<Pattern> = patterns.collect::<Result<_, _>>()?;
        Ok(Self {
            passes: passes(&query, |_| true),
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
        let is_reference = |pattern| {
            let quantifiers = self.query.capture_quantifiers(pattern);
            let mut used = self.parts.iter().zip(&quantifiers);
            used.any(|(part, often)| {
                *often != CaptureQuantifier::Zero && matches!(part, Part::Tag(Role::Reference, _))
            })
        };
        let patterns = 0..self.query.pattern_count();
        let is_kept: Vec<bool> = patterns.map(|pattern| !is_reference(pattern)).collect();
        self.passes = passes(&self.query, |pattern| is_kept[pattern]);
        self.query = only(&self.query, |pattern| is_kept[pattern]);
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

/// The queries to run for some of the patterns.
fn passes(query: &Query, is_kept: impl Fn(usize) -> bool) -> Vec<Query> {
    let kept = (0..query.pattern_count()).filter(|pattern| is_kept(*pattern));
    let (apart, together): (Vec<_>, Vec<_>) =
        kept.partition(|pattern| asks_for_words(query, *pattern));
    let first = (!together.is_empty()).then(|| only(query, |pattern| together.contains(&pattern)));
    first
        .into_iter()
        .chain(apart.into_iter().map(|number| only(query, |it| it == number)))
        .collect()
}

/// Whether every match has a capture that is there for a predicate: by custom, the
/// name of such a capture begins with `_`.
fn asks_for_words(query: &Query, pattern: usize) -> bool {
    let quantifiers = query.capture_quantifiers(pattern);
    let mut captures = query.capture_names().iter().zip(&quantifiers);
    captures.any(|(name, often)| name.starts_with('_') && *often == CaptureQuantifier::One)
}

/// The query with some of its patterns.
fn only(query: &Query, is_kept: impl Fn(usize) -> bool) -> Query {
    let mut some = query.clone();
    let others = (0..query.pattern_count()).filter(|pattern| !is_kept(*pattern));
    others.for_each(|pattern| some.disable_pattern(pattern));
    some
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
            let setting = Setting { pattern: at + 1, property };
            match &*property.key {
                "kind-in-type" => {
                    pattern.kind_in_type = Some(SymbolKind::of_word(setting.text("a kind")?));
                }
                "inside" => pattern.inside = true,
                "clauses" => pattern.clauses = true,
                "rest-of-scope" => pattern.rest_of_scope = true,
                "outside-functions" => pattern.outside_functions = true,
                "not-in" => pattern.not_in = Some(setting.node_kind(query)?),
                "out" => pattern.out = setting.number()?,
                "declared-by" => pattern.declared_by = Some(setting.node_kind(query)?),
                "cut" => pattern.cut = Some(setting.text("a text")?.into()),
                "trim" => pattern.trim = Some(setting.text("characters")?.into()),
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

/// A `#set!` of a pattern, to be read.
struct Setting<'a> {
    /// Counted from 1.
    pattern: usize,
    property: &'a QueryProperty,
}

impl<'a> Setting<'a> {
    fn text(&self, expected: &'static str) -> Result<&'a str, SymbolQueryError> {
        self.property.value.as_deref().ok_or_else(|| self.wrong(expected))
    }

    fn number(&self) -> Result<usize, SymbolQueryError> {
        let expected = "a number of levels";
        self.text(expected)?.parse().map_err(|_| self.wrong(expected))
    }

    fn node_kind(&self, query: &Query) -> Result<u16, SymbolQueryError> {
        let expected = "a named kind of nodes of the grammar";
        let name = self.text(expected)?;
        query.grammar().kind_id(name, true).ok_or_else(|| self.wrong(expected))
    }

    fn wrong(&self, expected: &'static str) -> SymbolQueryError {
        SymbolQueryError::Setting {
            pattern: self.pattern,
            key: self.property.key.to_string(),
            value: self.property.value.as_deref().unwrap_or_default().to_owned(),
            expected,
        }
    }
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
