//! The rows as they stand in the files, and the rules that they keep.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;

use serde::Deserialize;

/// All rows, ordered by id, and all clashes.
pub(crate) struct Registry {
    pub(crate) languages: Vec<Row>,
    pub(crate) clashes: Vec<Clash>,
}

/// One language.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) extensions: Vec<String>,
    #[serde(default)]
    pub(crate) file_names: Vec<String>,
    #[serde(default)]
    pub(crate) file_stems: Vec<String>,
    #[serde(default)]
    pub(crate) shebangs: Vec<String>,
    #[serde(default)]
    pub(crate) injection_only: bool,
    #[serde(rename = "crate")]
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) exposure: Exposure,
    pub(crate) path: String,
    pub(crate) c_symbol: String,
    pub(crate) licence: String,
    pub(crate) tier: Tier,
    pub(crate) weight: Weight,
    #[serde(default)]
    pub(crate) query_constants: Vec<String>,
    #[serde(default)]
    pub(crate) query_files: Vec<String>,
    #[serde(default)]
    pub(crate) weakness: Option<String>,
    #[serde(skip)]
    pub(crate) pin: Pin,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Exposure {
    Constant,
    Function,
    Module,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    Core,
    Extended,
    All,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Weight {
    Light,
    Medium,
    Heavy,
    Huge,
}

/// What the loaded grammar looked like when it was last measured.
#[derive(Default, Clone)]
pub(crate) struct Pin {
    pub(crate) abi: u32,
    pub(crate) states: u32,
    pub(crate) kinds: u32,
    pub(crate) fields: u32,
    pub(crate) fingerprint: u128,
}

/// An extension whose language the content tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clash {
    pub(crate) extension: String,
    #[serde(default)]
    pub(crate) line_comment: Option<String>,
    #[serde(default)]
    pub(crate) block_comment: Option<[String; 2]>,
    pub(crate) default: Verdict,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Language(String),
    Other(String),
}

#[derive(Deserialize)]
pub(crate) struct Rule {
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
    #[serde(default)]
    pub(crate) first: Vec<String>,
    #[serde(default)]
    pub(crate) starts: Vec<String>,
    #[serde(default)]
    pub(crate) contains: Vec<String>,
    #[serde(default)]
    pub(crate) folders: Vec<String>,
    #[serde(default)]
    pub(crate) ignore_case: bool,
}

/// Licences that may be in every tier; any other is kept to `all`.
const PERMISSIVE: &[&str] =
    &["MIT", "Apache-2.0", "MIT OR Apache-2.0", "ISC", "CC0-1.0", "Apache-2.0 WITH LLVM-exception"];

const PIN_COLUMNS: &str = "id\tabi\tstates\tkinds\tfields\tfingerprint";

impl Registry {
    /// Reads the three files and checks what they say against each other.
    pub(crate) fn read(languages: &str, clashes: &str, pins: &str) -> Result<Self, Box<dyn Error>> {
        #[derive(Deserialize)]
        struct Languages {
            language: Vec<Row>,
        }
        #[derive(Deserialize)]
        struct Clashes {
            clash: Vec<Clash>,
        }
        let languages: Languages =
            toml::from_str(languages).map_err(|error| format!("languages.toml: {error}"))?;
        let clashes: Clashes =
            toml::from_str(clashes).map_err(|error| format!("clashes.toml: {error}"))?;
        let mut registry = Self { languages: languages.language, clashes: clashes.clash };
        registry.languages.sort_by(|a, b| a.id.cmp(&b.id));
        registry.attach(&parse_pins(pins)?);
        let faults = registry.faults();
        if faults.is_empty() { Ok(registry) } else { Err(faults.join("\n").into()) }
    }

    /// The package names and their versions, each once, ordered by name.
    pub(crate) fn packages(&self) -> BTreeMap<&str, &str> {
        self.languages.iter().map(|row| (row.package.as_str(), row.version.as_str())).collect()
    }

