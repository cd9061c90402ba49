//! HTTP/2, TLS and unix sockets.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use herbarium_loadgen::outcome::Fault;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::servers::{report, scenario};

/// A thread with a runtime, for as long as the test process.
fn serve(task: impl Future<Output = ()> + 'static + Send) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(task);
    });
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let answer = service_fn(|_| async {
        Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from_static(b"hello"))))
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
}

fn bound() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port.to_string())
}

fn http2_server(tls: Option<TlsAcceptor>) -> String {
    let (listener, port) = bound();
    serve(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => http2(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            http2(stream).await;
                        }
                    }
                }
            });
        }
    });
    port
}

/// An acceptor, and the certificate to trust as PEM.
fn tls(protocol: &[u8]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

const SHORT: &str = "
    load = { spacing = \"even\" }
    connections = { count = 2, max = 2, streams = 10 }
    stage = [{ hold = 100, for = \"300ms\" }]
    flow = [{ method = \"POST\", body = \"{{index}}\", check = { body_contains = \"hello\" } }]
";

#[test]
fn http2_is_spoken_with_prior_knowledge() {
    let port = http2_server(None);
    let scenario = scenario(&format!("target = {{ protocol = \"http2\" }}\n{SHORT}"));
    let report = report(&scenario, &format!("http://127.0.0.1:{port}"));
    assert_eq!((report.whole.good, report.due), (30, 30), "{:?}", report.whole.errors);
    assert!(report.series.iter().all(|point| point.open <= 2));
    assert_eq!(report.series[1].open, 2);
}

#[test]
fn http2_in_closed_mode_has_a_connection_for_each_user() {
    let port = http2_server(None);
    let scenario = scenario(
        "target = { protocol = \"http2\" }\nload = { mode = \"closed\" }
         stage = [{ users = 3, for = \"300ms\" }]",
    );
    let report = report(&scenario, &format!("http://127.0.0.1:{port}"));
    assert!(report.whole.good > 10 && report.whole.errors.sum() == 0, "{:?}", report.whole);
    assert_eq!(report.series[1].open, 3);
}

#[test]
fn http2_over_tls_is_agreed_on_and_certificates_are_looked_at() {
    let (acceptor, pem) = tls(b"h2");
    let port = http2_server(Some(acceptor));
    let url = format!("https://localhost:{port}");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let with =
        |tls: &str| scenario(&format!("target = {{ protocol = \"http2\", {tls} }}\n{SHORT}"));
    for good in [format!("ca = '{}'", ca.display()), "insecure = true".to_owned()] {
        let report = report(&with(&good), &url);
        assert_eq!(report.whole.good, 30, "{:?}", report.whole.errors);
    }
    let target = herbarium_loadgen::Target::parse(&url).unwrap();
    let stop = herbarium_loadgen::Stop::new();
    let ended = herbarium_loadgen::run(
        &with("insecure = false"),
        &target,
        &crate::servers::options(),
        &stop,
        &mut (),
    );
    let is_tls =
        matches!(ended, Err(herbarium_loadgen::RunError::Unreachable { fault: Fault::Tls, .. }));
    assert!(is_tls, "{ended:?}");
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut head = [0; 4096];
    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
        let _ = stream.write_all(crate::servers::GOOD).await;
        let _ = stream.flush().await;
    }
}

#[test]
fn http1_goes_over_tls_and_unix_sockets() {
    let (acceptor, _) = tls(b"http/1.1");
    let (listener, port) = bound();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let unix = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    unix.set_nonblocking(true).unwrap();
    serve(async move {
        let unix = UnixListener::from_std(unix).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = unix.accept().await {
                tokio::spawn(http1(stream));
            }
        });
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    http1(stream).await;
                }
            });
        }
    });
    let scenario = scenario(&format!("target = {{ insecure = true }}\n{SHORT}"));
    for url in [format!("https://localhost:{port}"), format!("unix:{}", socket.display())] {
        let report = report(&scenario, &url);
        assert_eq!(report.whole.good, 30, "{url}: {:?}", report.whole.errors);
    }
}
