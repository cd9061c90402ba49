//! The accept loop.

use axum::Router;
use axum::extract::Request;
use herbarium_health::{Connection, PaceLimits};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service as _;

use crate::asked::{Asked, Client};
use crate::front::Front;
use crate::listener::{Listener, Socket};
use crate::principal::Principal;

pub(crate) async fn serve(front: Front, listener: Listener, router: Router) {
    let listening = front.shutdown.listening();
    let router = router.with_state(());
    match listener.socket {
        Socket::Tcp(listener) => {
            while let Some((accepted, connection)) = listening.accept(listener.accept()).await {
                if let Ok((stream, from)) = accepted {
                    let client = Client::new(Some(from), false);
                    tokio::spawn(converse(
                        front.clone(),
                        stream,
                        client,
                        connection,
                        router.clone(),
                    ));
                }
            }
            for (stream, from, connection) in listening.last(listener).await {
                let client = Client::new(Some(from), false);
                tokio::spawn(converse(front.clone(), stream, client, connection, router.clone()));
            }
        }
        #[cfg(unix)]
        Socket::Unix(listener, _place) => {
            while let Some((accepted, connection)) = listening.accept(listener.accept()).await {
                if let Ok((stream, _)) = accepted {
                    let client = Client::new(None, false);
                    tokio::spawn(converse(
                        front.clone(),
                        stream,
                        client,
                        connection,
                        router.clone(),
                    ));
                }
            }
        }
    }
}

async fn converse<S>(
    front: Front,
    stream: S,
    client: Client,
    connection: Connection,
    router: Router,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = front.limits.load_full();
    let pace = PaceLimits::default().with_head(limits.head_time).with_idle(limits.idle_time);
    let io = TokioIo::new(connection.pace(stream, pace));
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let context = herbarium_health::RequestContext::from_headers(request.headers());
        let asked = Asked::new(client, context);
        asked.identify(Principal::anonymous());
        request.extensions_mut().insert(asked);
        router.clone().call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let serving = builder.serve_connection(io, connection.count(service));
    if let Err(error) = connection.watch(serving).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
