//! Holds the built-in queries against Universal Ctags on real code.
//!
//! ```text
//! cargo run --release -p herbarium-symbols --features extended-langs --example ctags -- \
//!     [--lines N] [--show N] [--explained N] [--queries FOLDER] [--write FILE] \
//!     LANGUAGE=FOLDER[,FOLDER] ...
//! ```
//!
//! For each language, files of it under each folder are taken, in order of their
//! paths, up to N lines (300,000 where none are given). `ctags` lists their
//! definitions, of the kinds that it lists by default; the built-in query
//! lists them from stored trees; and each definition that ctags names is looked
//! for by name and line. What is not found is explained where a rule in
//! `EXPLANATIONS` or the tree explains it; `--explained` prints N of these for
//! each kind and reason, `--show` N of the others for each kind. `--queries`
//! takes `LANGUAGE.scm` from a folder instead of the built-in ones. Both are timed
//! (on Linux): ctags as a process that reads the files, the query on trees that are
//! pressed in memory with the shapes that they share kept once, as a store keeps
//! them, and with the time that opening them takes.
#![expect(clippy::print_stdout, reason = "a program that prints a report")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use herbarium_codec::{BookTrainer, Decoder, Encoder, ShapeBook, Tree};
use herbarium_languages::{Language, by_id, detect};
use herbarium_symbols::{SymbolFinder, SymbolQuery};
use regex::Regex;

type Failure = Box<dyn std::error::Error>;

/// Why ctags has what the query does not: language, kind in ctags, names as a
/// regular expression, reason.
const EXPLANATIONS: &[(&str, &str, &str, &str)] = &[
    (
        "c",
        "function",
        "^_*[A-Z][A-Z0-9_]*$",
        "a macro's call before a body; ctags takes the macro for the function",
    ),
    ("c", "variable", "^_", "an attribute macro behind a variable, which ctags takes for it"),
    (
        "cpp",
        "function",
        "^_*[A-Z][A-Z0-9_]*$",
        "a macro's call before a body; ctags takes the macro for the function",
    ),
    ("java", ".", "^(true|false|null)$", "a keyword, which ctags takes for a name"),
    (
        "javascript",
        "getter|setter",
        "^async$",
        "`get async` and `set async`, which ctags lists twice",
    ),
    (
        "rust",
        "variable",
        "^[a-z]|^[A-Z]",
        "a type behind the lifetime `'static`, which ctags takes for a variable",
    ),
    (
        "rust",
        "implementation",
        ".",
        "an implementation for a type without a name (`&[u8]`, `*const T`), listed whole here; ctags takes a name in it",
    ),
    (
        "ruby",
        "constant",
        ".",
        "a constant in a comparison or as a key, which ctags takes for its definition",
    ),
    (
        "ruby",
        "singletonMethod|alias|method",
        "^(self|and|defined)$",
        "a part of a name that ctags cuts off",
    ),
    ("python", "variable", "^else$", "a keyword, which ctags takes for a name"),
    (
        "javascript",
        "class|variable",
        "^(new|require)$",
        "a keyword or function, which ctags takes for a name",
    ),
    ("javascript", "field", "^static#", "a keyword and a name, which ctags takes for one"),
    ("bash", "function", r"^\|$", "a part of a command, which ctags takes for a function"),
    ("bash", "heredoc", ".", "the mark of a here document"),
    (
        "go",
        "const",
        "^ir$",
        "a part of a value over several lines, which ctags takes for a constant",
    ),
    (
        "java",
        "interface",
        "^String$",
        "a name in a `permits` clause, which ctags takes for an interface",
    ),
    (
        "javascript",
        "property",
        "^[^\\x00-\\x7f]$",
        "a name written as an escape, which ctags resolves",
    ),
    (
        "javascript",
        "variable|function|field",
        "^(splice|converters|attr)$",
        "a part of an expression, which ctags takes for a definition",
    ),
    ("make", "target", "[%$]", "the pattern of a rule, or a target that a variable is set for"),
    (
        "markdown",
        "section",
        ".",
        "the last line of a heading of several lines, which is listed whole here",
    ),
    ("perl", "format", ".", "a format, for which the grammar has no rule"),
    ("rust", "enumerator", "^box$", "`r#box`, which ctags cuts"),
    (
        "c",
        "macro",
        ".",
        "a `#define` within an enumeration, which the grammar keeps as a piece of text",
    ),
    (
        "c",
        "enumerator",
        "^ASN1_OP",
        "an enumeration that begins with `#define`s, which the grammar does not understand",
    ),
    (
        "c",
        "variable",
        "^cgroup_subsys$",
        "an initialiser with `#include` in it, which the grammar does not understand",
    ),
    ("css", ".", ".", "a part of a selector; here, the whole selector is listed"),
    ("json", ".", r"^\d+$", "an element of an array, which ctags names by its number"),
    ("sql", "domain", ".", "a domain, for which the grammar has no rule"),
    ("php", "alias", ".", "an import: a reference here"),
    ("elixir", "module", "^Module$", "a name that is made up when it is compiled"),
    ("ocaml", "val", "^!$", "an operator, which ctags takes for a name"),
    ("ocaml", "function", "^open$", "a keyword, which ctags takes for a name"),
    ("elixir", "macro", "^(left|fir)$", "a part of an operator, which ctags takes for its name"),
    ("elixir", "function|macro", "^unquote$", "a name that is made up when it is compiled"),
    (
        "lua",
        "function",
        r"^test_env\.run$",
        "the value of a call with `function` in its name, which ctags takes for a function",
    ),
    ("lua", "function", r"[\[\]{]", "a name that is made up when it is run"),
    (
        "haskell",
        "function",
        "^[A-Z]",
        "a type in a signature over several lines, which ctags takes for a function",
    ),
    (
        "haskell|ocaml|pascal",
        "function|type|var|method",
        KEYWORDS,
        "a keyword, which ctags takes for a name",
    ),
    ("typescript", ".", KEYWORDS, "a keyword, which ctags takes for a name"),
    ("d", "variable", KEYWORDS, "a keyword, which ctags takes for a name"),
    ("kotlin", "method", "^<(lambda|anonymous)>$", "a name that ctags makes up for what has none"),
    ("kotlin", "object", "^Companion$", "a companion object without a name, which ctags gives one"),
    ("kotlin", "constant|variable|method", r"[^\w`]", "bytes that are not in the file"),
    ("r", "function", r"^(length|elt)2$", "`...length2`, which ctags cuts"),
    (
        "objc",
        "category",
        ".",
        "a category, which is listed by its class here, or a cast, which ctags takes for one",
    ),
    ("objc", "function", "^__attribute__$", "an attribute, which ctags takes for a function"),
    (
        "objc",
        "function|typedef|field",
        "^(void|int|BOOL|id|SEL|NSUInteger|NSString)$",
        "a type in that of a pointer to a function, which ctags takes for a name",
    ),
    (
        "objc",
        "struct|enum",
        ".",
        "a type that is named, not defined, which ctags takes for a definition",
    ),
    (
        "haskell",
        "function",
        "^(createFileLink|getSymbolicLinkTarget|pathIsSymbolicLink|readSymbolicLink|parseNsLookupTxt|makeHledgerClassyLenses)$",
        "a signature between preprocessor lines, or a splice; found where its body is",
    ),
    (
        "d",
        "variable",
        "^(nogc|exePath|exeBaseAddress|elfFile)$",
        "a part of an attribute or of a condition, which ctags takes for a variable",
    ),
    ("ada", "separate", ".", "the parent of a separate body: a reference"),
    (
        "elixir",
        "callback|delegate|type|test",
        "^unquote$",
        "a name that is made up when it is compiled",
    ),
    (
        "perl",
        "subroutine",
        "^(Attribute|Compress|IO|Archive|[A-Z]\\w*)$",
        "the package in the name of a function, which ctags cuts",
    ),
    ("ada", "subprogram", ".", "a formal parameter of a generic"),
    (
        "systemverilog",
        "constant|typedef",
        "^`include$",
        "an `include`, which ctags takes for a name",
    ),
    ("systemverilog", "instance", "^iff$", "a keyword, which ctags takes for a name"),
    ("systemverilog", "assert", ".", "a branch of a `case`, which ctags takes for an assertion"),
    (
        "typescript",
        "constant|property",
        "^(core|source|ReadonlyArray|Function|prototype|util|checks|Uint8Array|RegExp|this|inst|_ctx|true|false|any)$",
        "a part of a type, which ctags takes for a definition",
    ),
    (
        "vhdl",
        "alias",
        "^[A-Z_]+$",
        "a type in the signature of an alias, which ctags takes for one",
    ),
    ("ocaml", "function|var", r"^(_|\(\))$", "a value without a name"),
    ("powershell", "variable", "^null$", "what is thrown away, by assigning it to `$null`"),
];

