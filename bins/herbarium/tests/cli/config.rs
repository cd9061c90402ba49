//! `herbarium config`: every setting, and where it comes from.

use serde_json::{Value, json};

use crate::bed::{Bed, Ran, Type, check_shape};

/// Value and origin of a setting.
fn check(rows: &Value, name: &str, value: Value, origin: &str) {
    let rows = rows.as_array().expect("a list");
    let row = rows.iter().find(|row| row["name"] == name).expect(name);
    check_shape(row, &[("name", Type::Text), ("value", Type::Any), ("origin", Type::Text)]);
    assert!(value.is_null() || row["value"] == value, "{row}");
    assert!(row["origin"].as_str().expect("text").contains(origin), "{row}");
}

#[test]
fn what_nobody_set_has_a_default_and_a_reason() {
    let bed = Bed::new();
    let rows = bed.json(["config", "--show", "--json"]);
    check(&rows, "store", json!(bed.store()), "variable HERBARIUM_STORE");
    check(&rows, "workers", Value::Null, "default: one for each processor");
    check(&rows, "max_file_size", json!(32 << 20), "default: ");
    check(&rows, "max_parse_time", json!(60.0), "default: ");
    check(&rows, "memory", json!(512 << 20), "default: ");
    check(&rows, "cache", Value::Null, "of memory");
    check(&rows, "never_parse", json!([]), "default: ");
    check(&rows, "processors", Value::Null, "");
    check(&rows, "machine_memory", Value::Null, "");
    assert!(!bed.store().exists(), "to look makes no store");
}

#[test]
fn what_is_typed_goes_before_what_is_in_the_environment() {
    let bed = Bed::new();
    let mut command = bed.command(["config", "--json", "--cache", "64M", "--workers", "3"]);
    command.args(["--store", "elsewhere", "--max-parse-time", "1500ms"]);
    command.env("HERBARIUM_CACHE", "1G").env("HERBARIUM_MEMORY", "1G");
    command.env("HERBARIUM_NEVER_PARSE", "rust, c").env("HERBARIUM_MAX_FILE_SIZE", "");
    let rows = Ran::of(&mut command).code(0).json();
    check(&rows, "store", json!("elsewhere"), "option --store");
    check(&rows, "workers", json!(3), "option --workers");
    check(&rows, "max_file_size", json!(32 << 20), "default: ");
    check(&rows, "max_parse_time", json!(1.5), "option --max-parse-time");
    check(&rows, "memory", json!(1 << 30), "variable HERBARIUM_MEMORY");
    check(&rows, "cache", json!(64 << 20), "option --cache");
    check(&rows, "never_parse", json!(["c", "rust"]), "variable HERBARIUM_NEVER_PARSE");
}

#[test]
fn people_get_a_table() {
    let ran = Bed::new().run(["config", "--cache", "64M"]).code(0).silent();
    ran.prints(&["setting", "cache", "64.0 MiB", "option --cache", "none"]);
}

#[test]
fn a_variable_that_makes_no_sense_is_named() {
    let bed = Bed::new();
    let mut command = bed.command(["config"]);
    let ran = Ran::of(command.env("HERBARIUM_CACHE", "much")).code(2);
    assert!(ran.err.contains("HERBARIUM_CACHE") && ran.err.contains("much"), "{}", ran.err);
}
