//! SIGHUP.

use super::daemon::Daemon;

#[test]
fn live_settings_are_taken_over_and_others_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("herbariumd.toml");
    std::fs::write(&file, "[limits]\nuri_bytes = 8192\n").expect("a file");
    let mut daemon = Daemon::start(&["--config", &file.display().to_string()]);
    let long = format!("/v1/languages?{}", "x".repeat(3000));
    let before = daemon.get(&long).0;
    assert_ne!(before, 414);
    std::fs::write(&file, "[limits]\nuri_bytes = 2048\n[work]\nmax_batch = 7\n").expect("a file");
    daemon.signal("-HUP");
    daemon.until("the limit holds", |daemon| daemon.get(&long).0 == 414);
    daemon.until("it is told", |daemon| {
        let log = daemon.log();
        log.contains("\"taken\":\"limits.uri_bytes\"")
            && log.contains("\"waiting\":\"work.max_batch\"")
    });
    std::fs::write(&file, "[limits]\nuri_bytes = 'many'\n").expect("a file");
    daemon.signal("-HUP");
    daemon.until("the fault is told", |daemon| daemon.log().contains("settings stay as they were"));
    assert_eq!(daemon.get(&long).0, 414);
    assert_eq!(daemon.get("/v1/languages").0, 200);
}