const KEYWORDS: &str = "^(class|where|deriving|infixr|infixl|false|true|nonrec|then|else|end|begin|export|extends|is|get|set|new|from|private|readonly|\
                        const|symbol|instanceof|as|if|nothrow|pure|system|safe|T|U)$";

/// Why ctags has what the query does not: language, kind in ctags, kind of a
/// node around the name, reason.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("typescript", "alias", "import_statement", "an import: a reference here"),
    ("typescript", "alias", "export_statement", "an import: a reference here"),
    ("r", "globalVar", "for_statement.variable", "the variable of a loop"),
    ("r", ".", "argument", "an argument's name in a call, which ctags takes for a variable"),
    ("r", ".", "subset", "an element that is assigned to, which ctags takes for a variable"),
    ("r", ".", "subset2", "an element that is assigned to, which ctags takes for a variable"),
    (
        "r",
        ".",
        "extract_operator",
        "an element that is assigned to, which ctags takes for a variable",
    ),
    ("r", ".", "parameter", "a parameter, which ctags takes for a variable"),
    ("proto", "field", "field", "a part of the field's type, which ctags takes for a field"),
    ("proto", "field", "reserved", "a reserved number, which ctags takes for a field"),
    ("proto", "field", "option", "an option, which ctags takes for a field"),
    ("proto", "field", "oneof_field", "a part of the field's type, which ctags takes for a field"),
    ("clojure", ".", "list_lit", "in a quoted form or a comment, which ctags takes for code"),
    ("make", "target", "variable_assignment", "a target that a variable is set for"),
    (
        "javascript",
        "field|property",
        "object_pattern",
        "a part of a pattern of parameters, which ctags takes for a definition",
    ),
    ("ocaml", "var", "let_expression", "local to an expression"),
    ("systemverilog", "port", "tf_port_item", "a parameter of a function"),
    ("kotlin", "constant|variable|method", "for_statement", "the variable of a loop"),
    (
        "kotlin",
        "method",
        "lambda_literal",
        "a call, or a parameter of a function without a name, which ctags takes for a function",
    ),
    (
        "javascript",
        "field|property|variable",
        "formal_parameters",
        "a parameter, which ctags takes for a definition",
    ),
    (
        "typescript",
        "constant|property",
        "type_annotation",
        "a part of a type, which ctags takes for a definition",
    ),
    (
        "typescript",
        "constant|property",
        "type_arguments",
        "a part of a type, which ctags takes for a definition",
    ),
    ("d", "mixin", "mixin_statement", "a mixin that is used, not defined"),
    ("d", "mixin", "template_mixin", "a mixin that is used, not defined"),
    (
        "vhdl",
        "alias",
        "alias_declaration",
        "a type in the signature of an alias, which ctags takes for one",
    ),
    ("fortran", "variable", "program", "local to the program"),
    (
        "objc",
        "field",
        "type_definition",
        "a type in that of a pointer to a function, which ctags takes for a name",
    ),
    ("powershell", "variable", "script_block_expression", "local to a block"),
    (
        "c_sharp",
        ".",
        "type_parameter_constraints_clause",
        "a constraint of a type parameter, which ctags takes for a definition",
    ),
    ("c_sharp", "field", "parameter", "a parameter, which ctags takes for a field"),
    ("systemverilog", "port", "property_port_item", "a parameter of a property"),
    ("systemverilog", "port", "sequence_port_item", "a parameter of a sequence"),
    ("systemverilog", "task|function", "dpi_import_export", "defined in another language"),
    (
        "systemverilog",
        "constant",
        "constant_param_expression",
        "a part of a value, which ctags takes for a constant",
    ),
    (
        "systemverilog",
        "function|port",
        "packed_dimension",
        "a part of a size, which ctags takes for a definition",
    ),
    ("kotlin", "constant|variable", "when_subject", "a variable of a `when`"),
    (
        "objc",
        "function",
        "method_definition",
        "a parameter of a method, which ctags takes for a function",
    ),
    ("ocaml", "Constructor", "polymorphic_variant_type", "a tag of a type without a name"),
    ("ocaml", "Exception", "exception_pattern", "an exception that is caught, not defined"),
    ("ocaml", "module", "let_binding", "a value, which ctags takes for a module"),
    ("ocaml", "module|type", "module_path", "a module that is used, not defined"),
    ("ocaml", "module|type", "extended_module_path", "a module that is used, not defined"),
    ("ocaml", "val", "packed_module", "a module that is used as a value"),
    ("ocaml", "RecordField|type", "type_constructor_path", "a type that is used, not defined"),
    ("d", "variable", "template_parameter", "a parameter of a template"),
    ("d", "variable", "at_attribute", "a part of an attribute, which ctags takes for a variable"),
    ("cpp", "variable", "template_instantiation", "a template that is used, not defined"),
    (
        "vhdl",
        "signal",
        "attribute_specification",
        "the value of an attribute, which ctags takes for a signal",
    ),
    (
        "vhdl",
        "generic",
        "interface_package_declaration",
        "a part of a package, which ctags takes for a parameter",
    ),
    ("systemverilog", "port", "tf_port_declaration", "a parameter of a function"),
    ("systemverilog", "interface", "data_type", "an interface that is used, not defined"),
    (
        "ruby",
        "singletonMethod",
        "singleton_method.object",
        "the object in the name of a method, which ctags takes for the name",
    ),
    ("ada", "variable", "parameter_specification", "a parameter of a type of subprograms"),
    ("pascal", ".", "exprCall", "a part of an expression, which ctags takes for a definition"),
    ("pascal", ".", "exprBinary", "a part of an expression, which ctags takes for a definition"),
    ("typescript", "constant", "for_in_statement", "the variable of a loop"),
    (
        "typescript",
        "constant",
        "regex",
        "a part of a regular expression, which ctags takes for a definition",
    ),
    (
        "typescript",
        "constant",
        "variable_declarator.value",
        "a part of a value, which ctags takes for a definition",
    ),
    (
        "typescript",
        "method|property",
        "type_parameters",
        "a part of a type, which ctags takes for a definition",
    ),
];

