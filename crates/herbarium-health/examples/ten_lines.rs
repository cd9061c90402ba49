//! A service in ten lines: `curl -s 127.0.0.1:9464/readyz`, and SIGTERM ends it.
use herbarium_health::Health;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let at = std::env::args().nth(1).unwrap_or("127.0.0.1:9464".into());
    let health = Health::builder().service("ten-lines", "1.0.0").listen(at.parse()?).start()?;
    health.started(); // ready: what has to be warm first goes above this line
    health.until_signal().await?.exit()
}
