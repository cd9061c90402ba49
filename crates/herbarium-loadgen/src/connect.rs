//! Connections: TCP, TLS and unix sockets behind one type.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio_rustls::{TlsConnector, rustls};

use crate::outcome::Fault;
use crate::scenario::{Protocol, ScenarioError, TargetSpec};
use crate::target::{Place, Target};

/// A connection that is open.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// All that is needed to open one.
#[derive(Clone)]
pub(crate) struct Door {
    place: Place,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    wants_h2: bool,
}

impl Door {
    pub(crate) fn new(target: &Target, spec: &TargetSpec) -> Result<Self, ScenarioError> {
        let wants_h2 = spec.protocol == Protocol::Http2;
        let tls = match target.place() {
            Place::Tcp { tls: Some(name), .. } => {
                let server = ServerName::try_from(name.clone()).map_err(|_| {
                    ScenarioError::value("target.url", name, "a host that a certificate can name")
                })?;
                Some((TlsConnector::from(Arc::new(tls_config(spec, wants_h2)?)), server))
            }
            _ => None,
        };
        Ok(Self { place: target.place().clone(), tls, wants_h2 })
    }

    /// Opens a connection; TLS included.
    pub(crate) async fn open(&self) -> Result<Stream, Fault> {
        match &self.place {
            // A target elsewhere is refused when it is read.
            #[cfg(not(unix))]
            Place::Unix(_) => Err(Fault::Connect),
            #[cfg(unix)]
            Place::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Stream::Unix(stream)),
                Err(error) => Err(of_connect(&error)),
            },
            Place::Tcp { addresses, .. } => {
                let stream = TcpStream::connect(addresses.as_slice()).await;
                let stream = stream.map_err(|error| of_connect(&error))?;
                // Requests are small: they must not wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                self.secure(stream).await
            }
        }
    }

    async fn secure(&self, stream: TcpStream) -> Result<Stream, Fault> {
        let Some((connector, name)) = &self.tls else { return Ok(Stream::Tcp(stream)) };
        let stream = connector.connect(name.clone(), stream).await.map_err(|_| Fault::Tls)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        match self.wants_h2 && agreed != Some(b"h2") {
            true => Err(Fault::Tls),
            false => Ok(Stream::Tls(Box::new(stream))),
        }
    }
}

fn of_connect(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Fault::Refused,
        _ => Fault::Connect,
    }
}

fn tls_config(spec: &TargetSpec, wants_h2: bool) -> Result<ClientConfig, ScenarioError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ScenarioError::value("target", error, "a TLS version"))?;
    let mut config = match (spec.insecure, &spec.ca) {
        (true, _) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth(),
        (false, Some(path)) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
        (false, None) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![if wants_h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(config)
}

fn roots(path: &Path) -> Result<RootCertStore, ScenarioError> {
    let text = std::fs::read(path).map_err(|source| ScenarioError::Read {
        what: "the certificates",
        path: path.to_owned(),
        source,
    })?;
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    let (added, _) = roots.add_parsable_certificates(found);
    match added {
        0 => Err(ScenarioError::value("target.ca", path.display(), "certificates in PEM")),
        _ => Ok(roots),
    }
}

/// For servers with a certificate of their own making, when the scenario says so.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
