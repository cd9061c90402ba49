//! `herbariumd config`: settings checked, shown, and described.

use std::io::Write as _;
use std::process::ExitCode;

use herbarium_settings::{Origin, Settings, Sources};
use serde_json::json;

use crate::args::ConfigDeed;
use crate::failure::{Exit, Failure};
use crate::parts;
use crate::settings::ALL;

pub(crate) fn run(deed: ConfigDeed, sources: &Sources) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match deed {
        ConfigDeed::Example => write!(out, "{}", example())?,
        ConfigDeed::Page => write!(out, "{}", page())?,
        ConfigDeed::Check => {
            let settings = read(sources)?;
            parts::check(&settings)?;
            let set = settings.rows().iter().filter(|row| is_set(&row.origin)).count();
            writeln!(out, "fine: {} settings, {set} of them set", settings.rows().len())?;
        }
        ConfigDeed::Show { json: true } => {
            let rows = read(sources)?.rows().into_iter().map(|row| {
                json!({
                    "name": row.name,
                    "value": row.value,
                    "origin": row.origin.to_string(),
                    "live": row.is_live,
                })
            });
            let rows = serde_json::Value::from(rows.collect::<Vec<_>>());
            writeln!(out, "{rows:#}")?;
        }
        ConfigDeed::Show { json: false } => write!(out, "{}", read(sources)?.show())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings.
pub(crate) fn read(sources: &Sources) -> Result<Settings, Failure> {
    let settings = Settings::read(&ALL, sources).map_err(|wrong| {
        let help = "`herbariumd config --example` prints every setting with its default";
        Failure::new(Exit::Usage, wrong.to_string(), help)
    })?;
    match mistyped(&settings) {
        Some(told) => Err(Failure::new(Exit::Usage, told, "set the right one, or unset it")),
        None => Ok(settings),
    }
}

/// A variable that is nearly one of ours. Others with our prefix may be other programs'.
fn mistyped(settings: &Settings) -> Option<String> {
    settings.unknown_variables().iter().find_map(|(name, nearest)| {
        let nearest = nearest.as_ref()?;
        Some(format!("the variable {name} sets nothing; the nearest there is: {nearest}"))
    })
}

fn is_set(origin: &Origin) -> bool {
    !matches!(origin, Origin::Default(_))
}

fn example() -> String {
    let about = "\
# Settings of herbariumd: each with its default, and set by taking the # away. An
# option of the command line or an environment variable is stronger than this file:
# [limits] requests is --limits-requests or HERBARIUM_LIMITS_REQUESTS. Times are
# seconds, or numbers with ms, s, m, h or d; sizes are bytes, or numbers with K, M or G.
# `herbariumd config --check --config FILE` says whether a file makes sense.
";
    format!("{about}{}", ALL.example())
}

fn page() -> String {
    let about = "\
# Configuration of the service

`herbariumd config --page` prints this page. Settings come from a TOML file (`--config FILE`, or the variable
`HERBARIUM_CONFIG`), from environment variables, and from options of the command line; a later one is stronger. The
option of `limits.body_bytes` is `--limits-body-bytes`. Unknown settings are errors, with the nearest name there is.

- `herbariumd config --check` says whether all settings make sense, and whether the files that they name can be read.
- `herbariumd config --show` prints what holds, and where each value comes from; never a secret.
- `herbariumd config --example` prints a file with every setting and its default. [It](examples/herbariumd.toml) and
  [one for a machine of its own](examples/production.toml) are in `docs/examples`.
- On SIGHUP a running service reads all of it again, takes over what is *live* in the tables below together with tokens
  and certificates, and logs what has to wait for a restart. If anything is wrong, everything stays as it was.

Times are seconds, or numbers with `ms`, `s`, `m`, `h` or `d`. Sizes are bytes, or numbers with `K`, `M` or `G`, in units of
1,024. A list is an array in the file, and has commas between its items elsewhere.
";
    format!("{about}{}", ALL.markdown())
}
