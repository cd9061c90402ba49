//! The command line: an option for each setting, and a few commands.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use herbarium_http::Scopes;
use herbarium_settings::{AnySetting, Sources};

use crate::settings::{ALL, BASELINE, LISTEN, STORE};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Asked {
    Serve(Sources),
    Config(ConfigDeed, Sources),
    Metrics(Form),
    OpenApi,
    Token { name: String, scopes: Scopes },
    Healthcheck { alive: bool, sources: Sources },
    Completions(Shell),
    Man,
}

/// What is to be done with the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigDeed {
    Check,
    Show { json: bool },
    Example,
    Page,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
    Markdown,
}

/// Help, a version, or what is wrong with the command line.
pub(crate) struct Help(clap::Error);

impl Help {
    pub(crate) fn into_exit_code(self) -> ExitCode {
        let _ = self.0.print();
        ExitCode::from(u8::try_from(self.0.exit_code()).unwrap_or(2))
    }
}

/// Reads the command line of this process.
pub(crate) fn read() -> Result<Asked, Help> {
    command().try_get_matches().map(|matches| asked(&matches)).map_err(Help)
}

/// The variable that names the file, where no option does.
const FILE: &str = "HERBARIUM_CONFIG";

/// Short names of the settings that are typed most.
const SHORT: [(&str, &str); 3] =
    [(LISTEN.name(), "listen"), (STORE.name(), "store"), (BASELINE.name(), "baseline")];

pub(crate) fn command() -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env(FILE)
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("TOML file with settings; `herbariumd config --example` prints one");
    Command::new("herbariumd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves syntax trees, queries and symbols over HTTP, parsed once")
        .after_help(
            "An option is stronger than a variable, a variable than the file. `--help` lists all \
             options.",
        )
        .arg(file)
        .args(ALL.iter().map(option))
        .subcommand(Command::new("serve").about("Serves; the same as no command at all"))
        .subcommand(config_command())
        .subcommand(
            Command::new("metrics")
                .about("Lists every metric")
                .arg(switch("json", "Print JSON"))
                .arg(switch("markdown", "Print a page of documentation").conflicts_with("json")),
        )
        .subcommand(Command::new("openapi").about("Prints the description of the API"))
        .subcommand(token_command())
        .subcommand(
            Command::new("healthcheck")
                .about("Asks a running service whether it is ready: exit code 0 if so")
                .arg(switch("alive", "Ask only whether it is alive")),
        )
        .subcommand(
            Command::new("completions")
                .about("Prints a completion script")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell))),
        )
        .subcommand(Command::new("man").about("Prints the manual page"))
}

fn config_command() -> Command {
    Command::new("config")
        .about("Checks or shows the settings")
        .arg(switch(
            "check",
            "Say whether all settings make sense, and files can be read; the default",
        ))
        .arg(switch("show", "Print every setting, and where it comes from").conflicts_with("check"))
        .arg(switch("json", "Print JSON").requires("show"))
        .arg(
            switch("example", "Print a file with every setting and its default")
                .conflicts_with_all(["check", "show"]),
        )
        .arg(
            switch("page", "Print a page of documentation")
                .conflicts_with_all(["check", "show", "example"])
                .hide(true),
        )
}

fn token_command() -> Command {
    Command::new("token")
        .about("Makes a token: prints it once, and the line to keep of it")
        .arg(Arg::new("name").required(true).help("Whose it is: letters, digits and - . _ @"))
        .arg(
            Arg::new("scopes")
                .long("scopes")
                .default_value("read")
                .value_parser(|text: &str| text.parse::<Scopes>())
                .help("What it is good for: read, write, or both with a comma between"),
        )
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// The option of a setting. Only those that are typed most are in the short
/// help.
fn option(setting: &'static dyn AnySetting) -> Arg {
    let table = setting.name().split('.').next().unwrap_or_default();
    let short = SHORT.iter().find(|(name, _)| *name == setting.name());
    let arg = Arg::new(setting.name())
        .long(setting.option())
        .value_name(setting.kind().replace(' ', "-").to_ascii_uppercase())
        .help(setting.help())
        .help_heading(format!("Settings: {table}"))
        .hide_short_help(short.is_none())
        // The last one holds, so that a script can be given more.
        .overrides_with(setting.name())
        .global(true);
    let arg = match short {
        Some((_, alias)) => arg.visible_alias(*alias),
        None => arg,
    };
    match setting.is_switch() {
        true => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        false => arg,
    }
}

fn asked(matches: &ArgMatches) -> Asked {
    match matches.subcommand() {
        Some(("config", of)) => Asked::Config(config_deed(of), sources(of)),
        Some(("metrics", of)) => Asked::Metrics(form(of)),
        Some(("openapi", _)) => Asked::OpenApi,
        Some(("token", of)) => Asked::Token {
            name: of.get_one::<String>("name").cloned().unwrap_or_default(),
            scopes: of.get_one::<Scopes>("scopes").copied().unwrap_or_default(),
        },
        Some(("healthcheck", of)) => {
            Asked::Healthcheck { alive: of.get_flag("alive"), sources: sources(of) }
        }
        Some(("completions", of)) => {
            Asked::Completions(of.get_one::<Shell>("shell").copied().unwrap_or(Shell::Bash))
        }
        Some(("man", _)) => Asked::Man,
        Some((_, of)) => Asked::Serve(sources(of)),
        None => Asked::Serve(sources(matches)),
    }
}

fn config_deed(matches: &ArgMatches) -> ConfigDeed {
    if matches.get_flag("show") {
        ConfigDeed::Show { json: matches.get_flag("json") }
    } else if matches.get_flag("example") {
        ConfigDeed::Example
    } else if matches.get_flag("page") {
        ConfigDeed::Page
    } else {
        ConfigDeed::Check
    }
}

fn form(matches: &ArgMatches) -> Form {
    match (matches.get_flag("json"), matches.get_flag("markdown")) {
        (true, _) => Form::Json,
        (_, true) => Form::Markdown,
        _ => Form::Table,
    }
}

/// Where settings are looked for.
fn sources(matches: &ArgMatches) -> Sources {
    let own =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut sources = Sources::new().with_variables(own.filter(|(name, _)| name != FILE));
    if let Some(file) = matches.get_one::<PathBuf>("config") {
        sources = sources.with_file(file);
    }
    for setting in ALL.iter() {
        let name = setting.name();
        let is_typed = matches.value_source(name) == Some(ValueSource::CommandLine);
        if let Some(value) = matches.get_one::<String>(name).filter(|_| is_typed) {
            sources = sources.with_option(name, value);
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
