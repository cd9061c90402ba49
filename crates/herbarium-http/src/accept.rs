//! The accept loops, and what becomes of a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use herbarium_health::{Connection, Listening, PaceLimits, Phase, TooSlow};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::asked::Client;
use crate::front::Front;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::listener::{Listener, Socket};
use crate::metrics::{ACCEPT_ERRORS, CLOSED, CONNECTIONS, HANDSHAKES, Handles, Shed};
use crate::race::race;
use crate::route::Note;
use crate::service::Conversation;
use crate::serving::Serving;
use crate::slots::Slot;
use crate::talk::{Talk, Talking};
use crate::tls::TlsReloader;

/// After accepts that failed: what is wanting, file descriptors mostly, is not
/// there again at once.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

pub(crate) async fn serve(front: Front, listener: Listener, router: Router) {
    let handles = Arc::new(Handles::look_up());
    let gate = Arc::new(Gate::new(&front, Arc::clone(&handles)));
    let router = router.with_state(()).layer(Note { handles });
    let host = Host { gate, router, tls: front.tls.clone() };
    let listening = front.shutdown.listening();
    match listener.socket {
        Socket::Tcp(listener) => {
            host.receive(&listening, &listener).await;
            for (stream, from, connection) in listening.last(listener).await {
                host.welcome::<TcpListener>(stream, Some(from), connection).await;
            }
        }
        #[cfg(unix)]
        Socket::Unix(listener, place) => {
            host.receive(&listening, &listener).await;
            for stream in crate::listener::last(listener, place) {
                let connection = front.shutdown.connection();
                host.welcome::<UnixListener>(stream, None, connection).await;
            }
        }
    }
}

/// Where connections come from, and how each is served.
trait Source: Sync {
    type Stream: Send;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;

    fn spawn(host: &Host, guest: Guest<Self::Stream>);
}

/// The other end, if it has an address.
type Peer = Option<SocketAddr>;

impl Source for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        TcpListener::accept(self).await.map(|(stream, from)| (stream, Some(from)))
    }

    fn spawn(host: &Host, mut guest: Guest<TcpStream>) {
        // Answers are short: waiting to send more at a time gains nothing.
        let _ = guest.stream.set_nodelay(true);
        match &host.tls {
            Some(tls) => {
                guest.client.is_encrypted = true;
                CONNECTIONS.as_counter(&["tls"]).increment(1);
                tokio::spawn(shake_hands(host.talker(&guest), guest, tls.current()));
            }
            None => {
                CONNECTIONS.as_counter(&["tcp"]).increment(1);
                tokio::spawn(host.talker(&guest).converse_paced(guest));
            }
        }
    }
}

#[cfg(unix)]
impl Source for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        UnixListener::accept(self).await.map(|(stream, _)| (stream, None))
    }

    fn spawn(host: &Host, guest: Guest<UnixStream>) {
        CONNECTIONS.as_counter(&["unix"]).increment(1);
        tokio::spawn(host.talker(&guest).converse_paced(guest));
    }
}

/// What all connections of a listener are served with.
struct Host {
    gate: Arc<Gate>,
    router: Router,
    tls: Option<TlsReloader>,
}

/// A connection that has its place.
struct Guest<S> {
    stream: S,
    client: Client,
    connection: Connection,
    slot: Slot,
    limits: Arc<Limits>,
}

impl Host {
    /// Accepts until the shutdown closes the listener.
    async fn receive<S: Source>(&self, listening: &Listening, source: &S) {
        let mut pause = PAUSES[0];
        while let Some((accepted, connection)) = listening.accept(source.accept()).await {
            match accepted {
                Ok((stream, from)) => {
                    pause = PAUSES[0];
                    self.welcome::<S>(stream, from, connection).await;
                }
                Err(error) => {
                    ACCEPT_ERRORS.as_counter(&[]).increment(1);
                    tracing::warn!(%error, ?pause, "a connection could not be accepted");
                    // Each of those that wait has a file descriptor.
                    self.gate.shared.slots.evict_some();
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES[1]);
                }
            }
        }
    }

    async fn welcome<S: Source>(&self, stream: S::Stream, from: Peer, connection: Connection) {
        let limits = self.gate.shared.limits.load_full();
        let client = Client::new(from, false);
        let address = self.gate.bounded(client.address, &limits);
        let address = address.map(|it| (it, limits.connections_per_address));
        let slot = self.gate.shared.slots.take(connection.waiting(), address, limits.connections);
        // With every place busy until the end, there will be none.
        match race(slot, self.gate.shutdown.reached(Phase::Cancelling)).await {
            Some(Some(slot)) => S::spawn(self, Guest { stream, client, connection, slot, limits }),
            Some(None) => {
                Shed::Connections.count();
                let client = client.address.map(tracing::field::display);
                tracing::debug!(client, "too many connections of one address");
            }
            None => {}
        }
    }

    fn talker<S>(&self, guest: &Guest<S>) -> Talker {
        self.gate.handles.active.increment(1.0);
        Talker {
            gate: Arc::clone(&self.gate),
            router: self.router.clone(),
            client: guest.client,
            limits: Arc::clone(&guest.limits),
        }
    }
}

