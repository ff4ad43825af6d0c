//! Who asks: the person behind an access token, or the service behind a mesh call.

mod caller;
mod claims;
mod credentials;
mod principal;
mod role;
mod step_up;
mod verifier;

pub use caller::Caller;
pub use claims::{AccessClaims, AuthenticationMethod, Confirmation, Introspection, TokenUse};
pub use credentials::{Credentials, Scheme, VAULT_TOKEN, bearer, credentials};
pub use principal::{MaybePrincipal, Principal};
pub use role::{Role, UnknownRole};
pub use step_up::{ACR_MULTI_FACTOR, Factor};
pub use verifier::TokenVerifier;

/// The issuer of the access tokens of our own sessions (`iss`, RFC 7519 section 4.1.1). Those of other applications name the
/// installation's public address, so that relying parties can look the issuer up.
pub const ISSUER: &str = "nexus-cos";
/// The audience of every access token that the API takes (`aud`, RFC 7519 section 4.1.3).
pub const AUDIENCE: &str = "nexus";
/// The type of an access token (`typ`, RFC 9068 section 2.1): what keeps an ID token from being taken for one.
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// What a personal access token begins with.
pub const PERSONAL_TOKEN_PREFIX: &str = "nxp_";
/// What a service token begins with.
pub const SERVICE_TOKEN_PREFIX: &str = "nxs_";
/// The scope that opens everything that its person may do.
pub const SCOPE_API: &str = "api";
