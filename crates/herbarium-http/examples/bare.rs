//! `axum::serve` with a hello, and nothing before it: what `hello` is measured
//! against.
//!
//! ```sh
//! cargo run --release --example bare -- 127.0.0.1:8080
//! wrk -c 50 -d 5 http://127.0.0.1:8080/hello
//! ```

use axum::Router;
use axum::routing::get;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = tokio::net::TcpListener::bind(addr).await?;
    let router = Router::new().route("/hello", get(async || "hello\n"));
    Ok(axum::serve(listener, router).await?)
}
