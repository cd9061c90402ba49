//! Which language a file is in: names, interpreters, and signs in the content.

use std::path::Path;

use proptest::prelude::*;

use herbarium_languages::{HEAD_BYTES, Rule, clashes, detect, known, needs_head};

proptest! {
    /// What `needs_head` promises: a head that is not needed changes nothing.
    #[test]
    fn a_head_that_is_not_needed_changes_nothing(path in "[a-zA-Z.#/]{0,12}", head in any::<Vec<u8>>()) {
        if !needs_head(Path::new(&path)) {
            prop_assert_eq!(found(&path, &head), found(&path, b""));
        }
    }

    #[test]
    fn any_head_gives_an_answer(clash in 0..clashes().len(), head in "[-#!/*;@:(){}<>%$\\\\ a-z\n]{0,80}") {
        let path = format!("a.{}", clashes()[clash].extension);
        let end = head.len() / 2;
        found(&path, head.as_bytes());
        found(&path, &head.as_bytes()[..end]);
    }
}

/// Id of the language found, or `-`.
fn found(path: &str, head: &[u8]) -> &'static str {
    detect(Path::new(path), head).map_or("-", |detection| detection.row().id)
}

fn check(cases: &[(&str, &str, &str)]) {
    for (path, head, expected) in cases {
        assert_eq!(found(path, head.as_bytes()), *expected, "{path} with {head:?}");
    }
}

#[test]
fn a_name_decides_before_an_extension() {
    check(&[
        ("Makefile", "", "make"),
        ("a/b/CMakeLists.txt", "", "cmake"),
        ("requirements.txt", "", "requirements"),
        ("notes.txt", "", "-"),
        ("nginx.conf", "", "nginx"),
        ("go.mod", "", "gomod"),
        ("go.sum", "", "gosum"),
        ("Cargo.lock", "", "toml"),
        ("flake.lock", "", "json"),
        (".gitattributes", "", "gitattributes"),
        (".bashrc", "", "bash"),
        ("README", "", "markdown"),
        ("BUILD.bazel", "", "starlark"),
        ("drivers/Kbuild", "", "make"),
    ]);
}

#[test]
fn an_extension_of_two_parts_decides_before_its_last_part() {
    check(&[
        ("my.app.src", "", "erlang"),
        ("app.src", "", "-"),
        ("a.test.js", "", "javascript"),
        ("index.html.erb", "", "embedded_template"),
        ("types.d.ts", "", "typescript"),
        ("a..rs", "", "rust"),
        ("trailing.", "", "-"),
        (".rs", "", "-"),
    ]);
}

#[test]
fn capitals_count_only_where_they_mean_another_language() {
    check(&[
        ("MAIN.RS", "", "rust"),
        ("a.R", "", "r"),
        ("a.r", "", "r"),
        ("boot.S", "", "asm"),
        ("a.c", "", "c"),
        ("a.C", "", "cpp"),
        ("a.Cpp", "", "cpp"),
        ("a.H", "", "cpp"),
        ("a.M", "", "matlab"),
        ("a.an-extension-longer-than-any-that-is-known", "", "-"),
    ]);
}

#[test]
fn a_stem_decides_where_the_extension_is_unknown() {
    check(&[
        ("Dockerfile.dev", "", "dockerfile"),
        ("Kconfig.debug", "", "kconfig"),
        ("Makefile.am", "", "make"),
        ("Makefile.py", "", "python"),
        ("Other.dev", "", "-"),
    ]);
}

#[test]
fn an_interpreter_decides_where_the_name_does_not() {
    check(&[
        ("run", "#!/bin/sh\necho", "bash"),
        ("run", "#!/usr/bin/env python3", "python"),
        ("run", "#!/usr/bin/python3.11 -u\n", "python"),
        ("run", "#! /usr/bin/perl -w\n", "perl"),
        ("run", "#!/usr/bin/env -S deno run\n", "typescript"),
        ("run", "#!/usr/bin/env -i A=b ruby\n", "ruby"),
        ("run", "#!/usr/bin/node\r\n", "javascript"),
        ("run.unknown", "#!/bin/bash\n", "bash"),
        ("run.rs", "#!/bin/bash\n", "rust"),
        ("run", "#!\n", "-"),
        ("run", "#!/usr/bin/env", "-"),
        ("run", "#!/opt/none\n", "-"),
        ("run", "#!/usr/bin/env 3.11\n", "-"),
        ("run", "no interpreter", "-"),
    ]);
}