/// Lines above a name in which ctags can have seen what it is.
const LINES_ABOVE: usize = 3;

/// Why ctags has what the query does not: language, kind in ctags, a regular
/// expression for the tag's line and the few above it, reason.
const LINES: &[(&str, &str, &str, &str)] = &[
    (
        "pascal",
        ".",
        r"(?i)\w(procedure|function|constructor|destructor)\b",
        "what follows a word that ends with `function` or so, which ctags takes for a name",
    ),
    (
        "pascal",
        ".",
        r"(?i)[=:]\s*(function|procedure)\b",
        "a part of a type of functions, which ctags takes for a name",
    ),
    (
        "elixir",
        "test",
        r#"test "[^"]*do[^"]*""#,
        "a test whose name has `do` in it, where ctags cuts it",
    ),
    (
        "typescript",
        "constant",
        r"(?m)/[a-z]+;?$",
        "a part of a regular expression, which ctags takes for a definition",
    ),
    (
        "vhdl",
        "signal",
        r"\\\w+\.\w+\\",
        "a part of a name between backslashes, which ctags takes for one",
    ),
];

fn main() -> Result<(), Failure> {
    let options = Options::of(std::env::args().skip(1))?;
    let mut report = String::from(HEAD);
    let mut reports = Vec::new();
    for (id, folders) in &options.corpora {
        let language = by_id(id).ok_or_else(|| format!("`{id}` is not built in"))?;
        let one = compare(language, folders, &options)?;
        println!("{}", one.summary());
        reports.push(one);
    }
    write_report(&mut report, &reports);
    match &options.write {
        Some(path) => std::fs::write(path, &report)?,
        None => println!("\n{report}"),
    }
    Ok(())
}

