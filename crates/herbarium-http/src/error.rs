//! What can go wrong before anything is served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a front could not be set up as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Others can reach the address, and anyone could do anything.
    #[error(
        "listen on {addr}: others can reach that address, and no authenticator is set; \
         set one, listen on loopback, or allow it explicitly"
    )]
    Public {
        /// Where to listen.
        addr: SocketAddr,
    },
    /// The address cannot be had.
    #[error("listen on {addr}: is something else listening there?")]
    Bind {
        /// Where to listen.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody listens on the socket already.
    #[error("listen on {}: a process answers there already; stop it, or choose another path", path.display())]
    Taken {
        /// The path of the socket.
        path: PathBuf,
    },
    /// Something else than a socket is there.
    #[error("listen on {}: expected nothing or a socket, found another file; move it away", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
}
