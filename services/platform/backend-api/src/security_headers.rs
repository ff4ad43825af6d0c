//! What browsers are told to forbid, in every reply.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use nexus_kernel::config::Config;

/// The console needs inline styles (its component library writes them), pictures and media that it made itself, and a
/// worker from a blob: that is how hls.js plays.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; font-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // The set-up link and the links of e-mails have keys in them.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("geolocation=(), payment=(), usb=()")),
];

/// What every reply gets.
pub(crate) struct SecurityHeaders {
    /// Only said where people come by TLS: elsewhere it would shut them out (RFC 6797).
    transport: Option<HeaderValue>,
}

impl SecurityHeaders {
    pub(crate) fn new(config: &Config) -> Self {
        let tls = &config.gateway.tls;
        let by_tls = config.public_url.starts_with("https://") || !tls.certificate.as_os_str().is_empty();
        let transport = (by_tls && tls.hsts_seconds > 0)
            .then(|| HeaderValue::try_from(format!("max-age={}", tls.hsts_seconds)).ok())
            .flatten();
        Self { transport }
    }

    /// Adds them. What a service says itself stays.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        for (name, value) in &ALWAYS {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Some(transport) = &self.transport {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, transport.clone());
        }
    }
}