    /// A language without a pin keeps an empty one, and so fails the test that
    /// compares pins with grammars until `--pin` has run.
    fn attach(&mut self, pins: &HashMap<&str, Pin>) {
        for row in &mut self.languages {
            row.pin = pins.get(row.id.as_str()).cloned().unwrap_or_default();
        }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.languages.iter().flat_map(row_faults));
        faults.extend(self.names_taken_twice());
        faults.extend(self.versions_that_disagree());
        faults.extend(self.clash_faults());
        faults
    }

    /// Ids, C symbols, file names, stems and shebangs belong to one language
    /// each; extensions too, unless a clash decides.
    fn names_taken_twice(&self) -> Vec<String> {
        let mut owners: HashMap<(&str, &str), &str> = HashMap::new();
        let mut faults = Vec::new();
        for row in &self.languages {
            for (what, name) in names(row) {
                let decided =
                    what == "extension" && self.clashes.iter().any(|clash| clash.extension == name);
                if let Some(owner) = owners.insert((what, name), &row.id).filter(|_| !decided) {
                    faults.push(format!(
                        "languages.toml: {what} `{name}` belongs to `{owner}` and to `{}`: take it from one of them{}",
                        row.id,
                        if what == "extension" { ", or add a rule to clashes.toml" } else { "" },
                    ));
                }
            }
        }
        faults
    }

    fn versions_that_disagree(&self) -> Vec<String> {
        let versions = self.packages();
        self.languages
            .iter()
            .filter(|row| versions[row.package.as_str()] != row.version)
            .map(|row| {
                format!(
                    "languages.toml: `{}` wants {} {}, another language wants {}: a crate has one version",
                    row.id, row.package, row.version, versions[row.package.as_str()],
                )
            })
            .collect()
    }

    /// A clash speaks of languages that exist, and of every one that claims its
    /// extension.
    fn clash_faults(&self) -> Vec<String> {
        let ids: HashSet<&str> = self.languages.iter().map(|row| row.id.as_str()).collect();
        let mut faults = Vec::new();
        for clash in &self.clashes {
            let named: HashSet<&str> = clash.languages().collect();
            for id in named.iter().filter(|id| !ids.contains(*id)) {
                faults.push(format!(
                    "clashes.toml: `.{}` names `{id}`, which is no language",
                    clash.extension
                ));
            }
            for row in self.languages.iter().filter(|row| row.extensions.contains(&clash.extension))
            {
                if !named.contains(row.id.as_str()) {
                    faults.push(format!(
                        "clashes.toml: `{}` claims `.{}`, but no rule leads to it",
                        row.id, clash.extension
                    ));
                }
            }
        }
        faults
    }
}

impl Clash {
    /// Ids of the languages that the clash may decide for.
    fn languages(&self) -> impl Iterator<Item = &str> {
        let verdicts = self.rules.iter().map(|rule| &rule.verdict).chain([&self.default]);
        verdicts.filter_map(|verdict| match verdict {
            Verdict::Language(id) => Some(id.as_str()),
            Verdict::Other(_) => None,
        })
    }
}

fn row_faults(row: &Row) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(format!("languages.toml: `{}` {text}", row.id));
    if !PERMISSIVE.contains(&row.licence.as_str()) && row.tier != Tier::All {
        fault(format!(
            "is under {} and in tier {:?}: such a licence stays in tier `all`",
            row.licence, row.tier
        ));
    }
    if row.tier == Tier::Extended && row.weight > Weight::Medium {
        fault(format!(
            "is {:?} and in tier `extended`, which holds light and medium ones",
            row.weight
        ));
    }
    if row.injection_only && !(row.extensions.is_empty() && row.file_names.is_empty()) {
        fault("lives inside other languages only, yet claims files".into());
    }
    if (row.exposure == Exposure::Module) != (row.path.matches("::").count() > 1) {
        fault(format!("has a path `{}` that is not of its exposure", row.path));
    }
    faults
}

