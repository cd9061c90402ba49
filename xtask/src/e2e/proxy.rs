//! nginx before the service.

use std::process::Command;
use std::time::Duration;

use super::daemon::{Daemon, Folder, Peer, ask, free_port, until};
use super::{Bench, write};

pub(super) fn nginx(bench: &Bench) -> Result<String, String> {
    // Three requests a minute from one address, for those that ask through it.
    let daemon = Daemon::start(
        bench,
        &["--proxies-trusted", "127.0.0.0/8", "--limits-rate-per-address", "20/m"],
    )?;
    let (folder, port) = (Folder::make()?, free_port()?);
    let dir = folder.0.display();
    let configuration = format!(
        "daemon off; pid {dir}/pid; error_log {dir}/error.log;\n\
         events {{ worker_connections 128; }}\n\
         http {{\n\
           access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;\n\
           fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
           upstream herbarium {{ server {}; keepalive 4; }}\n\
           server {{\n\
             listen 127.0.0.1:{port};\n\
             location / {{\n\
               proxy_pass http://herbarium; proxy_http_version 1.1;\n\
               proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
               proxy_set_header X-Forwarded-For $http_x_client; proxy_buffering off;\n\
             }}\n\
           }}\n\
         }}\n",
        daemon.api
    );
    write(&folder.0.join("nginx.conf"), &configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(folder.0.join("nginx.conf")).arg("-p").arg(&folder.0);
    command.arg("-e").arg(folder.0.join("error.log"));
    let _nginx = Peer::start(&mut command)?;
    let proxy = format!("127.0.0.1:{port}");
    until(Duration::from_secs(20), "nginx", || ask(&proxy, "GET", "/v1/languages", "").ok())?;
    let seen = through(&proxy)?;
    daemon.stop()?;
    Ok(seen)
}

fn through(proxy: &str) -> Result<String, String> {
    let tree = "/v1/workspaces/code/tree?path=src/main.rs";
    let (status, _) = ask(proxy, "GET", tree, "")?;
    if status != 200 {
        return Err(format!("a tree through nginx: expected 200, found {status}"));
    }
    let query = "{\"workspace\":\"code\",\"query\":\"(function_item name: (identifier) @name)\",\"languages\":[\"rust\"]}";
    let (status, lines) = ask(proxy, "POST", "/v1/query", query)?;
    if status != 200 || !lines.contains("greet") {
        return Err(format!(
            "a stream through nginx: expected 200 and names, found {status}: {lines}"
        ));
    }
    let mut limited = Vec::new();
    for client in ["203.0.113.7", "203.0.113.8"] {
        let statuses = (0..30).map(|_| curl(proxy, client)).collect::<Result<Vec<_>, _>>()?;
        let refused = statuses.iter().filter(|status| *status == "429").count();
        let answered = statuses.iter().filter(|status| *status == "200").count();
        if refused == 0 || answered < 15 || refused + answered != 30 {
            return Err(format!(
                "the rate of {client}: expected some 20 of 30, found {statuses:?}"
            ));
        }
        limited.push(format!("{client} {answered} of 30"));
    }
    Ok(format!("a tree, a stream; by the rate of 20 a minute: {}", limited.join(", ")))
}

fn curl(proxy: &str, client: &str) -> Result<String, String> {
    let output = Command::new("curl")
        .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(["--header", &format!("x-client: {client}"), &format!("http://{proxy}/v1/languages")])
        .output()
        .map_err(|error| format!("start curl: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
