//! Mutual TLS between processes (docs/adr/0007): both sides show a certificate of the installation's authority, which names
//! the services that its holder speaks for. A process without one gets no connection.
//!
//! Nothing renews certificates in the background: each new connection asks for the credentials of the moment, and those are
//! made anew when half of their life is over, or when their files have changed. So a clock that jumps or a process that slept
//! for a day has good credentials at its next connection.

mod authority;
mod files;
mod names;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::{MeshConfig, MeshTlsConfig};
use crate::time::{Clock, Timestamp};

use authority::Authority;
use files::{Files, Version};

pub use names::installation;
pub(super) use names::{host, services};

/// ALPN's names of the two protocols (RFC 9113 section 3.1, RFC 7301 section 6).
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// There are no credentials to speak to other processes with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that can't be used.
    #[error("mesh.tls: {}: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// One of the three files is named, and another is not.
    #[error("mesh.tls needs ca, certificate and key together")]
    Incomplete,
    /// A certificate for somebody else.
    #[error(
        "the certificate of mesh.tls does not speak for {service}: it needs the names URI:{} and DNS:{}",
        names::spiffe(.service),
        names::host(.service)
    )]
    Name {
        /// The service.
        service: String,
    },
    /// The parts of the credentials do not fit.
    #[error("credentials for other processes: {0}")]
    Rustls(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("making a certificate from mesh.secret: {0}")]
    Making(#[from] rcgen::Error),
}

/// What a service shows to others, and whom it believes.
pub struct Identity {
    source: Source,
    /// How long a certificate is good, or is taken to be where it comes from elsewhere.
    life: Duration,
    clock: Clock,
    current: RwLock<Option<Arc<Credentials>>>,
}

enum Source {
    Secret { authority: Box<Authority>, service: String },
    Files(Files),
}

/// What a source gives.
struct Material {
    authorities: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    good: Good,
}

/// How long credentials are used.
enum Good {
    /// From one instant until before another.
    Between(Timestamp, Timestamp),
    /// As long as the files are these.
    WhileUnchanged(Version),
}

/// Ready for connections in either direction.
pub(super) struct Credentials {
    pub(super) server: Arc<ServerConfig>,
    /// For HTTP/2.
    pub(super) http2: Arc<ClientConfig>,
    /// For HTTP/1.1, which alone can be upgraded.
    pub(super) http1: Arc<ClientConfig>,
    good: Good,
}

impl Identity {
    /// The service's identity as configured: `None` where neither `mesh.secret` nor `mesh.tls` is set, as in one process.
    pub fn configured(service: &str, config: &MeshConfig, clock: Clock) -> Result<Option<Self>, TlsError> {
        let source = if config.tls != MeshTlsConfig::default() {
            Source::Files(Files::of(service, &config.tls)?)
        } else if config.secret.expose().is_empty() {
            return Ok(None);
        } else {
            Source::Secret { authority: Box::new(Authority::of(&config.secret)?), service: service.to_owned() }
        };
        let life = Duration::from_secs(config.certificate_minutes.max(1).saturating_mul(60));
        let identity = Self { source, life, clock, current: RwLock::default() };
        // Files that can't be used stop the start, and not the first call.
        if matches!(identity.source, Source::Files(_)) {
            identity.credentials()?;
        }
        Ok(Some(identity))
    }

    /// The credentials of the moment. Where new ones can't be had, the old ones are used on: they may still be good.
    pub(super) fn credentials(&self) -> Result<Arc<Credentials>, TlsError> {
        let now = self.clock.now();
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(credentials) = current.as_ref().filter(|credentials| self.is_good(&credentials.good, now)) {
            return Ok(Arc::clone(credentials));
        }
        match self.source.material(self.life, now).and_then(|material| Credentials::new(material, &self.clock)) {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
                Ok(fresh)
            }
            Err(error) => match current {
                Some(old) => {
                    tracing::warn!(%error, "the old certificate is used on");
                    Ok(old)
                }
                None => Err(error),
            },
        }
    }

    /// Until when a connection may last that begins now.
    pub(super) fn longest_connection(&self) -> Timestamp {
        self.clock.now().plus(self.life)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn is_good(&self, good: &Good, now: Timestamp) -> bool {
        match (good, &self.source) {
            (Good::Between(from, until), _) => (*from..*until).contains(&now),
            (Good::WhileUnchanged(version), Source::Files(files)) => *version == files.version(),
            (Good::WhileUnchanged(_), Source::Secret { .. }) => false,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Secret { service, .. } => f.debug_tuple("Identity").field(service).finish(),
            Source::Files(files) => f.debug_tuple("Identity").field(files).finish(),
        }
    }
}

impl Source {
    fn material(&self, life: Duration, now: Timestamp) -> Result<Material, TlsError> {
        match self {
            Self::Secret { authority, service } => authority.issue(service, life, now),
            Self::Files(files) => files.read(),
        }
    }
}

impl Credentials {
    fn new(material: Material, clock: &Clock) -> Result<Self, TlsError> {
        let Material { authorities, chain, key, good } = material;
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority)?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let server = server(&roots, &provider, clock, (chain.clone(), key.clone_key()))?;
        let http2 = client(&roots, &provider, clock, (chain, key))?;
        let mut http1 = http2.clone();
        http1.alpn_protocols = vec![HTTP1.to_vec()];
        Ok(Self { server: Arc::new(server), http2: Arc::new(http2), http1: Arc::new(http1), good })
    }
}

type Certified = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn server(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    clock: &Clock,
    (chain, key): Certified,
) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let builder = ServerConfig::builder_with_details(Arc::clone(provider), Arc::new(Time(clock.clone())));
    let builder = builder.with_protocol_versions(&[&TLS13])?.with_client_cert_verifier(verifier);
    let mut server = builder.with_single_cert(chain, key)?;
    server.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    // A session that is taken up again would let in a certificate that has ended since.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(server)
}

fn client(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    clock: &Clock,
    (chain, key): Certified,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), Arc::new(Time(clock.clone())));
    let builder = builder.with_protocol_versions(&[&TLS13])?.with_root_certificates(Arc::clone(roots));
    let mut client = builder.with_client_auth_cert(chain, key)?;
    client.alpn_protocols = vec![HTTP2.to_vec()];
    client.resumption = Resumption::disabled();
    Ok(client)
}

/// The kernel's clock, for certificates.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
