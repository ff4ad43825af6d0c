//! What can go wrong, and what the client learns of it.

use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::auth::Role;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Unknown, spent, revoked or expired: the client learns no more than that it has to sign in.
    #[error("the refresh token is not valid or no longer valid; sign in again")]
    InvalidRefreshToken,
    /// A session has one family, and a revoked one gets none.
    #[error("the session has its tokens already, or was revoked")]
    FamilyExists,
    /// The session that a token should belong to is over, or was never this person's.
    #[error("the session has ended")]
    SessionEnded,
    /// A refresh asks for more than was granted.
    #[error("scope `{0}` was not granted; ask for less, or let the person grant it")]
    ScopeNotGranted(String),
    /// There is no such token, or the asker may not know of it.
    #[error("there is no such token")]
    NoSuchToken,
    /// Only people who signed in make tokens.
    #[error("sign in to make a token: another token, or an application, can't")]
    NotASession,
    /// A program would get more than its maker has.
    #[error("you can't give away the role `{0}`, that you don't have")]
    RoleAboveOwn(Role),
    /// There are enough.
    #[error("there are {0} tokens already, and more are not allowed; revoke one first")]
    TooManyTokens(i64),
    /// It would end in the past, or live too long.
    #[error("`expires_at` must be in the future, and at most a year from now")]
    WrongEnd,
    /// The claims are not those of an ID token.
    #[error("an ID token needs {0}")]
    InvalidClaims(&'static str),
    /// No key is there to sign with.
    #[error("no signing key is active")]
    NoSigningKey,
    /// The keys' seeds can't be sealed or opened.
    #[error(transparent)]
    Seal(#[from] MeshError),
    /// A stored value is not what this service wrote.
    #[error("stored {0} can't be read")]
    Corrupt(&'static str),
    /// The key is not a key, or the claims are no JSON.
    #[error("signing: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidRefreshToken => Self::unauthorized("invalid-refresh-token", error.to_string()),
            Error::FamilyExists => Self::conflict("family-exists", error.to_string()),
            Error::SessionEnded => Self::conflict("session-ended", error.to_string()),
            Error::ScopeNotGranted(_) => Self::unprocessable("invalid-scope", error.to_string()),
            Error::NoSuchToken => Self::not_found(error.to_string()),
            Error::NotASession => Self::forbidden("session-needed", error.to_string()),
            Error::RoleAboveOwn(_) => Self::forbidden("role-above-own", error.to_string()),
            Error::TooManyTokens(_) => Self::conflict("too-many-tokens", error.to_string()),
            Error::WrongEnd => Self::unprocessable("validation-failed", "the request breaks rules")
                .field("expires_at", error.to_string()),
            Error::InvalidClaims(_) => Self::unprocessable("invalid-claims", error.to_string()),
            Error::Store(error) => error.into(),
            Error::Seal(MeshError::Refused(problem)) if problem.status() != StatusCode::SERVICE_UNAVAILABLE => {
                Self::internal(format!("the signing keys can't be opened: {problem}"))
            }
            Error::Seal(error) => error.into(),
            Error::NoSigningKey | Error::Corrupt(_) | Error::Signing(_) => Self::internal(error),
        }
    }
}
