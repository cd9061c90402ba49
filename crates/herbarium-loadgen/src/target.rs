//! Where requests go, and whether they may.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use thiserror::Error;

/// A server: `http://host:port`, `https://host`, or `unix:/path/to.sock`, each
/// with a path that goes before those of the requests.
///
/// ```
/// use herbarium_loadgen::target::Target;
///
/// let target = Target::parse("http://127.0.0.1:8080/v1/")?;
/// assert_eq!(target.authority(), "127.0.0.1:8080");
/// assert_eq!(target.base(), "/v1");
/// assert!(target.is_local());
/// # Ok::<(), herbarium_loadgen::target::TargetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    url: String,
    place: Place,
    authority: String,
    base: String,
}

/// What is connected to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// TCP, with the addresses that the name has.
    Tcp {
        /// In the order in which they are tried.
        addresses: Vec<SocketAddr>,
        /// The name to expect in the certificate; `None` without TLS.
        tls: Option<String>,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// Why a target is none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The text is no URL of a known kind.
    #[error(
        "cannot read the target `{url}`: {why}; write http://HOST:PORT, https://HOST:PORT or unix:/PATH"
    )]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The name has no address.
    #[error("cannot find the address of `{host}`; look whether the name is right")]
    Name {
        /// The name.
        host: String,
        /// The resolver's word.
        source: std::io::Error,
    },
    /// Not this machine, and nobody said that it may be loaded.
    #[error(
        "the target `{url}` is not on this machine; load on somebody else's server is an attack: if it is yours, say so with --i-own-this-target"
    )]
    Foreign {
        /// As given.
        url: String,
    },
}

impl Target {
    /// Reads a URL and looks up its name.
    ///
    /// # Errors
    /// No URL, or a name without an address.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let wrong = |why| TargetError::Url { url: url.to_owned(), why };
        if let Some(rest) = url.strip_prefix("unix:") {
            if !cfg!(unix) {
                return Err(wrong("this system has no unix sockets"));
            }
            return Self::unix(url, rest).ok_or_else(|| wrong("the path of the socket is missing"));
        }
        let (tls, rest) = match url.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(wrong("the scheme is none of http, https, unix")),
        };
        let (authority, base) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.is_empty() || authority.contains('@') {
            return Err(wrong("it has no host, or a user in it"));
        }
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || base.contains(['?', '#']) {
            return Err(wrong("it has a space, a query or a fragment in it"));
        }
        let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })
            .ok_or_else(|| wrong("the port is no number"))?;
        let found = (host, port).to_socket_addrs();
        let addresses: Vec<SocketAddr> =
            found.map_err(|source| TargetError::Name { host: host.to_owned(), source })?.collect();
        let tls = tls.then(|| host.to_owned());
        Ok(Self {
            url: url.to_owned(),
            place: Place::Tcp { addresses, tls },
            authority: authority.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// `unix:/path` or `unix:/path:/base`.
    fn unix(url: &str, rest: &str) -> Option<Self> {
        let (path, base) = rest.split_once(':').unwrap_or((rest, ""));
        (!path.is_empty()).then(|| Self {
            url: url.to_owned(),
            place: Place::Unix(PathBuf::from(path)),
            authority: "localhost".to_owned(),
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// The text it was read from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is connected to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// For the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Goes before the path of each request; without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether connections are encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self.place, Place::Tcp { tls: Some(_), .. })
    }

    /// Whether it is this machine, by every address of its name.
    pub fn is_local(&self) -> bool {
        match &self.place {
            Place::Tcp { addresses, .. } => {
                !addresses.is_empty() && addresses.iter().all(|at| is_loopback(at.ip()))
            }
            Place::Unix(_) => true,
        }
    }

    /// Refuses other machines unless they are said to be the caller's.
    ///
    /// # Errors
    /// [`TargetError::Foreign`].
    pub fn allow(self, is_mine: bool) -> Result<Self, TargetError> {
        match is_mine || self.is_local() {
            true => Ok(self),
            false => Err(TargetError::Foreign { url: self.url }),
        }
    }
}

/// Also `::ffff:127.0.0.1`.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// `[::1]:80`, `host:80`, `host`.
fn host_and_port(authority: &str, default: u16) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => port.is_empty().then_some((host, default)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, local: Option<bool>) {
        assert_eq!(Target::parse(url).ok().map(|it| it.is_local()), local, "{url}");
    }

    #[test]
    fn urls_are_read_or_refused() {
        for url in
            ["http://127.0.0.1:80", "http://127.9.9.9", "http://[::1]:8080/x", "unix:/a.sock"]
        {
            check(url, Some(true));
        }
        for url in ["http://192.0.2.1", "https://198.51.100.7:8443/", "http://[::ffff:192.0.2.1]"] {
            check(url, Some(false));
        }
        for url in
            ["", "ftp://127.0.0.1", "http://", "http://127.0.0.1:x", "unix:", "http://a@127.0.0.1"]
        {
            check(url, None);
        }
    }

    #[test]
    fn what_is_not_here_needs_a_word() {
        let there = || Target::parse("http://192.0.2.1").unwrap();
        assert!(matches!(there().allow(false), Err(TargetError::Foreign { .. })));
        assert!(there().allow(true).is_ok());
    }
}