struct Options {
    lines: usize,
    show: usize,
    explained: usize,
    queries: Option<PathBuf>,
    write: Option<PathBuf>,
    corpora: Vec<(String, Vec<PathBuf>)>,
}

impl Options {
    fn of(mut args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            lines: 300_000,
            show: 0,
            explained: 0,
            queries: None,
            write: None,
            corpora: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
            match arg.as_str() {
                "--lines" => options.lines = value()?.parse()?,
                "--show" => options.show = value()?.parse()?,
                "--explained" => options.explained = value()?.parse()?,
                "--queries" => options.queries = Some(value()?.into()),
                "--write" => options.write = Some(value()?.into()),
                _ => {
                    let (id, folder) = arg
                        .split_once('=')
                        .ok_or_else(|| format!("`{arg}` is no LANGUAGE=FOLDER"))?;
                    let folders = folder.split(',').map(PathBuf::from).collect();
                    options.corpora.push((id.to_owned(), folders));
                }
            }
        }
        if options.corpora.is_empty() {
            return Err("give at least one LANGUAGE=FOLDER".into());
        }
        Ok(options)
    }
}

/// A definition that ctags names.
struct Tag {
    name: String,
    row: usize,
    kind: String,
}

/// What came of the definitions of one kind.
#[derive(Default)]
struct Tally {
    all: usize,
    found: usize,
    explained: BTreeMap<String, Vec<String>>,
    unexplained: Vec<String>,
}

const MOST_LINES_OF_A_SELECTOR: usize = 10;

struct Comparison {
    id: String,
    files: usize,
    lines: usize,
    definitions: usize,
    kinds: BTreeMap<String, Tally>,
    /// By reason, a name and the line that it stands in.
    examples: BTreeMap<String, (String, String)>,
    ctags: Duration,
    opened: Duration,
    queried: Duration,
    with_references: Duration,
}

impl Comparison {
    fn per_line(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.lines.max(1) as f64
    }

    fn count(&self, of: impl Fn(&Tally) -> usize) -> usize {
        self.kinds.values().map(of).sum()
    }

    fn summary(&self) -> String {
        format!(
            "{}: {} files, {} lines; ctags {} definitions, found {}, explained {}, unexplained {}; \
             us a line: ctags {:.2}, ours {:.2} opened and {:.2} queried",
            self.id,
            self.files,
            self.lines,
            self.count(|kind| kind.all),
            self.count(|kind| kind.found),
            self.count(|kind| kind.explained.values().map(Vec::len).sum()),
            self.count(|kind| kind.unexplained.len()),
            self.per_line(self.ctags),
            self.per_line(self.opened),
            self.per_line(self.queried),
        )
    }
}

