//! What can go wrong at `/api/auth/v2`, and what the client learns of it. The protocol's own endpoints answer with
//! [`crate::oauth_error::OAuthError`].

use std::time::Duration;

use http::HeaderValue;
use nexus_kernel::Problem;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::problem::FieldError;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such application in the asker's organisation.
    #[error("there is no such application")]
    NoSuchApplication,
    /// The application breaks rules.
    #[error("mend the fields in `errors` and send it again")]
    Invalid(Vec<FieldError>),
    /// The application has no secret to replace.
    #[error("this application has no secret: it shows who it is by its keys, or not at all")]
    NoSecret,
    /// Whoever holds the application's secret may do more than the asker.
    #[error("this application may do more than you; ask somebody with its roles")]
    AboveYou,
    /// An organisation has as many applications as it can have.
    #[error("there are {0} applications; delete one first")]
    TooManyApplications(i64),
    /// Somebody changed the application since the client read it.
    #[error("somebody changed it meanwhile; read it again and repeat your change")]
    Changed,
    /// There is no such token.
    #[error("there is no such token")]
    NoSuchToken,
    /// The request is unknown, answered or too old, or the browser is another: the asker must not learn which.
    #[error(
        "this request is unknown, answered or too old, or was begun in another browser; go back to the application and begin again"
    )]
    NoSuchAuthorization,
    /// The request of a device is unknown, answered, too old or of another organisation.
    #[error("no device waits with this code; look at the device again")]
    NoSuchDevice,
    /// Too many codes of devices were tried.
    #[error("too many codes were tried; wait, then try again")]
    TooManyCodes(Duration),
    /// The person has agreed to nothing for this application.
    #[error("you have agreed to nothing for this application")]
    NoSuchConsent,
    /// A token of an application can't agree in its person's name.
    #[error("only the person can answer this, and this token is an application's")]
    NotThePerson,
    /// The person has to sign in again first.
    #[error("the application asks that you sign in again")]
    SignInAgain(Option<u32>),
    /// Another service.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel has said what is wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NoSuchApplication
            | Error::NoSuchToken
            | Error::NoSuchAuthorization
            | Error::NoSuchDevice
            | Error::NoSuchConsent => Self::not_found(detail),
            Error::Invalid(fields) => {
                fields.into_iter().fold(Self::unprocessable("validation-failed", detail), |problem, error| {
                    problem.field(error.field, error.message)
                })
            }
            Error::NoSecret => Self::conflict("no-secret", detail),
            Error::AboveYou => Self::forbidden("above-you", detail),
            Error::TooManyApplications(_) => Self::conflict("too-many-applications", detail),
            Error::Changed => Self::precondition_failed(detail),
            Error::TooManyCodes(wait) => Self::too_many("too-many-codes", detail, wait),
            Error::NotThePerson => Self::forbidden("not-the-person", detail),
            Error::SignInAgain(max_age) => {
                Self::unauthorized("insufficient-user-authentication", detail).challenge(again(max_age))
            }
            Error::Mesh(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Problem(problem) => problem,
        }
    }
}

/// RFC 9470 section 3.
fn again(max_age: Option<u32>) -> HeaderValue {
    let text = format!("Bearer error=\"insufficient_user_authentication\", max_age={}", max_age.unwrap_or_default());
    HeaderValue::try_from(text).expect("a number is part of a header value")
}
