//! How lately, and with how much, a person has to have proved who they are (RFC 9470).

use std::time::Duration;

use http::HeaderValue;

use super::{AuthenticationMethod, Principal};
use crate::problem::Problem;
use crate::time::Timestamp;

/// What a sign-in with more than one factor is called (`acr_values`, RFC 9470 section 4).
pub const ACR_MULTI_FACTOR: &str = "mfa";

/// How much has to be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// One factor, whichever.
    Any,
    /// More than one factor.
    Second,
}

impl Principal {
    /// 401 `insufficient-user-authentication` unless the person proved who they are within that time, and with that much. A
    /// token that stands for nobody who signed in, as a personal access token, never did.
    pub fn must_have_authenticated(&self, now: Timestamp, within: Duration, factor: Factor) -> Result<(), Problem> {
        let fresh = self.authenticated_at.is_some_and(|at| at.plus(within) > now);
        let enough = factor == Factor::Any || self.methods.contains(&AuthenticationMethod::MultipleFactors);
        if fresh && enough {
            return Ok(());
        }
        Err(insufficient(within, factor))
    }
}

fn insufficient(within: Duration, factor: Factor) -> Problem {
    let seconds = within.as_secs();
    let (with, acr) = match factor {
        Factor::Any => ("", String::new()),
        Factor::Second => (" with a second factor", format!(", acr_values=\"{ACR_MULTI_FACTOR}\"")),
    };
    let detail = format!("prove again who you are{with}: this needs a sign-in of the last {seconds} seconds");
    let problem = Problem::unauthorized("insufficient-user-authentication", detail);
    let challenge = format!("Bearer error=\"insufficient_user_authentication\", max_age={seconds}{acr}");
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.challenge(challenge),
        Err(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::header::WWW_AUTHENTICATE;
    use uuid::Uuid;

    use super::*;
    use crate::ids::{TenantId, UserId};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const WITHIN: Duration = Duration::from_mins(5);

    fn signed_in(ago: Option<u64>, methods: &[AuthenticationMethod]) -> Principal {
        Principal {
            user: UserId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            session: Uuid::nil(),
            token_id: Uuid::nil(),
            roles: Vec::new(),
            scopes: Vec::new(),
            expires_at: NOW,
            client: None,
            authenticated_at: ago.map(|seconds| NOW.minus(Duration::from_secs(seconds))),
            methods: methods.to_vec(),
            confirmation: None,
        }
    }

    #[test]
    fn a_sign_in_counts_for_as_long_as_is_asked_for_and_for_what_it_was() {
        let password = [AuthenticationMethod::Password];
        let both = [
            AuthenticationMethod::Password,
            AuthenticationMethod::OneTimePassword,
            AuthenticationMethod::MultipleFactors,
        ];
        assert!(signed_in(Some(299), &password).must_have_authenticated(NOW, WITHIN, Factor::Any).is_ok());
        assert!(signed_in(Some(300), &password).must_have_authenticated(NOW, WITHIN, Factor::Any).is_err());
        assert!(signed_in(None, &both).must_have_authenticated(NOW, WITHIN, Factor::Any).is_err());
        assert!(signed_in(Some(1), &password).must_have_authenticated(NOW, WITHIN, Factor::Second).is_err());
        assert!(signed_in(Some(1), &both).must_have_authenticated(NOW, WITHIN, Factor::Second).is_ok());
    }

    #[test]
    fn the_refusal_says_what_is_needed_as_rfc_9470_wants() {
        let refused = signed_in(None, &[]).must_have_authenticated(NOW, WITHIN, Factor::Second).unwrap_err();
        assert_eq!(refused.code(), "insufficient-user-authentication");
        let response = refused.into_response();
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer error=\"insufficient_user_authentication\", max_age=300, acr_values=\"mfa\""
        );
    }
}