fn compare(
    language: &Language,
    folders: &[PathBuf],
    options: &Options,
) -> Result<Comparison, Failure> {
    let mut files = Vec::new();
    for folder in folders {
        files.extend(files_in(language, folder, options.lines)?);
    }
    let all = query(language, options)?;
    let query = all.clone().definitions_only();
    let (tags, ctags) = run_ctags(language, &files)?;
    let mut comparison = Comparison {
        id: language.id().to_owned(),
        files: files.len(),
        lines: files.iter().map(|file| file.lines).sum(),
        definitions: 0,
        kinds: BTreeMap::new(),
        examples: BTreeMap::new(),
        ctags,
        opened: Duration::ZERO,
        queried: Duration::ZERO,
        with_references: Duration::ZERO,
    };
    let (pressed, book) = press(language, &files)?;
    let has_clauses = ["elixir", "erlang", "haskell"].contains(&language.id());
    let (mut decoder, mut tree) = (Decoder::new(), Tree::new(language.grammar()));
    let (mut finder, mut finder_of_all) = (SymbolFinder::new(), SymbolFinder::new());
    for ((file, tags), pressed) in files.iter().zip(&tags).zip(&pressed) {
        let start = cpu_time();
        decoder.decode_into(pressed, language.grammar(), Some(&book), &mut tree)?;
        let opened = cpu_time();
        finder_of_all.find(&all, &tree, &file.source);
        let all_found = cpu_time();
        let symbols = finder.find(&query, &tree, &file.source);
        comparison.queried += cpu_time().saturating_sub(all_found);
        comparison.with_references += all_found.saturating_sub(opened);
        comparison.opened += opened.saturating_sub(start);
        comparison.definitions += symbols.len();
        let mut found = HashSet::new();
        let mut names = HashSet::new();
        let mut clauses = Vec::new();
        for symbol in symbols {
            let name = plain(language, &symbols.name(symbol));
            let rows = [symbol.name_range.start_point.row, symbol.range.start_point.row];
            found.extend(rows.map(|row| (name.clone(), row)));
            if language.id() == "objc" && symbol.kind.is_function() {
                // ctags names the line in which the selector ends.
                let rows = symbol.range.start_point.row..=symbol.range.end_point.row;
                found.extend(rows.take(MOST_LINES_OF_A_SELECTOR).map(|row| (name.clone(), row)));
            }
            if has_clauses && symbol.kind.is_function() {
                let end = symbol.range.end_point.row;
                clauses.push((name.clone(), symbol.range.start_point.row..=end));
            }
            names.insert(name);
        }
        for tag in tags {
            let tally = comparison.kinds.entry(tag.kind.clone()).or_default();
            tally.all += 1;
            let name = plain(language, &tag.name);
            if found.contains(&(name.clone(), tag.row)) {
                tally.found += 1;
                continue;
            }
            let is_clause = clauses.iter().any(|(of, rows)| *of == name && rows.contains(&tag.row));
            let reason = match is_clause {
                true => Some("a further clause of a function, which is listed once here".into()),
                false => explain(language, tag, (&tree, &file.source), &names, &name),
            };
            let Some(reason) = reason else {
                tally.unexplained.push(shown(file, tag));
                continue;
            };
            if let Some(line) = example(&tree, &file.source, tag) {
                let known = comparison.examples.entry(reason.clone());
                known.or_insert_with(|| (tag.name.clone(), line));
            }
            tally.explained.entry(reason).or_default().push(shown(file, tag));
        }
    }
    for (kind, tally) in &comparison.kinds {
        let id = &comparison.id;
        spread(&tally.unexplained, options.show).for_each(|what| println!("  {id} {kind}: {what}"));
        for (reason, all) in &tally.explained {
            spread(all, options.explained)
                .for_each(|what| println!("  {id} {kind}, explained by `{reason}`: {what}"));
        }
    }
    Ok(comparison)
}

/// The trees of files as a store has them, and the shapes that they share.
fn press(language: &Language, files: &[File]) -> Result<(Vec<Vec<u8>>, Arc<ShapeBook>), Failure> {
    let alone: Result<Vec<Vec<u8>>, Failure> =
        files.iter().map(|file| support::press(language, &file.source)).collect();
    let mut pressed = alone?;
    let mut trainer = BookTrainer::new(language.grammar());
    for bytes in &pressed {
        trainer.add(&herbarium_codec::decode(bytes, language.grammar())?);
    }
    let (book, mut encoder) = (Arc::new(trainer.finish()), Encoder::new());
    for bytes in &mut pressed {
        let tree = herbarium_codec::decode(bytes, language.grammar())?;
        bytes.clear();
        encoder.encode_into(&tree, Some(&book), bytes);
    }
    Ok((pressed, book))
}

fn query(language: &Language, options: &Options) -> Result<SymbolQuery, Failure> {
    let (id, compiler) = (language.id(), support::compiler(language));
    match &options.queries {
        Some(folder) => {
            let text = std::fs::read_to_string(folder.join(format!("{id}.scm")))?;
            Ok(SymbolQuery::new(&compiler, &text)?)
        }
        None => Ok(SymbolQuery::for_language(id, &compiler)
            .ok_or_else(|| format!("`{id}` has no built-in query"))??),
    }
}

/// The tag's line, where it is short enough to show and has the name in it.
fn example(tree: &Tree, source: &[u8], tag: &Tag) -> Option<String> {
    let line = std::str::from_utf8(source.get(tree.line_range(tag.row))?).ok()?;
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_fit = line.len() <= LONGEST_EXAMPLE && line.contains(&tag.name) && !line.contains("``");
    is_fit.then_some(line)
}

const LONGEST_EXAMPLE: usize = 90;

/// Some of a list, from all over it.
fn spread(all: &[String], some: usize) -> impl Iterator<Item = &String> {
    all.iter().step_by(all.len().div_ceil(some.max(1)).max(1)).take(some)
}

fn shown(file: &File, tag: &Tag) -> String {
    format!("{} ({}:{})", tag.name, file.path.display(), tag.row + 1)
}

struct File {
    path: PathBuf,
    source: Vec<u8>,
    lines: usize,
}

/// Files of the language under a folder, in order, up to so many lines.
fn files_in(language: &Language, folder: &Path, most: usize) -> Result<Vec<File>, Failure> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.is_file() {
            paths.push(folder);
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                paths.push(entry.path());
            }
        }
    }
    paths.sort();
    let (mut files, mut lines) = (Vec::new(), 0);
    for path in paths {
        if lines >= most {
            break;
        }
        let is_other = !has_extension(language, &path)
            && detect(&path, b"").is_some_and(|found| found.row().id != language.id());
        let Some(source) = (!is_other).then(|| std::fs::read(&path).ok()).flatten() else {
            continue;
        };
        let is_it = detect(&path, &source).is_some_and(|found| found.row().id == language.id());
        if is_it && source.len() < 4_000_000 {
            let count = source.iter().filter(|byte| **byte == b'\n').count();
            lines += count;
            files.push(File { path, source, lines: count });
        }
    }
    Ok(files)
}

