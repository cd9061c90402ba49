//! Patterns of the kinds that tree-sitter's documentation shows.

use herbarium_conformance::Settings;

use crate::common::{Bench, sample};

fn check(language: &str, source: &str, patterns: &[&str]) {
    let bench = Bench::of(language);
    let specimens = [bench.press(source.into()), bench.press(sample(bench.language))];
    for pattern in patterns {
        if let Err(difference) = bench.compare(pattern, &specimens, &Settings::default()) {
            panic!("{language} {pattern}\n{difference}");
        }
        assert!(bench.compiler.compile(pattern).is_ok(), "{language} {pattern}");
    }
}

#[test]
fn what_a_text_predicate_holds_for_without_a_node() {
    check(
        "c",
        "void f(void) { kfree(a); g(1, b); h(\"s\", NULL); zzz(2); k(); }",
        &[
            // A fourth capture of one node is dropped.
            "(call_expression function: (identifier) @a @b @c @d (#eq? @d \"zzz\"))",
            "(call_expression function: (identifier) @a @b @c @d (#eq? @d \"nowhere\"))",
            "(argument_list ((identifier)?) @x (#eq? @x \"nowhere\"))",
            "(argument_list ((identifier)?) @x (#any-of? @x \"nowhere\" \"NULL\"))",
            "(call_expression arguments: (argument_list [(identifier) (string_literal)?] @x) (#eq? @x \"nowhere\"))",
            "(argument_list ([(identifier) (number_literal)]*) @x (#eq? @x \"b\"))",
            "(argument_list [(identifier) @x (number_literal)] (#eq? @x \"nowhere\"))",
            "((call_expression function: (identifier) @f)+ (#eq? @f \"kfree\"))",
            "(call_expression function: (identifier) @f (#eq? @f \"kfree\"))",
            "(call_expression function: (identifier) @f arguments: (argument_list (_)? @a) (#eq? @a \"b\"))",
        ],
    );
    check("go", "package a", &["\"\\0\" @x", "(source_file \"\\0\" @x)", "\"\""]);
}

#[test]
fn javascript_patterns() {
    check(
        "javascript",
        "// a\n// b\nclass A extends B { #x = 1; get y() { return this.x } constructor() {} }\n\
         const [p, q] = [1, 2.5], fn = function named(a, b = 2, ...c) { if (a) { throw a } };\n\
         x.y = (z) => { require('m'); let NULL = null, FOO_BAR = Infinity; };\n\
         obj = { key: 1, 'other': () => 2, m() { try { f(); } catch (e) {} finally {} } };\n\
         a = b + c - d; if (!(x == y)) {} while (x) { break } `t ${u} v`;",
        &[
            "(binary_expression (number) (number))",
            "(binary_expression left: (_) @l right: (_) @r) @both",
            "(binary_expression (identifier))",
            "(assignment_expression left: (member_expression object: (call_expression)))",
            "(assignment_expression left: (member_expression property: (property_identifier) @p))",
            "(class_declaration name: (identifier) @class_name !decorator)",
            "(class_declaration name: (identifier) @name !body)",
            "(binary_expression operator: \"!=\" right: (null))",
            "(binary_expression operator: [\"+\" \"-\"] @op)",
            "(assignment_expression left: (identifier) @the-function-name right: (function_expression))",
            "(class_declaration name: (identifier) @the-class-name body: (class_body (method_definition name: (property_identifier) @the-method-name)))",
            "(comment)+ @comments",
            "(class_declaration (decorator)* @the-decorator name: (identifier) @the-name)",
            "(call_expression function: (identifier) @the-function arguments: (arguments (string)? @the-string-arg))",
            "((comment) (class_declaration))",
            "((comment)+ @doc . (class_declaration) @class)",
            "((number) (\",\" (number))*)",
            "(array (number) @n (\",\" (number) @m)*)",
            "(call_expression function: [(identifier) @function (member_expression property: (property_identifier) @method)])",
            "[\"break\" \"delete\" \"else\" \"for\" \"function\" \"if\" \"return\" \"try\" \"while\"] @keyword",
            "(array . (identifier) @the-element)",
            "(array . (number) @first)",
            "(statement_block (_) @last-expression .)",
            "(formal_parameters (identifier) @prev . (identifier) @next)",
            "(call_expression (_) @f . (arguments . (_) @only .))",
            "((identifier) @variable.builtin (#eq? @variable.builtin \"require\"))",
            "(pair key: (property_identifier) @key-name value: (number) @value-name (#eq? @key-name @value-name))",
            "((identifier) @constant (#match? @constant \"^[A-Z][A-Z_]+\"))",
            "((comment)+ @comment.documentation (#match? @comment.documentation \"^///\\\\s+.*\"))",
            "((identifier) @b (#any-of? @b \"arguments\" \"require\" \"console\" \"named\"))",
            "((identifier) @v (#is-not? local))",
            "((comment) @injection.content (#match? @injection.content \"a\") (#set! injection.language \"doxygen\"))",
            "(_ (identifier) @x)",
            "(_) @any",
            "_ @every",
            "(program (_) @top)",
            "(expression) @e",
            "(primary_expression/identifier) @i",
            "(statement) @s",
            "(pattern) @p",
            "(primary_expression) @pe",
            "((comment)* . (class_declaration)? @c)",
            "[(identifier) (property_identifier)]+ @names",
            "(ERROR) @error",
            "(MISSING) @missing",
            "(MISSING \";\") @semicolon",
            "(MISSING identifier) @name",
            "((identifier) @a (#not-eq? @a \"x\"))",
            "((identifier) @a (#not-match? @a \"^[a-c]$\"))",
            "((comment)+ @a (#any-eq? @a \"// b\"))",
            "((comment)+ @a (#any-not-eq? @a \"// b\"))",
            "((comment)+ @a (#any-match? @a \"b\"))",
            "((comment)+ @a (#any-not-match? @a \"b\"))",
            "((identifier) @a (#not-any-of? @a \"x\" \"y\"))",
        ],
    );
}

