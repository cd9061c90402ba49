//! The languages that are built in, and those that could be.

use serde_json::{Value, json};

use crate::bed::{Bed, Type, check_shape, check_values};

fn check_languages(args: &[&str], count: usize) -> Vec<Value> {
    let languages = Bed::new().json(args);
    let languages = languages.as_array().unwrap().clone();
    assert_eq!(languages.len(), count);
    for language in &languages {
        check_shape(
            language,
            &[
                ("id", Type::Text),
                ("name", Type::Text),
                ("extensions", Type::List),
                ("file_names", Type::List),
                ("shebangs", Type::List),
                ("abi", Type::Number),
                ("licence", Type::Text),
                ("grammar_crate", Type::Text),
                ("grammar_version", Type::Text),
                ("fingerprint", Type::Text),
                ("injection_only", Type::Flag),
                ("set", Type::Text),
                ("built_in", Type::Flag),
            ],
        );
        assert!((13..=15).contains(&language["abi"].as_u64().unwrap()), "{language}");
        assert!(!language["licence"].as_str().unwrap().is_empty(), "{language}");
    }
    languages
}

#[test]
fn what_is_built_in_is_listed() {
    let built_in = herbarium_languages::all().len();
    let languages = check_languages(&["languages", "--json"], built_in);
    let rust = languages.iter().find(|language| language["id"] == "rust").unwrap();
    check_values(
        rust,
        &[
            ("name", json!("Rust")),
            ("extensions", json!(["rs"])),
            ("licence", json!("MIT")),
            ("set", json!("core")),
            ("built_in", json!(true)),
        ],
    );
}

#[test]
fn all_that_is_known_is_listed_on_request() {
    let languages = check_languages(&["languages", "--known", "--json"], 141);
    let built_in = languages.iter().filter(|language| language["built_in"] == true).count();
    assert_eq!(built_in, herbarium_languages::all().len());
}

#[test]
fn the_list_for_people_says_how_to_get_more() {
    let bed = Bed::new();
    let ran = bed.run(["languages"]).code(0).silent();
    ran.prints(&["id ", "licence", "\nrust ", "*.rs", "languages built in (set: "]);
    bed.run(["languages", "--known"]).code(0).silent().prints(&["\ncobol ", "\nzig "]);
    if herbarium_languages::all().len() < 141 {
        bed.run(["languages"]).code(0).prints(&["more are known", "--features all-langs"]);
    }
}
