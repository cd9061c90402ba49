//! A hello behind a front with everything on: tokens, rates, quotas, CORS,
//! trusted proxies, metrics, logs at `info`.
//!
//! ```sh
//! cargo run --release --example hello -- 127.0.0.1:8080
//! curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/hello
//! ```
//!
//! The token is in `$TOKEN`, or else a new one is made and printed.

use std::io::Write as _;

use axum::Router;
use axum::routing::get;
use herbarium_health::inventory::Inventory;
use herbarium_health::logs::Logs;
use herbarium_health::{Health, Metrics};
use herbarium_http::{
    Cors, Front, Limits, Listener, Rate, Scope, Scopes, TokenHash, Tokens, TrustedProxies,
    own_metrics, require,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:8080".into()).parse()?;
    let health_at = args.next().unwrap_or("127.0.0.1:0".into()).parse()?;

    let _logs = Logs::new().filter("info").install()?;
    let inventory = own_metrics().metrics().to_vec();
    let health = Health::builder()
        .service("hello", env!("CARGO_PKG_VERSION"))
        .listen(health_at)
        .metrics(Metrics::install(Inventory::new().with(&inventory))?)
        .start()?;

    let hash = match std::env::var("TOKEN") {
        Ok(token) => TokenHash::of(&token),
        Err(_) => {
            let (token, hash) = Tokens::make()?;
            writeln!(std::io::stdout(), "{}", token.reveal())?;
            hash
        }
    };
    let limits = Limits {
        limit_loopback: true,
        connections_per_address: 10_000,
        rate_per_address: Some(Rate::per_second(10_000_000)),
        quota: Some(Rate::per_second(10_000_000)),
        ..Limits::default()
    };
    let front = Front::new(health.shutdown().clone())
        .limits(limits)
        .authenticator(Tokens::new().with("somebody", Scopes::READ, hash)?)
        .cors(Cors { origins: vec!["https://app.example".into()], credentials: false })
        .trusted_proxies(TrustedProxies {
            networks: vec!["10.0.0.0/8".parse()?],
            ..TrustedProxies::default()
        });
    let router = Router::new().route("/hello", get(async || "hello\n").layer(require(Scope::Read)));
    tokio::spawn(front.serve(Listener::tcp(addr)?, router)?);
    health.started();
    health.until_signal().await?.exit()
}
