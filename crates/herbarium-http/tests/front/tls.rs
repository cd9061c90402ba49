//! TLS: silence, reloads, protocols.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herbarium_http::{Limits, TlsError, TlsReloader};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Reply, Server, connect, read_reply, router, time_to_close};

/// A new pair in the folder, and the certificate.
fn pair(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("crt"), cert.pem()).expect("written");
    std::fs::write(folder.join("key"), signing_key.serialize_pem()).expect("written");
    cert.der().clone()
}

fn open(folder: &Path) -> Result<TlsReloader, TlsError> {
    TlsReloader::open(folder.join("crt"), folder.join("key"))
}

fn server(tls: &TlsReloader) -> Server {
    let limits = Limits { tls_handshake: Duration::from_millis(500), ..Limits::default() };
    Server::new(|front| front.limits(limits).tls(tls.clone()), router())
}

fn secured(
    server: &Server,
    trusts: &CertificateDer<'static>,
    alpn: &[u8],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusts.clone()).expect("a root");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    StreamOwned::new(connection, connect(server.addr))
}

fn get(server: &Server, trusts: &CertificateDer<'static>) -> std::io::Result<Reply> {
    let mut stream = secured(server, trusts, b"http/1.1");
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    Ok(read_reply(&mut stream))
}

#[test]
fn a_request_over_tls_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = pair(folder.path());
    let server = server(&open(folder.path()).expect("a pair"));
    assert_eq!(get(&server, &certificate).expect("an answer").text(), "hello\n");
    let mut stream = secured(&server, &certificate, b"h2");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("written");
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).expect("a frame");
    assert_eq!((stream.conn.alpn_protocol(), frame[3]), (Some(&b"h2"[..]), 4), "SETTINGS");
}

#[test]
fn a_silent_handshake_stops_nobody_and_is_closed_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = pair(folder.path());
    let server = server(&open(folder.path()).expect("a pair"));
    let mut silent: Vec<_> = (0..5).map(|_| server.connect()).collect();
    let mut half = server.connect();
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).expect("written");
    assert_eq!(get(&server, &certificate).expect("an answer").status, 200);
    silent.push(half);
    for stream in &mut silent {
        time_to_close(stream);
    }
    // Nor does one who speaks no TLS.
    let mut plain = server.connect();
    plain.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("written");
    time_to_close(&mut plain);
    assert_eq!(get(&server, &certificate).expect("an answer").status, 200);
}

#[test]
fn a_certificate_is_exchanged_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = pair(folder.path());
    let tls = open(folder.path()).expect("a pair");
    let server = server(&tls);
    assert!(get(&server, &old).is_ok());
    let new = pair(folder.path());
    tls.reload().expect("a new pair");
    assert!(get(&server, &new).is_ok());
    assert!(get(&server, &old).is_err());
    // A pair that cannot be used changes nothing.
    std::fs::write(folder.path().join("crt"), "no certificate").expect("written");
    assert!(matches!(tls.reload(), Err(TlsError::Pem { .. })));
    assert!(get(&server, &new).is_ok());
}

#[test]
fn a_certificate_that_changes_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    pair(folder.path());
    let tls = open(folder.path()).expect("a pair");
    let server = server(&tls);
    server.runtime.spawn(tls.watch(Duration::from_millis(20)));
    let new = pair(folder.path());
    crate::client::until("the new certificate", || get(&server, &new).is_ok());
}

#[test]
fn pairs_that_cannot_be_used_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(open(folder.path()), Err(TlsError::Read { what: "certificate", .. })));
    pair(folder.path());
    let key = std::fs::read(folder.path().join("key")).expect("a key");
    pair(folder.path());
    std::fs::write(folder.path().join("key"), key).expect("written");
    assert!(matches!(open(folder.path()), Err(TlsError::Pair { .. })));
    std::fs::write(folder.path().join("key"), "secret").expect("written");
    let error = open(folder.path()).expect_err("no key");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn every_request_that_was_accepted_over_tls_is_answered_in_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = pair(folder.path());
    let server = server(&open(folder.path()).expect("a pair"));
    let nap = b"GET /nap HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut napping: Vec<_> = (0..4).map(|_| secured(&server, &certificate, b"http/1.1")).collect();
    for stream in &mut napping {
        stream.write_all(nap).expect("written");
    }
    crate::client::until("asked", || server.shutdown.requests_in_flight() == 4);
    server.shutdown.begin("the test ends");
    let drained = server.runtime.block_on(server.shutdown.run());
    assert!(drained.in_time && drained.cut == 0, "{drained:?}");
    for stream in &mut napping {
        let reply = read_reply(stream);
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    }
}
