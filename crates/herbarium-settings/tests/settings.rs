//! Settings from a file, variables and options, and what is said of wrong ones.

use herbarium_settings::{
    Auto, List, Origin, SettingError, Settings, Size, Sources, Time, Value as _, Wrong, settings,
};

settings! {
    /// Everything that can be set.
    pub ALL: "DEMO" = [
        LISTEN: List<std::net::SocketAddr> = "server.listen", || List(vec![([127, 0, 0, 1], 80).into()]),
            "Where to listen.";
        BODY: Size = "limits.body_size", || Size::mib(16), "The largest body of a request." => live;
        TIME: Time = "limits.request_time", || Time::seconds(30),
            "The longest that a request may take." => live, with_check(above_zero);
        WORKERS: Auto<usize> = "engine.workers", Auto::default, "Threads that parse."
            => with_rule(|| "2, one for each core".to_owned());
        KEY: String = "auth.key", String::new, "A secret." => secret;
        STORE: Option<std::path::PathBuf> = "store.path", || None, "The store."
            => with_variable("DEMO_STORE");
    ];
}

fn above_zero(time: &Time) -> Result<(), String> {
    if time.0.is_zero() { Err("expected a time above 0".into()) } else { Ok(()) }
}

fn read(
    file: &str,
    variables: &[(&str, &str)],
    options: &[(&str, &str)],
) -> Result<Settings, Wrong> {
    let sources = Sources::new().with_text("demo.toml", file);
    let sources = sources.with_variables(variables.iter().copied());
    let with = |sources: Sources, (name, value): &(&str, &str)| sources.with_option(*name, *value);
    Settings::read(&ALL, &options.iter().fold(sources, with))
}

#[test]
fn the_strongest_holds_and_is_named() {
    let check = |file, variables: &[_], options: &[_], size, origin: &str| {
        let settings = read(file, variables, options).unwrap();
        assert_eq!(settings.get(&BODY), size);
        assert_eq!(settings.origin(&BODY).to_string(), origin);
    };
    let file = "# the limits\n[limits]\nbody_size = '1M'";
    let variable = ("DEMO_LIMITS_BODY_SIZE", "2M");
    let option = ("limits.body_size", "3M");
    check("", &[], &[], Size::mib(16), "default");
    check(file, &[], &[], Size::mib(1), "demo.toml, line 3");
    check(file, &[variable], &[], Size::mib(2), "variable DEMO_LIMITS_BODY_SIZE");
    check(file, &[variable], &[option], Size::mib(3), "option --limits-body-size");
    check(file, &[("DEMO_LIMITS_BODY_SIZE", "")], &[], Size::mib(1), "demo.toml, line 3");
}

#[test]
fn a_file_may_write_values_as_toml_has_them() {
    let file = "server.listen = ['[::1]:1', '127.0.0.1:2']\n[limits]\nbody_size = 4_096\nrequest_time = 0x10\n[engine]\nworkers = 3";
    let settings = read(file, &[], &[]).unwrap();
    assert_eq!(settings.get(&LISTEN).show(), "[::1]:1, 127.0.0.1:2");
    assert_eq!(settings.get(&BODY), Size(4096));
    assert_eq!(settings.get(&TIME), Time::seconds(16));
    assert_eq!(settings.get(&WORKERS), Auto(Some(3)));
}