/// Several languages can share one.
fn has_extension(language: &Language, path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    extension.is_some_and(|it| language.extensions().contains(&it))
}

/// The tags of each file, and how long ctags took for all.
fn run_ctags(language: &Language, files: &[File]) -> Result<(Vec<Vec<Tag>>, Duration), Failure> {
    let start = cpu_time_of_children()?;
    let output = output_of_ctags(language, files)?;
    let mut runs = 1;
    // The clock counts hundredths of a second.
    while cpu_time_of_children()?.saturating_sub(start) < LEAST_TIME && runs < MOST_RUNS {
        output_of_ctags(language, files)?;
        runs += 1;
    }
    let time = cpu_time_of_children()?.saturating_sub(start) / runs;
    let numbers: std::collections::HashMap<&[u8], usize> = files
        .iter()
        .enumerate()
        .map(|(number, file)| (file.path.as_os_str().as_encoded_bytes(), number))
        .collect();
    let mut tags: Vec<Vec<Tag>> = files.iter().map(|_| Vec::new()).collect();
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"!")) {
        let parts: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let [name, path, row, kind, ..] = parts.as_slice() else { continue };
        let row = String::from_utf8_lossy(row);
        let (Some(number), Ok(row)) =
            (numbers.get(path), row.trim_end_matches(";\"").parse::<usize>())
        else {
            continue;
        };
        tags[*number].push(Tag {
            name: unescaped(&String::from_utf8_lossy(name)),
            row: row.saturating_sub(1),
            kind: String::from_utf8_lossy(kind).into_owned(),
        });
    }
    Ok((tags, time))
}

/// How long ctags is to run at least, to be timed.
const LEAST_TIME: Duration = Duration::from_millis(300);
const MOST_RUNS: u32 = 20;

fn output_of_ctags(language: &Language, files: &[File]) -> Result<Vec<u8>, Failure> {
    let forced = format!("--language-force={}", ctags_name(language.id()));
    let args = ["--sort=no", "--excmd=number", "--fields=K", "--extras=", "-f", "-", "-L", "-"];
    let mut child = Command::new("ctags")
        .arg("--options=NONE")
        .args(args)
        .arg(forced)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("starting ctags: {error}; is universal-ctags installed?"))?;
    let mut list: Vec<u8> = Vec::new();
    for file in files {
        list.extend_from_slice(file.path.as_os_str().as_encoded_bytes());
        list.push(b'\n');
    }
    let mut input = child.stdin.take().ok_or("no pipe to ctags")?;
    let writer = std::thread::spawn(move || input.write_all(&list));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the list of files could not be written")??;
    Ok(output.stdout)
}

/// A name without the escapes of the tags format.
fn unescaped(name: &str) -> String {
    name.replace("\\\\", "\\").replace("\\x21", "!").replace("\\x20", " ")
}

/// Time that this thread was running: others on the machine do not count.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The same of processes that were started and have ended, in hundredths of a
/// second.
fn cpu_time_of_children() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat is not as expected")?;
    let ticks: u64 = fields.split_whitespace().skip(13).take(2).flat_map(str::parse::<u64>).sum();
    Ok(Duration::from_millis(10 * ticks))
}

fn ctags_name(id: &str) -> &str {
    match id {
        "cpp" => "C++",
        "c_sharp" => "C#",
        "objc" => "ObjectiveC",
        "bash" => "Sh",
        "proto" => "Protobuf",
        other => other,
    }
}

/// Names as both write them: without white space, quotes and sigils, and as much
/// of a qualified name as both have.
fn plain(language: &Language, name: &str) -> String {
    let name = match language.id() {
        "lua" => name.rsplit(['.', ':']).next().unwrap_or(name),
        "c_sharp" => {
            let name = name.rsplit('.').next().unwrap_or(name);
            name.strip_prefix("operator").unwrap_or(name)
        }
        "powershell" => name.rsplit(':').next().unwrap_or(name),
        // A destructor.
        "d" => name.trim_start_matches('~'),
        "elixir" | "pascal" => name.rsplit('.').next().filter(|it| !it.is_empty()).unwrap_or(name),
        // The first word of a selector; ctags cuts the names of modules.
        "objc" => name.split(':').next().unwrap_or(name),
        "haskell" if name.starts_with(char::is_uppercase) => name.split('.').next().unwrap_or(name),
        _ => name,
    };
    let kept = name.chars().filter(|c| !c.is_whitespace() && !"\"'`$#?:".contains(*c));
    let name: String = kept.collect();
    // ctags lists `x=` beside `x`, or cuts the ending off.
    match name.strip_suffix(['=', '!']) {
        Some(shorter) if shorter.ends_with(char::is_alphanumeric) => shorter.to_owned(),
        _ => name,
    }
}