/// One case at least for every rule and every default.
const CONTENT: &[(&str, &str, &str)] = &[
    ("a.h", "", "c"),
    ("a.h", "#ifndef A_H\n#define A_H\nstruct a { int class; };\n", "c"),
    ("a.h", "/* the\n class Foo of devices\n */\nint f(void); // class A {\n", "c"),
    ("a.h", "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(void);\n", "c"),
    ("a.h", "#ifdef __cplusplus\n#define A static_cast<int>(0)\n#endif\n", "c"),
    ("a.h", "#ifdef __cplusplus\n#include <cstddef>\nnamespace a {\n", "cpp"),
    ("a.h", "int f() noexcept;\n", "cpp"),
    ("a.h", "#pragma once\n#include <vector>\n", "cpp"),
    ("a.h", "  class A {\n", "cpp"),
    ("a.h", "int f(std::string s);\n", "cpp"),
    ("a.h", "/* A */ namespace a {\n", "cpp"),
    ("a.h", "#import <Foundation/Foundation.h>\n", "objc"),
    ("a.h", "// A\n@interface A : NSObject\n@end\n", "objc"),
    ("a.m", "% a comment\nx = 1;\n", "matlab"),
    ("a.m", "x = 1;\nplot(x)\n", "matlab"),
    ("a.m", "function y = f(x)\n", "matlab"),
    ("a.m", "#import \"A.h\"\n@implementation A\n", "objc"),
    ("a.m", "/* a */\nint main(void) {}\n", "objc"),
    ("a.m", ":- module a.\n:- interface.\n", "-"),
    ("a.m", "BeginPackage[\"A`\"]\n", "-"),
    ("a.pp", "class nginx {\n  package { 'nginx': }\n}\n", "puppet"),
    ("a.pp", "foo {\n  unit => 'a',\n}\n", "puppet"),
    ("a.pp", "unit A;\ninterface\nuses B;\n", "pascal"),
    ("a.pp", "{$mode objfpc}\nPROGRAM A;\n", "pascal"),
    ("a.scm", "(define (f x) x)\n", "scheme"),
    ("a.scm", "; inherits: c\n", "query"),
    ("a.scm", "((identifier) @variable\n", "query"),
    ("queries/rust/highlights.scm", "(a)\n", "query"),
    ("a.v", "module a(input b);\nendmodule\n", "systemverilog"),
    ("a.v", "Require Import List.\nTheorem a : b.\n", "-"),
    ("a.v", "module main\n\nfn main() {\n", "-"),
    ("A.cls", "public class A {\n", "apex"),
    ("a.cls", "% a class\n\\NeedsTeXFormat{LaTeX2e}\n", "latex"),
    ("A.cls", "VERSION 1.0 CLASS\nBEGIN\n", "-"),
    ("A.cls", "Class %A.B Extends C {\n", "-"),
    ("A.cls", "USING Progress.Lang.*.\nROUTINE-LEVEL ON ERROR UNDO, THROW.\n", "-"),
    ("a.fs", "module A\nlet x = 1\n", "fsharp"),
    ("a.fs", "#version 330\nvoid main() {}\n", "glsl"),
    ("a.fs", "\\ a comment\n: square dup * ;\n", "-"),
    ("a.pl", "use strict;\nmy $x = 1;\n", "perl"),
    ("a.pl", ":- module(a, []).\nf(X) :- g(X).\n", "prolog"),
    ("a.pl", "%a = (b => 1);\n1;\n", "perl"),
    ("a.pl", "#!/usr/bin/swipl\nf(1).\n", "prolog"),
    ("a.pl", "#!/usr/bin/perl\n% :- x\n", "perl"),
    ("a.pro", "f(X) :- g(X).\n", "prolog"),
    ("a.pro", "QT += core\nSOURCES += a.cpp\n", "-"),
    ("a.pro", "PRO hello\n  print, 'a'\nEND\n", "-"),
    ("a.t", "use Test::More;\n", "perl"),
    ("a.t", "ok(1);\n", "perl"),
    ("a.t", "set up\n\n  $ hg init\n", "-"),
    ("a.t", "terra f() end\n", "-"),
    ("a.t", "put \"hello\"\n", "-"),
    ("a.d", "module a;\nimport std.stdio;\n", "d"),
    ("a.d", "void main() {}\n", "d"),
    ("a.d", "main.o: main.c main.h\n", "make"),
    ("a.d", "/* a */\n#pragma D option quiet\n", "-"),
    ("a.inc", "<?php\n", "php"),
    ("a.inc", "{$ifdef A}\n", "pascal"),
    ("a.inc", "SUMMARY = \"a\"\ninherit b\n", "-"),
    ("a.inc", "%macro a 1\n", "-"),
    ("a.inc", "template <class T>\n", "cpp"),
    ("a.inc", "#include \"a.h\"\n", "c"),
    ("a.inc", "anything\n", "-"),
    ("a.mod", "<!ENTITY % a \"b\">\n", "dtd"),
    ("a.mod", "module example.com/a\n\ngo 1.22\n", "gomod"),
    ("a.mod", "drivers/a.o\n", "-"),
    ("a.ent", "<!ENTITY a \"b\">\n", "dtd"),
    ("a.ent", "HEADER    PROTEIN\n", "-"),
    ("a.ts", "let a: number = 1;\n", "typescript"),
    ("a.ts", "<?xml version=\"1.0\"?>\n<!DOCTYPE TS>\n", "xml"),
    ("a.md", "# Title\n", "markdown"),
    ("a.md", ";; machine\n(define_insn \"a\"\n", "-"),
    ("a.props", "a = b\n", "properties"),
    ("a.props", "\u{feff}\n<Project>\n", "xml"),
    ("a.ui", "<?xml version=\"1.0\"?>\n", "xml"),
    ("a.ui", "form a\n", "-"),
    ("a.cl", "(defun f (x) x)\n", "commonlisp"),
    ("a.cl", "__kernel void f() {}\n", "-"),
    ("a.bb", "(ns a)\n", "clojure"),
    ("a.bb", "SUMMARY = \"a\"\n", "-"),
    ("a.sc", "object A { def f = 1 }\n", "scala"),
    ("a.sc", "SynthDef(\\a, { arg b; })\n", "-"),
    ("a.gd", "extends Node\n", "gdscript"),
    ("a.gd", "DeclareOperation( \"A\", [] );\n", "-"),
    ("a.ll", "define i32 @f() {\n", "llvm"),
    ("a.ll", "%{\n#include \"a.h\"\n%}\n", "-"),
    ("a.f", "      PROGRAM A\n", "fortran"),
    ("a.f", ": square dup * ;\n", "-"),
    ("a.for", "      PROGRAM A\n", "fortran"),
    ("a.for", "\\ forth\n", "-"),
];