#[test]
fn what_is_wrong_is_told_with_place_and_expectation() {
    let check = |file, variables: &[_], options: &[_], told: &str| {
        let wrong = read(file, variables, options).unwrap_err();
        assert_eq!(wrong.to_string(), told);
    };
    check(
        "[limits]\n\nbody_sise = 1",
        &[],
        &[],
        "demo.toml, line 3: there is no setting `limits.body_sise`; the nearest there is: \
         `limits.body_size`",
    );
    check(
        "[server]\nbody_size = 1",
        &[],
        &[],
        "demo.toml, line 2: there is no setting `server.body_size`; the nearest there is: \
         `limits.body_size`",
    );
    check("colour = 'blue'", &[], &[], "demo.toml, line 1: there is no setting `colour`");
    check("limits = 3", &[], &[], "demo.toml, line 1: there is no setting `limits`");
    check(
        "[limits]\nbody_size = ['1']",
        &[],
        &[],
        "demo.toml, line 2: `limits.body_size`: expected one size, not a list; found [\"1\"]",
    );
    check(
        "[limits]\nbody_size = 1979-05-27",
        &[],
        &[],
        "demo.toml, line 2: `limits.body_size`: expected a size; found a date",
    );
    check(
        "",
        &[("DEMO_LIMITS_REQUEST_TIME", "0")],
        &[("engine.workers", "many")],
        "variable DEMO_LIMITS_REQUEST_TIME: `limits.request_time`: expected a time above 0; found \
         \"0\"\noption --engine-workers: `engine.workers`: expected a whole number, or auto; found \
         \"many\"",
    );
    let wrong = read("[limits\n", &[], &[]).unwrap_err();
    assert!(matches!(
        wrong.errors(),
        [SettingError::Syntax { origin: Origin::File { line: 1, .. }, .. }]
    ));
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let sources = Sources::new().with_file("/nowhere/demo.toml");
    let wrong = Settings::read(&ALL, &sources).unwrap_err();
    assert!(wrong.to_string().starts_with("read the settings in /nowhere/demo.toml: "), "{wrong}");
}

#[test]
fn variables_that_set_nothing_are_known() {
    let variables = [("DEMO_LIMITS_BODY_SISE", "1"), ("DEMO_STORE", "/s"), ("OTHER", "x")];
    let settings = read("", &variables, &[]).unwrap();
    assert_eq!(
        settings.unknown_variables(),
        [("DEMO_LIMITS_BODY_SISE".to_owned(), Some("DEMO_LIMITS_BODY_SIZE".to_owned()))]
    );
    assert_eq!(settings.get(&STORE), Some("/s".into()));
}

#[test]
fn secrets_are_never_shown() {
    let settings = read("[auth]\nkey = 'sesame'", &[], &[]).unwrap();
    assert_eq!(settings.get(&KEY), "sesame");
    let all = format!("{}{:?}", settings.show(), settings.rows());
    assert!(!all.contains("sesame"), "{all}");
    assert!(all.contains("(secret)"), "{all}");
}

#[test]
fn what_is_shown_is_a_file_with_the_same_settings() {
    let file = "[limits]\nbody_size = 7\n[engine]\nworkers = 3\n[store]\npath = 'a \"b\"'";
    let settings = read(file, &[], &[]).unwrap();
    let again = read(&settings.show(), &[], &[]).unwrap();
    assert_eq!(settings.changes(&again), (vec![], vec![]));
}

#[test]
fn changes_tell_what_can_be_applied_at_once() {
    let before = read("", &[], &[]).unwrap();
    let after = read("[limits]\nbody_size = 7\n[engine]\nworkers = 3", &[], &[]).unwrap();
    assert_eq!(before.changes(&after), (vec!["limits.body_size"], vec!["engine.workers"]));
}

#[test]
fn the_example_names_every_setting_with_its_default() {
    let example = ALL.example();
    let settings = read(&example, &[], &[]).unwrap();
    assert!(settings.rows().iter().all(|row| matches!(row.origin, Origin::Default(_))));
    // Without the marks, it sets everything to what it is anyway.
    let mark = |line: &str| {
        format!("{}\n", line.strip_prefix('#').filter(|it| !it.starts_with(' ')).unwrap_or(line))
    };
    let uncommented: String = example.lines().map(mark).collect();
    let all = read(&uncommented, &[], &[]).unwrap();
    assert!(all.rows().iter().all(|row| matches!(row.origin, Origin::File { .. })), "{all:?}");
    assert_eq!(all.changes(&settings), (vec![], vec![]));
}

#[test]
fn the_page_names_every_setting() {
    let page = ALL.markdown();
    for setting in ALL.iter() {
        assert!(page.contains(&format!("`{}`", setting.name())), "{page}");
        assert!(page.contains(&format!("`{}`", ALL.variable(setting))), "{page}");
    }
}