/// Why a definition of ctags is not among the symbols.
fn explain(
    language: &Language,
    tag: &Tag,
    (tree, source): (&Tree, &[u8]),
    names: &HashSet<String>,
    name: &str,
) -> Option<String> {
    let made_up = ["__anon", "anonymous", "Anonymous"];
    let is_made_up = made_up.iter().any(|start| tag.name.starts_with(start));
    if is_made_up && places(tree, source, tag, 1).is_empty() {
        return Some("a name that ctags makes up for what has none".into());
    }
    let is_match = |regex: &str, text: &str| Regex::new(regex).is_ok_and(|it| it.is_match(text));
    if language.id() == "ocaml" && tag.kind == "module" && tag.row == 0 {
        return Some("the file as a module, which has no name in the text".into());
    }
    let rule = EXPLANATIONS.iter().find(|(id, kinds, regex, _)| {
        is_match(&format!("^({id})$"), language.id())
            && is_match(kinds, &tag.kind)
            && is_match(regex, &tag.name)
    });
    if let Some((.., reason)) = rule {
        return Some((*reason).into());
    }
    if tree.line_range(tag.row).len() > LONG_LINE {
        return Some(
            "in a line of over 1,000 bytes, where the line does not tell the place".into(),
        );
    }
    if language.id() == "systemverilog" && is_followed_by(tree, source, tag, "::") {
        return Some("the package of a type, which ctags takes for the name".into());
    }
    let place_in = |around: &HashSet<(String, bool)>| {
        let place = PLACES.iter().find(|(ids, kinds, node, _)| {
            is_match(&format!("^({ids})$"), language.id())
                && is_match(kinds, &tag.kind)
                && around.iter().any(|(kind, _)| kind == node)
        });
        place.map(|(.., reason)| (*reason).to_owned())
    };
    if let Some(reason) = place_in(&around(tree, source, tag, 1)) {
        return Some(reason);
    }
    let anywhere = around(tree, source, tag, MOST_PLACES);
    let is_by_hand = tree.line_range(tag.row).len() < 300;
    let around = around(tree, source, tag, if is_by_hand { 1 } else { MOST_PLACES });
    if around.iter().any(|(kind, _)| TEXT.iter().any(|text| kind.contains(text))) {
        return Some("text or comment, which ctags takes for code".into());
    }
    if near_error(tree, tag.row) || is_passed_over(tree, source, tag) {
        return Some("the grammar does not understand the code there (ERROR)".into());
    }
    let is_function = |kind: &str| FUNCTION.iter().any(|function| kind.contains(function));
    let is_variable = VARIABLE.contains(&tag.kind.as_str());
    let is_in = |is_above: bool| is_above || is_variable;
    if around.iter().any(|(kind, is_above)| is_in(*is_above) && is_function(kind)) {
        return Some("local to a function".into());
    }
    if let Some(reason) = place_in(&anywhere) {
        return Some(reason);
    }
    let above = tree.line_range(tag.row.saturating_sub(LINES_ABOVE)).start;
    let lines = source.get(above..tree.line_range(tag.row).end).unwrap_or_default();
    let lines = String::from_utf8_lossy(lines);
    let line = LINES.iter().find(|(id, kinds, regex, _)| {
        *id == language.id() && is_match(kinds, &tag.kind) && is_match(regex, &lines)
    });
    if let Some((.., reason)) = line {
        return Some((*reason).into());
    }
    names.contains(name).then(|| "found in another line".into())
}

/// Longer ones are not written by hand.
const LONG_LINE: usize = 1000;

/// Parts of the names of kinds of text, and of functions.
const TEXT: &[&str] = &["string", "heredoc", "comment", "template_s", "text", "quoted"];
const FUNCTION: &[&str] = &[
    "unittest",
    "subprogram",
    "process",
    "task",
    "function",
    "method",
    "lambda",
    "closure",
    "func_literal",
    "subroutine",
];

/// The kinds of the nodes around a name in the tag's line, at its first places,
/// and whether each begins above; of those that are a field, also as `kind of the
/// parent.field`.
fn around(tree: &Tree, source: &[u8], tag: &Tag, most: usize) -> HashSet<(String, bool)> {
    let starts = places(tree, source, tag, most);
    let starts = if starts.is_empty() { vec![tree.line_range(tag.row).start] } else { starts };
    let len = tag.name.len().max(1);
    let nodes = starts
        .into_iter()
        .filter_map(|start| tree.root_node().descendant_for_byte_range(start, start + len));
    let all = nodes.flat_map(|node| std::iter::successors(Some(node), |node| node.parent()));
    all.flat_map(|node| {
        let field = node.parent().zip(node.field_name());
        let field = field.map(|(parent, field)| format!("{}.{field}", parent.kind()));
        let names = [Some(node.kind().to_owned()), field];
        names.into_iter().flatten().map(move |name| (name, node.start_position().row < tag.row))
    })
    .collect()
}

/// Kinds of which a function in the same line is no name.
const VARIABLE: &[&str] = &["variable", "register", "constant"];

/// The most places in one line that are looked at.
const MOST_PLACES: usize = 20;

/// Where in the tag's line the name stands as a word of its own: the first places.
fn places(tree: &Tree, source: &[u8], tag: &Tag, most: usize) -> Vec<usize> {
    let line = tree.line_range(tag.row);
    let text = source.get(line.clone()).unwrap_or_default();
    let len = tag.name.len().max(1);
    let is_word = |at: Option<usize>| {
        let byte = at.and_then(|at| text.get(at));
        byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_')
    };
    let places = text.windows(len).enumerate().filter(|(at, it)| {
        *it == tag.name.as_bytes() && !is_word(at.checked_sub(1)) && !is_word(Some(at + len))
    });
    places.map(|(at, _)| line.start + at).take(most).collect()
}

