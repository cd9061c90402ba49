//! Settings: checked, shown, refused.

use super::daemon::{herbariumd, root, run, stderr, stdout};

#[test]
fn examples_make_sense() {
    let examples = std::fs::read_dir(root().join("docs/examples")).expect("examples");
    let mut seen = 0;
    for entry in
        examples.flatten().filter(|it| it.path().extension().is_some_and(|it| it == "toml"))
    {
        // Files that they name are not on this machine.
        let output = herbariumd()
            .args(["config", "--show", "--config"])
            .arg(entry.path())
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}: {}", entry.path().display(), stderr(&output));
        seen += 1;
    }
    assert!(seen >= 2, "{seen} examples");
}

#[test]
fn what_is_shown_says_where_it_comes_from() {
    let output = herbariumd()
        .env("HERBARIUM_LIMITS_REQUESTS", "7")
        .args(["config", "--show", "--work-max-batch", "3"])
        .output()
        .expect("the program starts");
    let text = stdout(&output);
    for line in [
        "requests = 7  # variable HERBARIUM_LIMITS_REQUESTS",
        "max_batch = 3  # option --work-max-batch",
        "listen = [\"127.0.0.1:7878\"]  # default",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let json = stdout(&run(&["config", "--show", "--json"]));
    assert!(json.contains("\"name\": \"limits.requests\""), "{json}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let check = |args: &[&str], told: &[&str]| {
        for command in [&["config", "--check"][..], &["serve"]] {
            let output = run(&[command, args].concat());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
            for text in told {
                assert!(said.contains(text), "{text}: {said}");
            }
            assert!(said.contains("what to do: "), "{said}");
        }
    };
    let unknown = file("unknown.toml", "[limits]\nbody_byts = 1\n");
    check(&["--config", &unknown], &["unknown.toml, line 2", "`limits.body_bytes`"]);
    check(&["--limits-body-bytes", "3X"], &["option --limits-body-bytes", "found \"3X\""]);
    check(&["--listen", "0.0.0.0:0"], &["0.0.0.0:0", "auth.tokens_file"]);
    check(&["--tls-certificate", "/nowhere.pem"], &["tls.key"]);
    check(&["--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.pem"], &["/nowhere.pem"]);
    check(&["--auth-tokens-file", "/nowhere"], &["/nowhere", "herbariumd token"]);
    let empty = file("empty", "# nobody\n");
    check(&["--auth-tokens-file", &empty], &["there is no token"]);
    let secret = file("secret", "ci read hbt_0123456789\n");
    check(&["--auth-tokens-file", &secret], &["line 1"]);
    let said = stderr(&run(&["config", "--check", "--auth-tokens-file", &secret]));
    assert!(!said.contains("hbt_0123456789"), "a secret is told: {said}");
    check(&["--config", "/nowhere.toml"], &["/nowhere.toml"]);
    check(&["--engine-never-parse", "rust,klingon"], &["klingon"]);
}

#[test]
fn options_that_do_not_exist_are_refused() {
    let output = run(&["--limits-body-byts", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--limits-body-bytes"), "{}", stderr(&output));
}

#[test]
fn a_variable_that_is_mistyped_is_refused_and_one_of_another_program_is_not() {
    let check = |name: &str, code: i32| {
        let output = herbariumd().env(name, "7").args(["config", "--check"]).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(code), "{name}: {}", stderr(&output));
        stderr(&output)
    };
    let said = check("HERBARIUM_LIMITS_REQUEST", 2);
    assert!(said.contains("HERBARIUM_LIMITS_REQUESTS"), "{said}");
    check("HERBARIUM_SOMETHING_ELSE_ALTOGETHER", 0);
}
