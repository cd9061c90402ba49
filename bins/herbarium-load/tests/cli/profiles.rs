//! The profiles that come with the program.

use herbarium_loadgen::Scenario;

use crate::bed::{Bed, UNLIMITED, good};

const NAMES: [&str; 8] =
    ["matrix", "normal", "peak", "stress", "spike", "endurance", "baseline-vs-service", "c1000"];

fn profile(bed: &Bed, name: &str) -> Scenario {
    Scenario::from_toml(&bed.run(&["profiles", name], 0)).unwrap()
}

#[test]
fn all_are_listed_and_none_contradicts_itself() {
    let bed = Bed::new();
    let list = bed.run(&["profiles"], 0);
    for name in NAMES {
        assert!(list.contains(name), "{name}");
        let profile = profile(&bed, name);
        assert_eq!(profile.name, name);
        assert!(!profile.gates.is_empty(), "{name}");
        assert_eq!(profile.contradictions(), [], "{name}");
    }
    bed.run(&["profiles", "nobody"], 1);
}

#[test]
fn each_has_a_full_a_laptop_and_a_ci_length() {
    let bed = Bed::new();
    for name in NAMES {
        let lengths = ["full", "laptop", "ci"]
            .map(|size| profile(&bed, name).in_size(size).unwrap().length());
        assert!(lengths.is_sorted_by(|longer, shorter| longer > shorter), "{name}: {lengths:?}");
        assert!(lengths[2].as_secs() <= 120, "{name}");
        for size in ["full", "laptop", "ci"] {
            let out = bed.run(&["run", name, "--size", size, "--dry-run"], 0);
            assert!(out.contains('█') && !out.contains("contradiction"), "{out}");
        }
    }
}

/// A few seconds of each, with a request file of somebody's own. What their
/// gates say depends on the machine.
#[test]
fn each_runs_against_a_server() {
    let bed = Bed::new();
    bed.write("requests.toml", "[[flow]]\nname = \"mine\"\npath = \"/mine\"");
    let url = good();
    for name in NAMES {
        let args = ["run", name, "--requests", "requests.toml", "--target", &url, "--quiet"];
        let small = ["--scale", "0.2", "--length", "800ms", "--json", "r.json"];
        // The long one wants to watch the server, which is this process.
        let pid = std::process::id().to_string();
        let watched: &[&str] = if name == "endurance" { &["--server-pid", &pid] } else { &[] };
        let args = [&args[..], &small, &UNLIMITED, watched].concat();
        let status = bed.command(&args).output().unwrap().status;
        // A moment is too short for a slope.
        let codes: &[i32] = if name == "endurance" { &[0, 2, 3] } else { &[0, 2] };
        assert!(codes.contains(&status.code().unwrap()), "{name}: {status}");
        let report: serde_json::Value = serde_json::from_str(&bed.read("r.json")).unwrap();
        assert_eq!(report["scenario"]["flow"][0]["name"], "mine");
        assert!(report["whole"]["good"].as_u64().unwrap() > 0, "{name}");
    }
}
