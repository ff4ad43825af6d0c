//! Who issues: this installation, under the address that people type.

use nexus_kernel::Context;

/// The issuer (RFC 8414 section 2) and where its endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer(String);

impl Issuer {
    /// This installation.
    pub(crate) fn of(context: &Context) -> Self {
        Self::new(&context.config.public_url)
    }

    /// The installation at this address.
    pub(crate) fn new(public_url: &str) -> Self {
        Self(public_url.to_owned())
    }

    /// Its name, as in `iss`.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Where one of its endpoints is.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}/oauth2/{name}", self.0)
    }

    /// A page of the console.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// What a cookie of this site needs besides (RFC 6265 section 4.1.2.5).
    pub(crate) fn cookie_attributes(&self) -> &'static str {
        if self.0.starts_with("https://") { "; Secure" } else { "" }
    }
}
