//! From what, with what and how a release was built: a statement of in-toto, with the
//! predicate of SLSA 1.

use std::path::Path;

use serde_json::json;

use super::{Plan, sha256};

/// The statement about files, each with its checksum.
pub(super) fn text(
    root: &Path,
    plan: &Plan,
    subjects: &[(String, String)],
) -> Result<String, String> {
    let lock = std::fs::read(root.join("Cargo.lock"))
        .map_err(|error| format!("reading Cargo.lock: {error}"))?;
    let subjects: Vec<_> = subjects
        .iter()
        .map(|(name, hash)| json!({ "name": name, "digest": { "sha256": hash } }))
        .collect();
    let binaries: Vec<_> = plan
        .binaries
        .iter()
        .map(|it| json!({ "name": it.name, "package": it.package, "features": it.features }))
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": format!("{REPOSITORY}/blob/main/docs/releasing.md"),
                "externalParameters": { "target": plan.target, "binaries": binaries },
                "internalParameters": {
                    "SOURCE_DATE_EPOCH": plan.epoch,
                    "uncommittedChanges": plan.changed,
                },
                "resolvedDependencies": [
                    { "uri": format!("git+{REPOSITORY}"), "digest": { "gitCommit": plan.commit } },
                    { "name": "Cargo.lock", "digest": { "sha256": sha256(&lock) } },
                ],
            },
            "runDetails": {
                "builder": { "id": "cargo xtask dist", "version": versions(plan) },
                "metadata": { "finishedOn": time(plan.epoch) },
            },
        },
    });
    serde_json::to_string_pretty(&statement)
        .map(|text| text + "\n")
        .map_err(|error| format!("writing the provenance: {error}"))
}

const REPOSITORY: &str = "https://github.com/herbarium-trees/herbarium";

fn versions(plan: &Plan) -> serde_json::Value {
    let of = |key: &str| plan.compiler.lines().find_map(|line| line.strip_prefix(key));
    json!({ "rustc": of("release: "), "commit": of("commit-hash: "), "llvm": of("LLVM version: ") })
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z`.
pub(super) fn time(epoch: u64) -> String {
    let (day, second) = (epoch / 86_400, epoch % 86_400);
    // Years that begin in March, so that the odd day is the last: Howard Hinnant's `civil_from_days`.
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_date() {
        let check = |epoch, expected: &str| assert_eq!(time(epoch), expected, "{epoch}");
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(951_868_799, "2000-02-29T23:59:59Z");
        check(1_709_251_200, "2024-03-01T00:00:00Z");
        check(1_767_225_599, "2025-12-31T23:59:59Z");
    }
}
