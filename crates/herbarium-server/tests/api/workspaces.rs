//! Workspaces, and the trees of their files.

use std::path::Path;

use axum::body::Body;
use herbarium_server::{Service, ServiceOptions};
use http::Request;
use serde_json::{Value, json};

use crate::ground::{FILES, Ground};

#[tokio::test]
async fn a_workspace_is_added_indexed_listed_and_removed() {
    let ground = Ground::new();
    ground.add().await;
    let again = json!({ "name": "project", "path": ground.project() });
    assert_eq!(ground.post("/v1/workspaces", &again).await.status, 200);
    let before = ground.get("/v1/workspaces/project").await.json();
    assert_eq!((&before["files"], &before["indexed"]), (&json!(0), &json!(null)));
    assert_eq!(ground.get("/v1/workspaces/project/files").await.problem(), "not-indexed");
    let job = ground.index().await;
    assert_eq!((&job["state"], &job["report"]["index"]["trees_new"]), (&json!("done"), &json!(4)));
    let after = ground.get("/v1/workspaces/project").await.json();
    assert_eq!((&after["files"], &after["trees"]), (&json!(5), &json!(4)));
    let list = ground.get("/v1/workspaces").await.json();
    assert_eq!(list["workspaces"], json!([after]));
    assert_eq!(ground.delete("/v1/workspaces/project").await.status, 204);
    assert_eq!(ground.get("/v1/workspaces/project").await.problem(), "no-such-workspace");
    assert_eq!(ground.delete("/v1/workspaces/project").await.problem(), "no-such-workspace");
}