/// Everything that has to be unique, as (what it is, name).
fn names(row: &Row) -> impl Iterator<Item = (&'static str, &str)> {
    let lists = [
        ("extension", &row.extensions),
        ("file name", &row.file_names),
        ("file stem", &row.file_stems),
        ("shebang", &row.shebangs),
    ];
    let listed = lists
        .into_iter()
        .flat_map(|(what, list)| list.iter().map(move |name| (what, name.as_str())));
    [("id", row.id.as_str()), ("C symbol", row.c_symbol.as_str())].into_iter().chain(listed)
}

fn parse_pins(text: &str) -> Result<HashMap<&str, Pin>, Box<dyn Error>> {
    let mut lines = text.lines();
    if lines.next() != Some(PIN_COLUMNS) {
        return Err(format!("pins.tsv: expected the columns {PIN_COLUMNS:?} in line 1").into());
    }
    let mut pins = HashMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, abi, states, kinds, counted, fingerprint] = fields[..] else {
            return Err(format!("pins.tsv: expected 6 columns in {line:?}").into());
        };
        let pin = Pin {
            abi: abi.parse()?,
            states: states.parse()?,
            kinds: kinds.parse()?,
            fields: counted.parse()?,
            fingerprint: u128::from_str_radix(fingerprint, 16)?,
        };
        pins.insert(id, pin);
    }
    Ok(pins)
}

#[cfg(test)]
mod tests {
    use super::{PIN_COLUMNS, Registry};

    const SUMS: &str = r#"
        [[language]]
        id = "sums"
        name = "Sums"
        extensions = ["sum"]
        crate = "tree-sitter-sums"
        version = "1.0.0"
        exposure = "constant"
        path = "tree_sitter_sums::LANGUAGE"
        c_symbol = "tree_sitter_sums"
        licence = "MIT"
        tier = "core"
        weight = "light"
    "#;

    /// Reads `SUMS`, changed by the first text, with the clashes given.
    fn check(more: &str, clashes: &str, expected: &str) {
        let clashes = if clashes.is_empty() { "clash = []" } else { clashes };
        let found = match Registry::read(&format!("{SUMS}{more}"), clashes, PIN_COLUMNS) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(
            if expected.is_empty() { found.is_empty() } else { found.contains(expected) },
            "expected {expected:?}, found {found:?}"
        );
    }

    fn second(change: (&str, &str)) -> String {
        SUMS.replace("\"sums\"", "\"more\"")
            .replace("[\"sum\"]", "[\"more\"]")
            .replace("tree_sitter_sums\"", "tree_sitter_more\"")
            .replace(change.0, change.1)
    }

    #[test]
    fn rows_that_contradict_each_other_are_refused() {
        check("", "", "");
        check(&second(("", "")), "", "");
        check(
            &second(("\"more\"]", "\"sum\"]")),
            "",
            "extension `sum` belongs to `more` and to `sums`",
        );
        check(
            &second(("tree_sitter_more\"", "tree_sitter_sums\"")),
            "",
            "C symbol `tree_sitter_sums`",
        );
        check(&second(("1.0.0", "1.0.1")), "", "a crate has one version");
        check(&second(("MIT", "MPL-2.0")), "", "stays in tier `all`");
        check(
            &second(("\"core\"", "\"extended\"")).replace("light", "huge"),
            "",
            "holds light and medium",
        );
        check("injection_only = true", "", "yet claims files");
        check(&second(("constant", "module")), "", "not of its exposure");
    }

    #[test]
    fn clashes_speak_of_languages_that_claim_the_extension() {
        let clash = |default: &str| {
            format!("[[clash]]\nextension = \"sum\"\ndefault = {default}\nrules = []")
        };
        check("", &clash("{ language = \"sums\" }"), "");
        check("", &clash("{ language = \"none\" }"), "which is no language");
        check("", &clash("{ other = \"Sumo\" }"), "no rule leads to it");
    }
}