#[test]
fn content_decides_where_extensions_clash() {
    check(CONTENT);
}

#[test]
fn every_rule_of_every_clash_and_every_default_has_a_case() {
    for clash in clashes() {
        let ending = format!(".{}", clash.extension);
        let cases = CONTENT.iter().filter(|(path, ..)| path.ends_with(&ending));
        let deciding: Vec<Option<&Rule>> =
            cases.map(|(path, head, _)| clash.rule(Path::new(path), head.as_bytes())).collect();
        for rule in clash.rules.iter().map(Some).chain([None]) {
            let same = |other: &Option<&Rule>| match (rule, other) {
                (Some(rule), Some(other)) => std::ptr::eq(rule, *other),
                (None, None) => true,
                _ => false,
            };
            assert!(deciding.iter().any(same), "{ending}: no case for {rule:?}");
        }
    }
}

#[test]
fn every_name_of_every_row_leads_to_it_or_to_a_clash() {
    for row in known() {
        for extension in row
            .extensions
            .iter()
            .filter(|extension| !clashes().iter().any(|clash| clash.extension == **extension))
        {
            assert_eq!(found(&format!("file.{extension}"), b""), row.id);
            assert!(!needs_head(Path::new(&format!("file.{extension}"))), "{extension}");
        }
        for name in row.file_names {
            assert_eq!(found(name, b""), row.id);
            assert!(!needs_head(Path::new(name)), "{name}");
        }
        for stem in row.file_stems {
            assert_eq!(found(&format!("{stem}.unknown"), b""), row.id);
        }
        for program in row.shebangs {
            assert_eq!(found("run", format!("#!/usr/bin/env {program}\n").as_bytes()), row.id);
        }
    }
}

#[test]
fn injection_only_languages_are_never_found() {
    for row in known().iter().filter(|row| row.injection_only) {
        let claims = [row.extensions, row.file_names, row.file_stems, row.shebangs];
        assert!(claims.iter().all(|names| names.is_empty()), "{row:?}");
    }
    assert_eq!(known().iter().filter(|row| row.injection_only).count(), 6);
}

#[test]
fn the_head_is_needed_where_the_name_does_not_decide() {
    for (path, expected) in [
        ("a.rs", false),
        ("Makefile", false),
        ("Kconfig.debug", false),
        ("a.h", true),
        ("configure", true),
        ("a.unknown", true),
        ("", true),
        ("..", true),
    ] {
        assert_eq!(needs_head(Path::new(path)), expected, "{path}");
    }
}

#[test]
fn only_the_head_is_looked_at() {
    let mut source = vec![b'\n'; HEAD_BYTES];
    source.extend_from_slice(b"class A {\n");
    assert_eq!(found("a.h", &source), "c");
    assert_eq!(found("a.h", &source[10..]), "cpp");
}