/// One side of a conversation: ours.
struct Talker {
    gate: Arc<Gate>,
    router: Router,
    client: Client,
    limits: Arc<Limits>,
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.gate.handles.active.decrement(1.0);
    }
}

/// TLS goes over the paced stream, so that a client that is silent in the midst
/// of it can be told from one that is busy, and make room.
async fn shake_hands(talker: Talker, guest: Guest<TcpStream>, config: Arc<ServerConfig>) {
    let Guest { stream, connection, slot, limits, .. } = guest;
    let paced = connection.pace(stream, pace(&limits));
    let shaking = timeout(limits.tls_handshake, TlsAcceptor::from(config).accept(paced));
    let cut = talker.gate.shutdown.reached(Phase::Cut);
    let Some(shaken) = race(shaking, cut).await else { return };
    let outcome = match &shaken {
        Ok(Ok(_)) => "ok",
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => "timeout",
        Ok(Err(_)) => "failed",
        Err(_) => "timeout",
    };
    HANDSHAKES.as_counter(&[outcome]).increment(1);
    match shaken {
        Ok(Ok(stream)) => talker.converse(stream, connection, slot).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

fn pace(limits: &Limits) -> PaceLimits {
    PaceLimits::default()
        .with_head(limits.head_time)
        .with_idle(limits.idle_time)
        .with_write(limits.write_time)
}

impl Talker {
    async fn converse_paced<S>(self, guest: Guest<S>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let paced = guest.connection.pace(guest.stream, pace(&guest.limits));
        self.converse(paced, guest.connection, guest.slot).await;
    }

    /// Serves until the connection ends.
    async fn converse<S>(self, stream: S, connection: Connection, _slot: Slot)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (talk, limits) = (Arc::new(Talk::default()), &self.limits);
        let service = Conversation {
            gate: Arc::clone(&self.gate),
            router: self.router.clone(),
            client: self.client,
            talk: Arc::clone(&talk),
        };
        let (service, waiting) = (connection.count(service), connection.waiting());
        let grace = limits.half_closed_time;
        let end = waiting.clone();
        let stream = Talking::new(stream, Arc::clone(&talk), waiting.clone(), grace);
        let serving = Serving::new(stream, service, Arc::clone(&talk), Arc::clone(limits), waiting);
        let watching = connection.watch_until(serving, retire(limits.max_age));
        match race(watching, talk.stalled(limits.write_time)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                if let Some(limit) = end.too_slow() {
                    CLOSED.as_counter(&[name_of(limit)]).increment(1);
                }
                tracing::debug!(%error, "a connection ended early");
            }
            None => {
                CLOSED.as_counter(&["write"]).increment(1);
                tracing::debug!("a client takes in no more of its answer");
            }
        }
    }
}

/// Done when a connection is old. Not all at the same age: those that came
/// together would go, and come again, together.
async fn retire(age: Duration) {
    if age.is_zero() {
        return std::future::pending().await;
    }
    let mut random = [0; 1];
    let tenths = match getrandom::fill(&mut random) {
        Ok(()) => 0.9 + 0.2 * f64::from(random[0]) / 255.0,
        Err(_) => 1.0,
    };
    sleep(age.mul_f64(tenths)).await;
    CLOSED.as_counter(&["age"]).increment(1);
}

fn name_of(limit: TooSlow) -> &'static str {
    match limit {
        TooSlow::Head => "head",
        TooSlow::Idle => "idle",
        _ => "write",
    }
}
