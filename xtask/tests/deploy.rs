//! The files under `docs/deploy` are held against each other, and against what is promised
//! of them: no tool is needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

const API: i64 = 7878;
const HEALTH: i64 = 9464;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy")
}

fn read(path: &str) -> String {
    let path = folder().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn stateful_set() -> Yaml {
    yaml("kubernetes/base/stateful-set.yaml").remove(0)
}

/// Keys and values of a unit, in the order of the file.
fn unit() -> Vec<(String, String)> {
    let text = read("herbariumd.service");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The last stage of the Dockerfile, continued lines joined.
fn image() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let (_, last) = text.rsplit_once("\nFROM ").expect("a stage");
    last.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_image_holds_a_program_that_is_nobody_and_asks_itself() {
    let image = image();
    assert_eq!(image[0], "scratch", "no shell, no package manager");
    let has = |line: &str| {
        let found = image.iter().any(|it| it == line);
        assert!(found, "docs/deploy/Dockerfile: expected the line `{line}` in its last stage");
    };
    has("USER 65532:65532");
    has(r#"ENTRYPOINT ["/usr/bin/herbariumd"]"#);
    has(&format!("EXPOSE {API}"));
    let instruction = |name: &str| {
        let line = image.iter().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("docs/deploy/Dockerfile: its last stage has no {name}"))
    };
    let health = instruction("HEALTHCHECK");
    assert!(health.ends_with(r#"CMD ["/usr/bin/herbariumd", "healthcheck"]"#), "{health}");
    let variables = instruction("ENV");
    for part in [
        "HERBARIUM_STORE=/var/lib/herbarium/store".to_owned(),
        format!("HERBARIUM_SERVER_LISTEN=0.0.0.0:{API}"),
        format!("HERBARIUM_HEALTH_LISTEN=127.0.0.1:{HEALTH}"),
    ] {
        assert!(variables.contains(&part), "{part}: {variables}");
    }
}

#[test]
fn the_image_is_built_with_the_oldest_toolchain_that_is_promised() {
    let manifest = std::fs::read_to_string(folder().join("../../Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("rust-version").trim_matches('"');
    let expected = format!("FROM docker.io/library/rust:{version}-");
    assert!(
        read("Dockerfile").contains(&expected),
        "docs/deploy/Dockerfile: expected `{expected}…`, the rust-version of Cargo.toml"
    );
}

#[test]
fn the_container_in_the_cluster_may_do_nothing_and_is_watched() {
    let set = stateful_set();
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let (of_pod, of_container) = (&pod["securityContext"], &container["securityContext"]);
    for (name, found, expected) in [
        ("automountServiceAccountToken", &pod["automountServiceAccountToken"], "false"),
        ("runAsNonRoot", &of_pod["runAsNonRoot"], "true"),
        // As in the image.
        ("runAsUser", &of_pod["runAsUser"], "65532"),
        ("seccompProfile", &of_pod["seccompProfile"]["type"], "RuntimeDefault"),
        ("allowPrivilegeEscalation", &of_container["allowPrivilegeEscalation"], "false"),
        ("readOnlyRootFilesystem", &of_container["readOnlyRootFilesystem"], "true"),
        ("capabilities.drop", &of_container["capabilities"]["drop"][0], "ALL"),
    ] {
        let found = found.clone().into_string().or_else(|| match found {
            Yaml::Boolean(value) => Some(value.to_string()),
            Yaml::Integer(value) => Some(value.to_string()),
            _ => None,
        });
        assert_eq!(
            found.as_deref(),
            Some(expected),
            "kubernetes/base/stateful-set.yaml: {name}, found on the left, expected on the right"
        );
    }
    assert!(container["resources"]["limits"]["memory"].as_str().is_some(), "a limit of memory");
    for (probe, path) in [
        ("startupProbe", "/startupz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["path"].as_str(), Some(path), "{probe}");
        assert_eq!(get["port"].as_str(), Some("health"), "{probe}");
    }
    let image = container["image"].as_str().expect("an image");
    let (_, version) = image.rsplit_once(':').expect("a version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "the version of the workspace");
}

#[test]
fn ports_are_the_same_everywhere() {
    let set = stateful_set();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let of = |list: &Yaml, key: &str| -> BTreeMap<String, i64> {
        let list = list.as_vec().expect("a list").iter();
        let ports =
            list.filter_map(|it| Some((it["name"].as_str()?.to_owned(), it[key].as_i64()?)));
        ports.collect()
    };
    let ports = of(&container["ports"], "containerPort");
    assert_eq!(ports, BTreeMap::from([("http".into(), API), ("health".into(), HEALTH)]));
    let variables = container["env"].as_vec().expect("variables");
    let value = |name: &str| {
        let variable = variables.iter().find(|it| it["name"].as_str() == Some(name));
        variable.and_then(|it| it["value"].as_str()).unwrap_or_default()
    };
    assert_eq!(value("HERBARIUM_SERVER_LISTEN"), format!("0.0.0.0:{API}"));
    assert_eq!(value("HERBARIUM_HEALTH_LISTEN"), format!("0.0.0.0:{HEALTH}"));
    for service in yaml("kubernetes/base/service.yaml") {
        assert_eq!(of(&service["spec"]["ports"], "port"), BTreeMap::from([("http".into(), API)]));
    }
    let page = read("README.md");
    for address in [format!("127.0.0.1:{API}"), format!("127.0.0.1:{HEALTH}")] {
        assert!(page.contains(&address), "README.md does not name {address}");
    }
}

#[test]
fn the_unit_waits_until_the_service_is_ready_and_runs_it_as_nobody() {
    let unit = unit();
    for line in [
        "Type=notify",
        "Restart=on-failure",
        "Environment=HERBARIUM_STORE=/var/lib/herbarium/store",
        "StateDirectory=herbarium",
    ]
    .iter()
    .chain(HARDENING)
    {
        let (key, value) = line.split_once('=').expect("a key and a value");
        let found: Vec<_> = unit.iter().filter(|it| it.0 == key).map(|it| &it.1).collect();
        assert!(
            found.iter().any(|it| *it == value),
            "docs/deploy/herbariumd.service: expected the line `{line}`, found {found:?} for {key}"
        );
    }
}

/// What the unit forbids. `systemd-analyze security` counts some of these for nothing, and
/// others for so little that one that goes changes no verdict.
const HARDENING: &[&str] = &[
    "StateDirectoryMode=0700",
    "DynamicUser=yes",
    "UMask=0077",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateUsers=yes",
    "PrivateMounts=yes",
    "DevicePolicy=closed",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RemoveIPC=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "IPAddressDeny=any",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
];

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// A variable that nobody reads would be passed over in silence.
#[test]
fn every_variable_is_one_that_the_service_reads() {
    let page = read("../configuration.md");
    let mut all = Vec::new();
    files(&folder(), &mut all);
    let mut count = 0;
    for path in all {
        let text = std::fs::read_to_string(&path).expect("a text");
        for (at, _) in text.match_indices("HERBARIUM_") {
            let is_part = |it: &char| it.is_ascii_uppercase() || *it == '_';
            let name: String = text[at..].chars().take_while(is_part).collect();
            assert!(page.contains(&format!("`{name}`")), "{}: {name}", path.display());
            count += 1;
        }
    }
    assert!(count > 8, "variables were looked for, and few were found: {count}");
}

/// The service would be killed amid its drain.
#[test]
fn there_is_time_for_the_whole_drain() {
    let page = read("../configuration.md");
    let rows = page.lines().filter(|line| line.starts_with("| `drain."));
    let second = |row: &str| {
        let default = row.split('|').nth(3).expect("a default").trim().trim_matches(['`', '"']);
        default.strip_suffix('s').and_then(|it| it.parse::<i64>().ok()).expect("seconds")
    };
    let drain: i64 = rows.map(second).sum();
    assert!(drain > 0, "no row of the drain");
    let set = stateful_set();
    let grace = &set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    assert!(
        grace.as_i64().is_some_and(|grace| grace > drain),
        "kubernetes/base/stateful-set.yaml: expected a terminationGracePeriodSeconds of more than \
         the {drain} s of the drain (docs/configuration.md), found {grace:?}"
    );
    let (_, stop) = unit().into_iter().find(|it| it.0 == "TimeoutStopSec").expect("a time-out");
    let stop = stop.strip_suffix('s').and_then(|it| it.parse::<i64>().ok());
    assert!(
        stop.is_some_and(|stop| stop > drain),
        "herbariumd.service: expected a TimeoutStopSec of more than the {drain} s of the drain \
         (docs/configuration.md), found {stop:?}"
    );
}

/// Bytes of what a unit or a manifest calls `4G` or `4Gi`.
fn gibibytes(text: &str) -> Option<u64> {
    let number = text.trim_end_matches('i').strip_suffix('G')?;
    number.parse::<u64>().ok().map(|number| number << 30)
}

/// The alert of memory would come too late, or always.
#[test]
fn the_alert_of_memory_is_about_the_limit_that_holds() {
    let objectives: toml::Table = read("prometheus/slo.toml").parse().expect("TOML");
    let limit = objectives["memory"]["limit_bytes"].as_integer().expect("a number");
    let limit = u64::try_from(limit).ok();
    let (_, unit) = unit().into_iter().find(|it| it.0 == "MemoryMax").expect("a limit");
    assert_eq!(gibibytes(&unit), limit, "MemoryMax of the unit");
    let overlay = yaml("kubernetes/overlays/production/stateful-set.yaml").remove(0);
    let container = &overlay["spec"]["template"]["spec"]["containers"][0];
    let memory = container["resources"]["limits"]["memory"].as_str().expect("a limit");
    assert_eq!(gibibytes(memory), limit, "the limit of the production overlay");
}

/// What is scraped in the cluster is the health port of the pods, under the name that rules ask for.
#[test]
fn the_pods_are_scraped_at_their_health_port_as_the_job_of_the_rules() {
    let monitor = yaml("kubernetes/components/prometheus/pod-monitor.yaml").remove(0);
    let spec = &monitor["spec"];
    assert_eq!(spec["podMetricsEndpoints"][0]["port"].as_str(), Some("health"));
    assert_eq!(spec["jobLabel"].as_str(), Some("app.kubernetes.io/name"));
    let base = yaml("kubernetes/base/kustomization.yaml").remove(0);
    let job = base["labels"][0]["pairs"]["app.kubernetes.io/name"].as_str();
    assert_eq!(job, spec["selector"]["matchLabels"]["app.kubernetes.io/name"].as_str());
    let rules = read("prometheus/herbarium.rules.yml");
    assert!(rules.contains(&format!("up{{job=\"{}\"}}", job.expect("a name"))), "{job:?}");
    let example = yaml("prometheus/prometheus.yml").remove(0);
    assert_eq!(example["scrape_configs"][0]["job_name"].as_str(), job);
    let target = example["scrape_configs"][0]["static_configs"][0]["targets"][0].as_str();
    assert_eq!(target, Some(format!("127.0.0.1:{HEALTH}").as_str()));
}

#[test]
fn staged_rollouts_use_the_ports_of_the_service() {
    for path in ["argo-rollouts.yaml", "flagger.yaml", "README.md"] {
        let text = read(path);
        for name in ["herbarium-stable:", "herbarium-canary:"] {
            for (_, rest) in text.match_indices(name).map(|(at, it)| text[at..].split_at(it.len()))
            {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let port = port.parse::<i64>().ok();
                assert!([Some(API), Some(HEALTH)].contains(&port), "{path}: {name}{port:?}");
            }
        }
    }
}

#[test]
fn everything_in_the_folder_is_put_together() {
    let base = yaml("kubernetes/base/kustomization.yaml").remove(0);
    let listed: Vec<&str> =
        base["resources"].as_vec().expect("resources").iter().filter_map(Yaml::as_str).collect();
    for entry in std::fs::read_dir(folder().join("kubernetes/base")).expect("a folder") {
        let name = entry.expect("a file").file_name().to_string_lossy().into_owned();
        let is_listed = listed.contains(&name.as_str());
        assert!(
            is_listed
                || ["kustomization.yaml", "herbariumd.toml", "tokens"].contains(&name.as_str()),
            "{name}"
        );
    }
    for name in &listed {
        let documents = yaml(&format!("kubernetes/base/{name}"));
        assert!(documents.iter().all(|it| it["kind"].as_str().is_some()), "{name}");
    }
}

#[test]
fn what_the_page_points_to_exists() {
    let page = read("README.md");
    let links = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    for (link, _) in links.filter(|(link, _)| !link.contains("://")) {
        assert!(folder().join(link).exists(), "nothing is at {link}");
    }
}
