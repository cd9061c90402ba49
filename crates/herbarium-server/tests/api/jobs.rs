//! Jobs, figures, languages, the baseline.

use axum::body::Body;
use herbarium_server::ServiceOptions;
use http::Request;
use serde_json::{Value, json};

use crate::ground::Ground;

/// The events of a stream: ids and jobs.
fn events(text: &str) -> Vec<(u64, Value)> {
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        assert_eq!(field("event: "), Some("job"), "{block}");
        let id = field("id: ").unwrap().parse().unwrap();
        (id, serde_json::from_str(field("data: ").unwrap()).unwrap())
    };
    text.split("\n\n").filter(|it| !it.is_empty() && !it.starts_with(':')).map(event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_to_its_end() {
    let ground = Ground::new();
    ground.add().await;
    let answer = ground.post("/v1/workspaces/project/index", &json!({})).await;
    let url = answer.header("location").to_owned();
    assert_eq!(answer.json()["kind"], "index");
    let all = events(ground.get(&format!("{url}/events")).await.text());
    let states: Vec<_> = all.iter().map(|(_, job)| job["state"].as_str().unwrap()).collect();
    assert_eq!((states[0], *states.last().unwrap()), ("queued", "done"));
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let (last, job) = all.last().unwrap();
    assert_eq!(job["report"]["index"]["languages"]["rust"], 2);
    assert_eq!(ground.get(&url).await.json(), *job);
    // From the one before the last on; and nothing is left after the last.
    for (seen, expected) in [(all[all.len() - 2].0, 1), (*last, 0)] {
        let request = Request::get(format!("{url}/events")).header("last-event-id", seen);
        let rest = ground.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(events(rest.text()).len(), expected);
    }
    assert_eq!(ground.get("/v1/jobs").await.json()["jobs"][0], *job);
    assert_eq!(ground.get("/v1/jobs/none").await.problem(), "no-such-job");
    assert_eq!(ground.get("/v1/jobs/none/events").await.problem(), "no-such-job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled() {
    let ground = Ground::new();
    for number in 0..300 {
        let text = "fn f() { g(1, 2, 3); }\n".repeat(300);
        std::fs::write(
            ground.project().join(format!("src/{number}.rs")),
            format!("{text}// {number}"),
        )
        .unwrap();
    }
    ground.add().await;
    let answer = ground.post("/v1/workspaces/project/index", &json!({})).await;
    let same = ground.post("/v1/workspaces/project/index", &json!({})).await;
    assert_eq!(answer.json()["id"], same.json()["id"]);
    // One that waits for it.
    let waiting = ground.post("/v1/verify", &json!({ "deep": true })).await;
    let waiting = waiting.header("location").to_owned();
    assert_eq!(ground.delete(&waiting).await.json()["state"], "cancelled");
    let url = answer.header("location").to_owned();
    assert_eq!(ground.delete(&url).await.status, 202);
    let all = events(ground.get(&format!("{url}/events")).await.text());
    assert_eq!(all.last().unwrap().1["state"], "cancelled");
    assert_eq!(ground.delete("/v1/jobs/none").await.problem(), "no-such-job");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_jobs_are_forgotten_and_too_many_are_refused() {
    let ground = Ground::with(|options| ServiceOptions { jobs_kept: 2, job_queue: 0, ..options });
    ground.add().await;
    for _ in 0..4 {
        ground.index().await;
    }
    let jobs = ground.get("/v1/jobs").await.json();
    assert!(jobs["jobs"].as_array().unwrap().len() <= 3, "{jobs}");
    ground.service.close(std::time::Duration::from_secs(5)).await;
    let refused = ground.post("/v1/workspaces/project/index", &json!({})).await;
    assert_eq!(refused.problem(), "stopping");
    assert_eq!(ground.get("/v1/stats").await.problem(), "stopping");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_checked_and_its_figures_are_told() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let answer = ground.post("/v1/verify", &json!({ "deep": true })).await;
    let url = answer.header("location").to_owned();
    let all = events(ground.get(&format!("{url}/events")).await.text());
    let report = &all.last().unwrap().1["report"]["verify"];
    assert_eq!((&report["sound"], &report["compared"]), (&json!(true), &json!(4)));
    let stats = ground.get("/v1/stats").await.json();
    assert_eq!((&stats["store"]["trees"], &stats["workspaces"]), (&json!(4), &json!(1)));
    assert_eq!(stats["tiers"][0]["name"], "hot");
}

#[tokio::test]
async fn languages_are_told() {
    let ground = Ground::new();
    let all = ground.get("/v1/languages").await.json();
    assert_eq!(all["languages"].as_array().unwrap().len(), herbarium::languages::known().len());
    let rust = ground.get("/v1/languages/rust").await.json();
    assert_eq!((&rust["built_in"], &rust["symbols"]), (&json!(true), &json!(true)));
    assert!(all["languages"].as_array().unwrap().contains(&rust));
    assert_eq!(ground.get("/v1/languages/none").await.problem(), "no-such-language");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_baseline_answers_the_same_and_keeps_nothing() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let base = Ground::with(|options| ServiceOptions { baseline: true, ..options });
    base.add().await;
    let without_key = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("key");
        answer
    };
    for path in ["tree?", "nodes?limit=5&", "nodes/3?", "nodes/0/children?", "node?byte=20&"] {
        let path = format!("/v1/workspaces/project/{path}path=src/main.rs");
        for _ in 0..2 {
            let (ours, theirs) = (ground.get(&path).await.json(), base.get(&path).await.json());
            assert_eq!(without_key(ours), without_key(theirs), "{path}");
        }
    }
    let query = json!({ "query": "((identifier) @n (#eq? @n \"helper\"))" });
    let path = "/v1/workspaces/project/query?path=src/main.rs";
    let (ours, theirs) = (ground.post(path, &query).await, base.post(path, &query).await);
    assert_eq!(without_key(ours.json()), without_key(theirs.json()));
    let posted = base.post_raw("/v1/trees?path=a.rs", "fn a() {}").await;
    assert_eq!(posted.status, 201);
    assert_eq!(base.post_raw("/v1/trees?path=a.rs", "fn a() {}").await.status, 201);
    assert_eq!(base.get(posted.header("location")).await.problem(), "not-in-baseline");
    let index = base.post("/v1/workspaces/project/index", &json!({})).await;
    assert_eq!(index.problem(), "not-in-baseline");
    assert_eq!(base.get("/v1/stats").await.json()["store"]["trees"], 0);
}

#[test]
fn metrics_are_declared_as_they_should_be() {
    let metrics = herbarium_server::metrics();
    let inventory = herbarium_health::inventory::Inventory::new().with(metrics);
    inventory.check().unwrap();
    assert!(inventory.max_series() < 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_followers_than_may_be_are_told_to_come_again() {
    let ground = Ground::with(|options| ServiceOptions { followers: 1, ..options });
    ground.add().await;
    let answer = ground.post("/v1/workspaces/project/index", &json!({})).await;
    let url = format!("{}/events", answer.header("location"));
    let request = Request::get(&url).body(Body::empty()).unwrap();
    // Followed until it is dropped, whether the job is over or not.
    let first = tower::ServiceExt::oneshot(ground.reader(), request).await.unwrap();
    let second = ground.get(&url).await;
    assert_eq!((second.problem().as_str(), second.header("retry-after")), ("busy", "1"));
    drop(first);
    assert!(!events(ground.get(&url).await.text()).is_empty());
}
