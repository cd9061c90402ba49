//! Every command of `docs/operations.md`, in its order, as a shell runs it.
//!
//! `systemctl stop|start|restart herbariumd` is done to the service of this check, and
//! `journalctl` shows its log: neither is there in a container.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::daemon::{Daemon, Folder};
use super::watchers::{Hook, Watchers};
use super::{Bench, write};
use crate::{observe, read, root};

pub(super) fn operations(bench: &Bench) -> Result<String, String> {
    let page = read(&root(), observe::PAGE)?;
    let hook = Hook::open()?;
    let daemon = Daemon::start(bench, &[])?;
    let rules = read(&root(), observe::RULES)?;
    let watchers = Watchers::start(&daemon.health, &rules, &hook.address)?;
    let stage = Stage::set(bench, &daemon)?;
    let mut running = Running::Yes(daemon);
    let mut count = 0;
    for line in observe::commands(&page) {
        match line.trim().strip_prefix("systemctl ") {
            Some(verb) => running = running.told(verb, bench)?,
            None => stage.run(line.trim(), &watchers)?,
        }
        count += 1;
    }
    if let Running::Yes(daemon) = running {
        daemon.stop()?;
    }
    match count {
        0..100 => Err(format!("expected 100 commands or more on the page, found {count}")),
        _ => Ok(format!("{count} commands")),
    }
}

/// The service, as the page has it stopped and started.
enum Running {
    Yes(Daemon),
    /// Its addresses and store are kept.
    No(Daemon),
}

impl Running {
    fn told(self, verb: &str, bench: &Bench) -> Result<Self, String> {
        match (self, verb) {
            (Self::Yes(mut daemon), "stop herbariumd") => {
                daemon.end()?;
                Ok(Self::No(daemon))
            }
            (Self::Yes(daemon), "restart herbariumd") | (Self::No(daemon), "start herbariumd") => {
                daemon.again(bench, &[]).map(Self::Yes)
            }
            (_, other) => Err(format!("`systemctl {other}` makes no sense in this place")),
        }
    }
}

/// Where commands are run, and what is put into them.
struct Stage {
    folder: Folder,
    bin: PathBuf,
    store: PathBuf,
    api: String,
    health: String,
}

impl Stage {
    fn set(bench: &Bench, daemon: &Daemon) -> Result<Self, String> {
        let folder = Folder::make()?;
        let log = daemon.folder.0.join("log");
        let script = format!(
            "#!/bin/sh\n[ \"$1 $2\" = '--unit herbariumd' ] || exit 2\ncat '{}'\n",
            log.display()
        );
        let journal = folder.0.join("bin/journalctl");
        write(&journal, &script)?;
        executable(&journal)?;
        Ok(Self {
            folder,
            bin: bench.bin.clone(),
            store: daemon.folder.0.join("store"),
            api: daemon.api.clone(),
            health: daemon.health.clone(),
        })
    }

    fn run(&self, line: &str, watchers: &Watchers) -> Result<(), String> {
        let here = line
            .replace("127.0.0.1:7878", &self.api)
            .replace("127.0.0.1:9464", &self.health)
            .replace("127.0.0.1:9090", &watchers.prometheus)
            .replace("127.0.0.1:9093", &watchers.alertmanager);
        let path = std::env::var("PATH").unwrap_or_default();
        let own = self.folder.0.join("bin");
        let output = Command::new("sh")
            .args(["-ec", &here])
            .current_dir(root())
            .env("PATH", format!("{}:{}:{path}", own.display(), self.bin.display()))
            .env("HERBARIUM_STORE", &self.store)
            .env("HERBARIUM_HEALTH_LISTEN", &self.health)
            .env("BACKUPS", self.folder.0.join("backups"))
            .env("HERBARIUM_WORKSPACES_ROOTS", &self.folder.0)
            .output()
            .map_err(|error| format!("start a shell: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "`{line}` ended with {}: {}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}

#[cfg(unix)]
fn executable(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(file, permissions)
        .map_err(|error| format!("make {} executable: {error}", file.display()))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<(), String> {
    Ok(())
}
