//! An accept loop, and its end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::{Connection, Listening, Shutdown};

/// After an accept that failed: what is wanting, file descriptors mostly, is
/// not there again at once.
const PAUSE: Duration = Duration::from_millis(50);

/// For handshakes that were under way when the door was closed. Their last packet
/// is sent by the client's process, which may have to wait for a processor.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LAST_HANDSHAKES: Duration = Duration::from_millis(30);

impl Shutdown {
    /// Accepts, and runs `converse` on each connection in a task of its own,
    /// until this closes. An accept that fails is logged, and tried again.
    ///
    /// For a loop with a bound on connections, or another kind of listener,
    /// take [`listening`](Self::listening).
    pub async fn serve<F, Fut>(&self, listener: TcpListener, mut converse: F)
    where
        F: FnMut(TcpStream, SocketAddr, Connection) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listening = self.listening();
        while let Some((accepted, connection)) = listening.accept(listener.accept()).await {
            match accepted {
                Ok((stream, from)) => drop(tokio::spawn(converse(stream, from, connection))),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
        for (stream, from, connection) in listening.last(listener).await {
            tokio::spawn(converse(stream, from, connection));
        }
    }
}

impl Listening {
    /// Closes the listener, and gives the connections that waited in its
    /// queue: to their clients they are open, and closing with them there would
    /// reset them. On Linux the system takes no new ones while they are
    /// fetched, so that none is reset; elsewhere one that comes in the last
    /// microseconds may be.
    pub async fn last(self, listener: TcpListener) -> Vec<(TcpStream, SocketAddr, Connection)> {
        stop_handshakes(&listener).await;
        // Not through the runtime, which may not have heard of the latest yet.
        let Ok(listener) = listener.into_std() else { return Vec::new() };
        let mut last = Vec::new();
        while let Ok((stream, from)) = listener.accept() {
            unfiltered(&stream);
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                last.push((stream, from, self.connection()));
            }
        }
        last
    }
}

/// Drops every first packet of a handshake, by a filter on the listener; the rest
/// of those under way goes through. A client whose first packet is dropped sends it
/// again a second later, and finds nobody listening.
#[cfg(any(target_os = "linux", target_os = "android"))]
async fn stop_handshakes(listener: &TcpListener) {
    use socket2::SockFilter;
    /// As the system sees it, a packet begins with the header of TCP (RFC 9293, 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    const ONLY_LATER_ONES: [SockFilter; 5] = [
        SockFilter::new(0x30, 0, 0, FLAGS),     // load a byte
        SockFilter::new(0x54, 0, 0, SYN | ACK), // and
        SockFilter::new(0x15, 0, 1, SYN),       // unless equal, skip one
        SockFilter::new(0x06, 0, 0, 0),         // return: keep nothing
        SockFilter::new(0x06, 0, 0, u32::MAX),  // return: keep all
    ];
    // Without it, the last microseconds are as they are elsewhere.
    if socket2::SockRef::from(listener).attach_filter(&ONLY_LATER_ONES).is_ok() {
        sleep(LAST_HANDSHAKES).await;
    }
}

/// Connections that were accepted after that have the filter as well, and no use for it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn unfiltered(stream: &std::net::TcpStream) {
    // Fails where there is none, as with nearly all.
    let _ = socket2::SockRef::from(stream).detach_filter();
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn unfiltered(_: &std::net::TcpStream) {}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
async fn stop_handshakes(_: &TcpListener) {}
