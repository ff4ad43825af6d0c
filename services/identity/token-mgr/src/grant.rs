//! What an application may do: never more than its person granted, and only with the key that its tokens are bound to.

use nexus_contracts::token_mgr::{Grant, IssueAccessToken, IssuedAccessToken, RefreshGrant};
use nexus_kernel::Context;

use crate::access_token;
use crate::error::Error;
use crate::family::Family;
use crate::{store, tokens};

/// What the access token of a refresh may do. The caller has asked the client who it is; here it is asked whether the tokens
/// are that client's, and whether it has shown the key that they are bound to.
pub(crate) fn narrowed(family: &Family, request: &RefreshGrant) -> Result<Grant, Error> {
    let granted = family.grant.as_ref().ok_or(Error::InvalidRefreshToken)?;
    let bound_to_another = granted.confirmation.is_some() && granted.confirmation != request.confirmation;
    if granted.client_id != request.client_id || bound_to_another {
        return Err(Error::InvalidRefreshToken);
    }
    let scope = match &request.scope {
        Some(wanted) => within(&granted.scope, wanted)?,
        None => granted.scope.clone(),
    };
    Ok(Grant { client_id: granted.client_id.clone(), scope, confirmation: request.confirmation.clone() })
}

/// The wanted scopes, each of which was granted (RFC 6749 section 6).
fn within(granted: &str, wanted: &str) -> Result<String, Error> {
    let wanted: Vec<&str> = wanted.split_ascii_whitespace().collect();
    let more = wanted.iter().find(|scope| !granted.split_ascii_whitespace().any(|known| known == **scope));
    match more {
        Some(more) => Err(Error::ScopeNotGranted((*more).to_owned())),
        None if wanted.is_empty() => Ok(granted.to_owned()),
        None => Ok(wanted.join(" ")),
    }
}

/// Issues an access token that no refresh token belongs to.
pub(crate) async fn issue_access_token(
    context: &Context,
    request: IssueAccessToken,
) -> Result<IssuedAccessToken, Error> {
    let key = access_token::key(context).await?;
    let now = context.clock.now();
    let family = match request.session {
        Some(session) => {
            let family = store::family(&mut context.store.read(request.tenant), session).await?;
            let pause = tokens::longest_pause(context);
            let live = family.filter(|family| !family.is_over(now, pause) && family.user == request.user);
            Some(live.ok_or(Error::SessionEnded)?)
        }
        None => None,
    };
    access_token::sign(&access_token::alone(context, request, family.as_ref(), now), &key)
}

#[cfg(test)]
mod tests {
    use nexus_contracts::session_mgr::SessionId;
    use nexus_kernel::config::Secret;
    use nexus_kernel::{TenantId, Timestamp, UserId};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn family(scope: &str, confirmation: Option<&str>) -> Family {
        let grant = Grant {
            client_id: "app".to_owned(),
            scope: scope.to_owned(),
            confirmation: confirmation.map(str::to_owned),
        };
        Family {
            session: SessionId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            user: UserId(Uuid::nil()),
            roles: Vec::new(),
            authenticated_at: None,
            methods: Vec::new(),
            grant: Some(grant),
            expires_at: Timestamp::from_micros(1),
            last_used_at: Timestamp::from_micros(0),
            revoked_at: None,
        }
    }

    fn request(client: &str, scope: Option<&str>, confirmation: Option<&str>) -> RefreshGrant {
        RefreshGrant {
            refresh_token: Secret::from("x"),
            client_id: client.to_owned(),
            confirmation: confirmation.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn tokens_are_for_their_own_client_and_its_key() {
        assert!(narrowed(&family("a", None), &request("app", None, None)).is_ok());
        assert!(narrowed(&family("a", None), &request("other", None, None)).is_err());
        assert!(narrowed(&family("a", Some("k")), &request("app", None, Some("k"))).is_ok());
        for wrong in [None, Some("other")] {
            assert!(narrowed(&family("a", Some("k")), &request("app", None, wrong)).is_err());
        }
        assert!(narrowed(&Family { grant: None, ..family("a", None) }, &request("app", None, None)).is_err());
    }

    proptest! {
        /// Whatever is asked for, nothing comes out that was not granted.
        #[test]
        fn a_refresh_never_widens(granted in "[abc ]{0,8}", wanted in "[abcd ]{0,8}") {
            if let Ok(grant) = narrowed(&family(&granted, None), &request("app", Some(&wanted), None)) {
                for scope in grant.scope.split_ascii_whitespace() {
                    prop_assert!(granted.split_ascii_whitespace().any(|known| known == scope));
                }
            }
        }
    }
}
