//! TLS, with certificates that can change while it runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::metrics::TLS_RELOADS;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read {what} {}: expected a readable file", path.display())]
    Read {
        /// `certificate` or `key`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("read {what} {}: expected PEM with a {what}, found {found}", path.display())]
    Pem {
        /// `certificate` or `key`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// Both are well-formed, and do not go together or cannot be used.
    #[error("use certificate {} with key {}: expected a pair", certificate.display(), key.display())]
    Pair {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1 offered, by a certificate that can
/// be exchanged: new connections get the new one. A clone is the same.
///
/// ```no_run
/// use std::time::Duration;
/// use herbarium_http::TlsReloader;
///
/// # async fn example() -> Result<(), herbarium_http::TlsError> {
/// let tls = TlsReloader::open("/etc/tls/tls.crt", "/etc/tls/tls.key")?;
/// tokio::spawn(tls.clone().watch(Duration::from_secs(60)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsReloader {
    inner: Arc<Inner>,
}

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
    /// What the files looked like when they were last read, well or not.
    seen: Mutex<[Stamp; 2]>,
}

/// What changes when a file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path);
        metadata.map_or_else(
            |_| Self::default(),
            |it| Self { modified: it.modified().ok(), length: it.len() },
        )
    }
}

impl TlsReloader {
    /// With this chain of certificates, the server's own first, and its key,
    /// both PEM.
    ///
    /// # Errors
    /// If a file cannot be read, or they do not go together.
    pub fn open(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let seen = Mutex::new([Stamp::of(&certificate), Stamp::of(&key)]);
        let current = ArcSwap::from_pointee(load(&certificate, &key)?);
        Ok(Self { inner: Arc::new(Inner { certificate, key, current, seen }) })
    }

    /// Reads both files again. Connections that are there keep what they have.
    ///
    /// # Errors
    /// As in [`open`](Self::open); then the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let inner = &self.inner;
        *inner.seen() = inner.stamps();
        let loaded = load(&inner.certificate, &inner.key);
        TLS_RELOADS.as_counter(&[if loaded.is_ok() { "ok" } else { "failed" }]).increment(1);
        inner.current.store(Arc::new(loaded?));
        tracing::info!(certificate = %inner.certificate.display(), "the certificate was read again");
        Ok(())
    }

    /// [Reloads](Self::reload) whenever a file has changed since it was read;
    /// looks this often. What cannot be used is logged. Never ends.
    pub async fn watch(self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let changed = self.inner.stamps() != *self.inner.seen();
            if changed && let Err(error) = self.reload() {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "the old certificate stays in use");
            }
        }
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.inner.current.load_full()
    }
}

impl Inner {
    fn stamps(&self) -> [Stamp; 2] {
        [Stamp::of(&self.certificate), Stamp::of(&self.key)]
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, [Stamp; 2]> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows paths, and no keys.
impl fmt::Debug for TlsReloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsReloader")
            .field("certificate", &self.inner.certificate)
            .field("key", &self.inner.key)
            .finish_non_exhaustive()
    }
}

fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain = read_chain(certificate)?;
    let secret = read_key(key)?;
    let pair = |source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Clients that come again need no second handshake, and the server keeps
    // nothing for them. Without it, they do without.
    if let Ok(ticketer) = rustls::crypto::ring::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(config)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { what, path: path.to_owned(), source })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "certificate";
    let wrong = |found| TlsError::Pem { what, path: path.to_owned(), found };
    let pem = read(what, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() { Err(wrong("none".to_owned())) } else { Ok(chain) }
}

/// The error says nothing of what is in the file.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let what = "key";
    let pem = read(what, path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::Pem {
        what,
        path: path.to_owned(),
        found: "none that is well-formed".to_owned(),
    })
}
