//! Features of this program that languages are built in with.

use herbarium_languages::{Tier, known};

/// The smallest set that has the languages of a tier.
pub(crate) fn of_tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Core => "core-langs",
        Tier::Extended => "extended-langs",
        Tier::All => "all-langs",
    }
}

/// What to build with to have one language.
pub(crate) fn advice(id: &str) -> String {
    let tier = known().iter().find(|row| row.id == id).map_or(Tier::All, |row| row.tier);
    let set = of_tier(tier);
    format!(
        "build with `--features {set}`, or with `--features herbarium-languages/lang-{id}` for \
         this language alone; `herbarium languages --known` lists all"
    )
}