fn is_followed_by(tree: &Tree, source: &[u8], tag: &Tag, text: &str) -> bool {
    let mut starts = places(tree, source, tag, MOST_PLACES).into_iter();
    starts.any(|start| {
        source.get(start + tag.name.len()..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    })
}

/// Whether the name stands in text that is in no token: what follows an error, down
/// to the end of the file.
fn is_passed_over(tree: &Tree, source: &[u8], tag: &Tag) -> bool {
    places(tree, source, tag, 1).into_iter().any(|start| {
        let node = tree.root_node().descendant_for_byte_range(start, start + tag.name.len());
        node.is_none_or(|node| node.child_count() > 0)
    })
}

/// Whether an error node or a missing token is in the line, or at most four
/// lines from it.
fn near_error(tree: &Tree, row: usize) -> bool {
    let errors = tree.nodes().filter(|node| node.is_error() || node.is_missing());
    let mut rows = errors.map(|node| node.start_position().row..=node.end_position().row + 4);
    rows.any(|rows| *rows.start() <= row + 4 && row <= *rows.end())
}

const HEAD: &str = "\
# Symbols and Universal Ctags

What Universal Ctags finds in real code, and whether the built-in queries find it too. Written by

```text
cargo run --release -p herbarium-symbols --features all-langs --example ctags -- \\
    --write docs/symbols-ctags.md LANGUAGE=FOLDER ...
```

with version 5.9 of ctags and the kinds that it lists by default. A definition is found when a symbol of
that name starts in the same line. What is not found falls under one of the reasons that are listed with each
language; what falls under none is counted as unexplained.

The code is that of Linux 6.12, Go 1.19, OpenJDK 17, CPython 3.11 and of other packages of Debian 12 (LAPACK, Open
MPI, Free Pascal, GNAT, GHDL, Verilator, Icarus Verilog, LDC's runtime, Elixir, Erlang/OTP, OCaml, hledger, Kotlin
1.3, Clojure, Leiningen, Ring, GNUstep, KeePass 2, NUnit, Protocol Buffers, ggplot2, dplyr, LuaRocks, awesome,
PostgreSQL), of packages of npm (npm itself, zod, rxjs, effect, typeorm, vuetify, React Native, Expo, the types of
Node.js) and PyPI (the processors Ibex, CVA6 and BlackParrot), and of what they depend on.

Kinds that ctags does not list by default (prototypes, `extern` variables, labels), and references, which it
does not list for most languages, are not compared; the queries find them as well.

## Summary

";

fn write_report(report: &mut String, comparisons: &[Comparison]) {
    report.push_str(
        "| language | files | lines | definitions in ctags | found | explained | unexplained | \
         definitions here |\n|---|---|---|---|---|---|---|---|\n",
    );
    for one in comparisons {
        let _ = writeln!(
            report,
            "| {} | {} | {} | {} | {} ({:.1}%) | {} | {} | {} |",
            one.id,
            one.files,
            one.lines,
            one.count(|kind| kind.all),
            one.count(|kind| kind.found),
            100.0 * one.count(|kind| kind.found) as f64 / one.count(|kind| kind.all).max(1) as f64,
            one.count(|kind| kind.explained.values().map(Vec::len).sum()),
            one.count(|kind| kind.unexplained.len()),
            one.definitions,
        );
    }
    report.push_str(SPEED);
    for one in comparisons {
        let ours = one.per_line(one.opened) + one.per_line(one.queried);
        if one.ctags.is_zero() {
            // Too little text for a clock of hundredths of a second.
            continue;
        }
        let _ = writeln!(
            report,
            "| {} | {:.2} | {:.2} | {:.2} | {:.1}x | {:.2} |",
            one.id,
            one.per_line(one.ctags),
            one.per_line(one.queried),
            ours,
            one.per_line(one.ctags) / one.per_line(one.queried),
            one.per_line(one.with_references),
        );
    }
    for one in comparisons {
        write_kinds(report, one);
    }
}

const SPEED: &str = "
## Speed

Microseconds of processor time a line, which is milliseconds for 1,000 lines; one after the other in one run
on one machine, so read the ratio. ctags is timed as a process that starts, reads the files and prints; the queries on trees that
are pressed in memory, with and without the time that opening them takes. Definitions only on both sides, but
for the last column, which has the references as well.

| language | ctags | definitions of an open tree | opening and definitions | ctags to open tree | all symbols of an open tree |
|---|---|---|---|---|---|
";

fn write_kinds(report: &mut String, one: &Comparison) {
    let _ = writeln!(report, "\n## {}\n", one.id);
    report.push_str(
        "| kind in ctags | in ctags | found | explained | unexplained |\n|---|---|---|---|---|\n",
    );
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, tally) in &one.kinds {
        let explained: usize = tally.explained.values().map(Vec::len).sum();
        let (all, found, open) = (tally.all, tally.found, tally.unexplained.len());
        let _ = writeln!(report, "| {kind} | {all} | {found} | {explained} | {open} |");
        for (reason, count) in &tally.explained {
            *reasons.entry(reason).or_default() += count.len();
        }
    }
    if !reasons.is_empty() {
        report.push('\n');
    }
    for (reason, count) in reasons {
        let _ = match one.examples.get(reason) {
            Some((name, line)) => {
                writeln!(report, "- {count}: {reason}; such as `` {name} `` in `` {line} ``")
            }
            None => writeln!(report, "- {count}: {reason}"),
        };
    }
}