#[test]
fn patterns_on_errors_and_extras() {
    check(
        "c",
        "int main( { /* one */ return 0 /* two */ }\nint a = ; struct { int b /* c */ ; ; } // d\n@ $ (",
        &[
            "(ERROR) @e",
            "(ERROR (_) @in)",
            "(ERROR _ @in)",
            "(MISSING) @m",
            "(_ (ERROR) @e)",
            "(_ (comment) @c)",
            "(_ . (comment) @c)",
            "(_ (comment) @c .)",
            "(declaration (_)* @child)",
            "((comment) @a . (_) @b)",
            "(_ (_) @a . (comment) @c . (_) @b)",
            "(translation_unit (_) @x . (_) @y)",
            "((_) (comment))",
            "(_ !declarator) @without",
            "(ERROR !declarator) @without",
            "(declaration !type !declarator) @without",
            "(_ field: [(field_identifier) (identifier)]? @f)",
        ],
    );
}

#[test]
fn nodes_without_width_at_the_start_of_the_text() {
    for language in ["rust", "c", "python", "javascript"] {
        let bench = Bench::of(language);
        let specimens = ["", " ", "\n", "(", ")"].map(|source| bench.press(source.into()));
        for pattern in ["(_) @a", "((_) @a) (_) @b", "(_ (_) @a) @b", "_ @a @b", "(ERROR) @e"] {
            if let Err(difference) = bench.compare(pattern, &specimens, &Settings::default()) {
                panic!("{language} {pattern}\n{difference}");
            }
        }
    }
}

#[test]
fn a_capture_before_the_text_takes_no_list_of_a_limited_cursor() {
    let bench = Bench::of("typescript");
    let settings = Settings { match_limit: Some(1), ..Settings::default() };
    for source in ["*/\nb", "*/\nb c d e f", "b", "a b c"] {
        let specimens = [bench.press(source.into())];
        for pattern in ["(identifier) @c", "((identifier) @c (#q? \"\"))", "(_ (identifier) @c)"] {
            if let Err(difference) = bench.compare(pattern, &specimens, &settings) {
                panic!("{source:?} {pattern}\n{difference}");
            }
        }
    }
}
