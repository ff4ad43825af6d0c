//! What others need to know of auth-service-v2, the OAuth 2.1 and `OpenID` Connect provider.

/// The service's name.
pub const SERVICE: &str = "auth-service-v2";
