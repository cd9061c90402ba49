//! Where connections come from: TCP, and unix sockets.

use std::io;
use std::net::SocketAddr;

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket};

use crate::error::Error;

#[cfg(unix)]
mod unix;

/// Something that is listened on.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: Socket,
}

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, Option<unix::Place>),
}

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

impl Listener {
    /// Listens on an address; port 0 takes any that is free.
    ///
    /// # Errors
    /// [`Error::Bind`] if it cannot be had.
    pub fn tcp(addr: SocketAddr) -> Result<Self, Error> {
        bind(addr).map(Self::from).map_err(|source| Error::Bind { addr: addr.to_string(), source })
    }

    /// Listens on a path, for this user and their group. A socket that a
    /// process left behind is replaced, one where somebody answers is not; the
    /// path is gone when the listener is.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::NotASocket`], and [`Error::Bind`] for what
    /// the system says.
    #[cfg(unix)]
    pub fn unix(path: impl Into<std::path::PathBuf>) -> Result<Self, Error> {
        let (listener, place) = unix::bind(path.into())?;
        Ok(Self { socket: Socket::Unix(listener, Some(place)) })
    }

    /// Where it listens, if it has an address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix(..) => None,
        }
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for the connections of the last run.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self { socket: Socket::Tcp(listener) }
    }
}

/// One that is bound already, by a supervisor perhaps, and not the front's to
/// remove.
#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self { socket: Socket::Unix(listener, None) }
    }
}

/// Closes a listener, and gives the connections that waited in its queue: to
/// their clients they are open.
#[cfg(unix)]
pub(crate) fn last(
    listener: UnixListener,
    place: Option<unix::Place>,
) -> Vec<tokio::net::UnixStream> {
    // First the path, so that no more come.
    drop(place);
    // Not through the runtime, which may not have heard of the latest yet.
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    let ours = accepted.map(|(stream, _)| {
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream)
    });
    ours.filter_map(io::Result::ok).collect()
}
