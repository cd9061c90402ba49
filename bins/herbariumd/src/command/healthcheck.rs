//! `herbariumd healthcheck`: what a container runs to know whether the service
//! in it is well, with no other program in the image.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use herbarium_settings::Sources;

use super::config;
use crate::failure::{Exit, Failure};
use crate::settings::HEALTH;

const TIME: Duration = Duration::from_secs(3);

pub(crate) fn run(alive: bool, sources: &Sources) -> Result<ExitCode, Failure> {
    let address = reachable(config::read(sources)?.get(&HEALTH));
    let page = if alive { "/healthz" } else { "/readyz" };
    let answer = ask(address, page).map_err(|error| {
        let message = format!("ask http://{address}{page}: {error}");
        Failure::new(Exit::Unwell, message, "start the service, or set health.listen as it has it")
    })?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status == "200" {
        return Ok(ExitCode::SUCCESS);
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
    let message = format!("http://{address}{page}: expected 200, found {status}: {body}");
    Err(Failure::new(Exit::Unwell, message, "look at its log, and at /readyz?verbose"))
}

/// Where a service that listens everywhere is found from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, page: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIME)?;
    stream.set_read_timeout(Some(TIME))?;
    stream.set_write_timeout(Some(TIME))?;
    write!(stream, "GET {page} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // A page is some hundred bytes.
    stream.take(64 << 10).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
