//! The profiles that come with the program: data, in `profiles/`.

use std::fmt::Write as _;

use herbarium_loadgen::{Scenario, Span};

use crate::exit::Trouble;

/// Names and texts.
const PROFILES: [(&str, &str); 8] = [
    ("matrix", include_str!("../profiles/matrix.toml")),
    ("normal", include_str!("../profiles/normal.toml")),
    ("peak", include_str!("../profiles/peak.toml")),
    ("stress", include_str!("../profiles/stress.toml")),
    ("spike", include_str!("../profiles/spike.toml")),
    ("endurance", include_str!("../profiles/endurance.toml")),
    ("baseline-vs-service", include_str!("../profiles/baseline-vs-service.toml")),
    ("c1000", include_str!("../profiles/c1000.toml")),
];

/// The TOML of a profile.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    PROFILES.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// There is none of that name.
pub(crate) fn unknown(name: &str) -> Trouble {
    let names = PROFILES.map(|(name, _)| name).join(", ");
    Trouble::usage(format!("there is no profile and no file `{name}`; the profiles are {names}"))
}

/// One line for each, and its sizes.
pub(crate) fn table() -> Result<String, Trouble> {
    let mut out = String::new();
    for (name, text) in PROFILES {
        let scenario = Scenario::from_toml(text)?;
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name:<20} {}", scenario.description);
        let _ = writeln!(out, "{:<20} {}", "", sizes(&scenario)?);
    }
    Ok(out)
}

fn sizes(scenario: &Scenario) -> Result<String, Trouble> {
    let mut sizes = Vec::new();
    for name in ["full", "laptop", "ci"] {
        let sized = scenario.in_size(name)?;
        let length = Span::from(sized.length());
        sizes.push(format!("{name}: {length}, {} connections", sized.connections()));
    }
    Ok(sizes.join("; "))
}