#[tokio::test]
async fn files_are_listed_page_by_page() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = ground.get(&format!("/v1/workspaces/project/files?limit=2{after}")).await.json();
        let files = page["files"].as_array().unwrap();
        found.extend(files.iter().map(|it| it["path"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let mut expected: Vec<_> = FILES.iter().map(|(path, _)| path.to_string()).collect();
    expected.sort();
    assert_eq!(found, expected);
    let first = &ground.get("/v1/workspaces/project/files?limit=1").await.json()["files"][0];
    let tree = format!("/v1/trees/{}", first["key"].as_str().unwrap());
    assert_eq!(ground.get(&tree).await.json()["language"], first["language"]);
    assert_eq!(ground.get("/v1/workspaces/project/files?after=.").await.problem(), "bad-cursor");
}

#[tokio::test]
async fn workspaces_are_there_after_a_restart() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let before = ground.get("/v1/workspaces").await.json();
    let ground = ground.again();
    assert_eq!(ground.get("/v1/workspaces").await.json(), before);
    assert_eq!(ground.get("/v1/workspaces/project/files").await.status, 200);
    assert_eq!(ground.service.engine().parses(), 0);
}

#[tokio::test]
async fn a_list_of_workspaces_that_is_not_ours_is_an_error() {
    for (text, expected) in [
        ("{\"version\":2,\"more\":1}", "is of version 2, expected 1"),
        ("{\"version\":1,\"workspaces\":3}", "is no list of workspaces"),
        ("half", "is no list of workspaces"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("workspaces.json"), text).unwrap();
        let herbarium = herbarium::Herbarium::open(dir.path().join("store")).unwrap();
        let state_dir = Some(dir.path().to_owned());
        let options = ServiceOptions { state_dir, ..ServiceOptions::default() };
        let error = Service::new(herbarium, options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn workspaces_are_only_where_they_are_allowed() {
    let ground = Ground::with(|options| ServiceOptions { max_workspaces: 2, ..options });
    let base = ground.dir.path().canonicalize().unwrap();
    let at = |path: &str| base.join(path).to_str().unwrap().to_owned();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&base, base.join("code/out")).unwrap();
    for (name, path, kind) in [
        ("a", at("code/none"), "bad-root"),
        ("a", at("code/project/data.json"), "bad-root"),
        ("a", "code".to_owned(), "bad-root"),
        ("a", String::new(), "bad-root"),
        ("a", at("store"), "root-not-allowed"),
        ("a", at("none"), "root-not-allowed"),
        ("a", at("code/../store"), "root-not-allowed"),
        ("a", at("code/../none"), "root-not-allowed"),
        ("a", "/".to_owned(), "root-not-allowed"),
        ("a", at("code/out/store"), if cfg!(unix) { "root-not-allowed" } else { "bad-root" }),
        ("", at("code"), "bad-name"),
        ("A", at("code"), "bad-name"),
        ("..", at("code"), "bad-name"),
        ("a/b", at("code"), "bad-name"),
        (&"a".repeat(65), at("code"), "bad-name"),
    ] {
        let answer = ground.post("/v1/workspaces", &json!({ "name": name, "path": path })).await;
        assert_eq!(answer.problem(), kind, "{name} {path}");
    }
    ground.add().await;
    let other = json!({ "name": "project", "path": at("code") });
    assert_eq!(ground.post("/v1/workspaces", &other).await.problem(), "workspace-exists");
    let second = json!({ "name": "code", "path": at("code") });
    assert_eq!(ground.post("/v1/workspaces", &second).await.status, 201);
    let third = json!({ "name": "src", "path": at("code/project/src") });
    assert_eq!(ground.post("/v1/workspaces", &third).await.problem(), "too-many");
    let nowhere = Ground::with(|options| ServiceOptions { allowed_roots: Vec::new(), ..options });
    let any = json!({ "name": "a", "path": nowhere.project() });
    assert_eq!(nowhere.post("/v1/workspaces", &any).await.problem(), "root-not-allowed");
}

#[tokio::test]
async fn a_file_has_the_answers_of_its_key() {
    const AT: &str = "node?row=0&column=3&end_row=0&end_column=7&named=true&";
    let ground = Ground::new();
    ground.add_indexed().await;
    let file = "path=src/main.rs";
    let tree = ground.get(&format!("/v1/workspaces/project/tree?{file}")).await;
    let by_key = tree.header("content-location").to_owned();
    assert_eq!(ground.get(&by_key).await.json(), tree.json());
    let tag = tree.header("etag").to_owned();
    let again = Request::get(format!("/v1/workspaces/project/tree?{file}"));
    let again = again.header("if-none-match", &tag).body(Body::empty()).unwrap();
    assert_eq!(ground.send(again).await.status, 304);
    for path in ["nodes?", "nodes?limit=3&", "nodes/4?", "nodes/0/children?", AT] {
        let of_file = ground.get(&format!("/v1/workspaces/project/{path}{file}")).await;
        let of_key = ground.get(&format!("{by_key}/{path}")).await;
        assert_eq!(of_file.json(), of_key.json(), "{path}");
        let there = of_file.header("content-location");
        assert!(there.starts_with(&by_key), "{path}");
        assert_eq!(of_file.json(), ground.get(there).await.json(), "{path}");
        let again = Request::get(format!("/v1/workspaces/project/{path}{file}"));
        let again = again.header("if-none-match", of_file.header("etag")).body(Body::empty());
        assert_eq!(ground.send(again.unwrap()).await.status, 304, "{path}");
    }
    let query = json!({ "query": "((function_item name: (_) @n) (#eq? @n \"helper\"))" });
    let found = ground.post(&format!("/v1/workspaces/project/query?{file}"), &query).await.json();
    assert_eq!(found["matches"][0]["captures"][0]["text"], "helper");
    let symbols = ground.get(&format!("/v1/workspaces/project/symbols?{file}")).await.json();
    assert_eq!(symbols["symbols"][0]["doc"], "Runs.");
    let outline = ground.get(&format!("/v1/workspaces/project/outline?{file}")).await.json();
    assert_eq!(outline["outline"].as_array().unwrap().len(), 2);
    assert_eq!(ground.service.engine().parses(), 4);
}

#[tokio::test]
async fn a_file_that_changed_has_its_new_tree() {
    let ground = Ground::new();
    ground.add_indexed().await;
    std::fs::write(ground.project().join("data.json"), "[true]").unwrap();
    let tree = ground.get("/v1/workspaces/project/tree?path=data.json&format=sexp").await;
    assert_eq!(tree.text(), "(document (array (true)))");
}

/// Paths that must not be answered, with the kind of the problem.
const ATTACKS: &[(&str, &str)] = &[
    ("", "bad-path"),
    ("/etc/passwd", "bad-path"),
    ("%2Fetc%2Fpasswd", "bad-path"),
    ("../secret.rs", "bad-path"),
    ("..%2Fsecret.rs", "bad-path"),
    ("%2e%2e/secret.rs", "bad-path"),
    ("%252e%252e%252fsecret.rs", "bad-path"),
    ("src/../../secret.rs", "bad-path"),
    ("src/./main.rs", "bad-path"),
    ("src//main.rs", "bad-path"),
    ("src\\main.rs", "bad-path"),
    ("..%5Csecret.rs", "bad-path"),
    ("C:%5Cwindows", "bad-path"),
    ("C:/windows", "bad-path"),
    ("%5C%5Cserver%5Cshare", "bad-path"),
    ("//server/share", "bad-path"),
    ("con", "bad-path"),
    ("src/NUL.rs", "bad-path"),
    ("a%00b", "bad-path"),
    ("src/main.rs%00.txt", "bad-path"),
    ("src/main.rs.", "bad-path"),
    ("none.rs", "no-such-file"),
    ("src", "not-a-file"),
    ("link-out.rs", "outside-workspace"),
    ("link-absolute.rs", "outside-workspace"),
    ("folder-out/secret.rs", "outside-workspace"),
    ("notes.txt.unheard", "unknown-language"),
];

#[cfg(unix)]
#[tokio::test]
async fn no_path_leads_out_of_a_workspace() {
    use std::os::unix::fs::symlink;
    let ground = Ground::new();
    ground.add().await;
    let (project, outside) = (ground.project(), ground.dir.path().join("code/secret.rs"));
    std::fs::write(&outside, "fn secret() {}").unwrap();
    symlink("../secret.rs", project.join("link-out.rs")).unwrap();
    symlink(&outside, project.join("link-absolute.rs")).unwrap();
    symlink("..", project.join("folder-out")).unwrap();
    symlink("src/main.rs", project.join("link-in.rs")).unwrap();
    for (path, kind) in ATTACKS {
        for route in [
            "tree?",
            "nodes?",
            "nodes/0?",
            "nodes/0/children?",
            "node?byte=0&",
            "symbols?",
            "outline?",
        ] {
            let path = format!("/v1/workspaces/project/{route}path={path}");
            let answer = ground.get(&path).await;
            assert_eq!(answer.problem(), *kind, "{path}");
            assert!(!answer.text().contains("secret()"));
        }
        let path = format!("/v1/workspaces/project/query?path={path}");
        let answer = ground.post(&path, &json!({ "query": "(_) @a" })).await;
        assert_eq!(answer.problem(), *kind, "{path}");
    }
    let inside = ground.get("/v1/workspaces/project/tree?path=link-in.rs").await;
    assert_eq!(inside.status, 200);
    assert!(Path::new(&project).exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_without_its_length_and_time_telling_is_read_again() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let file = ground.project().join("data.json");
    let url = "/v1/workspaces/project/tree?path=data.json&format=sexp";
    // Longer ago than the steps of any file system's clock.
    tokio::time::sleep(std::time::Duration::from_millis(3200)).await;
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    for _ in 0..2 {
        assert!(ground.get(url).await.text().contains("(object (pair"));
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let other = format!("[{}]\n", "1".repeat(text.len() - 3));
    std::fs::write(&file, &other).unwrap();
    std::fs::File::open(&file).unwrap().set_modified(modified).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), text.len() as u64);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), modified);
    assert_eq!(ground.get(url).await.text(), "(document (array (number)))");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ground.get(url).await.problem(), "no-such-file");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_a_link_took_the_place_of_is_not_indexed() {
    let ground = Ground::new();
    ground.add().await;
    let (project, secret) = (ground.project(), ground.dir.path().join("secret"));
    std::fs::create_dir(&secret).unwrap();
    std::fs::write(secret.join("key.rs"), "const KEY: u8 = 7;\n").unwrap();
    std::fs::rename(&project, ground.dir.path().join("code/before")).unwrap();
    std::os::unix::fs::symlink(&secret, &project).unwrap();
    let answer = ground.post("/v1/workspaces/project/index", &json!({})).await;
    let url = answer.header("location").to_owned();
    ground.get(&format!("{url}/events")).await;
    let job = ground.get(&url).await.json();
    assert_eq!((&job["state"], &job["report"]), (&json!("failed"), &Value::Null), "{job}");
    assert!(job["problem"]["type"].as_str().unwrap().ends_with("bad-root"), "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_not_served_where_it_is_not_allowed_any_more() {
    let ground = Ground::new();
    ground.add_indexed().await;
    let Ground { dir, service, router } = ground;
    let other = dir.path().join("elsewhere");
    std::fs::create_dir(&other).unwrap();
    let options = ServiceOptions { allowed_roots: vec![other], ..service.options().clone() };
    drop((service, router));
    let ground = Ground::over(dir, options);
    for path in ["tree?path=src/main.rs", "files", "outline?path=src/main.rs"] {
        let answer = ground.get(&format!("/v1/workspaces/project/{path}")).await;
        assert_eq!(answer.problem(), "root-not-allowed", "{path}");
    }
    let asked = json!({ "workspace": "project", "query": "(identifier) @a" });
    assert_eq!(ground.post("/v1/query", &asked).await.problem(), "root-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_has_one_service() {
    let ground = Ground::new();
    let herbarium = herbarium::Herbarium::open(ground.dir.path().join("store")).unwrap();
    let error = Service::new(herbarium, ground.service.options().clone()).unwrap_err().to_string();
    assert!(error.contains("is used by another service"), "{error}");
}
