//! A device that asks whether its person has said yes (RFC 8628 section 3.4).

use nexus_kernel::store::Tx;

use super::{Request, TokenReply, reply_for};
use crate::code::{Approval, CodeHash};
use crate::device::{DeviceRequest, State};
use crate::grant::{self, Beginning};
use crate::oauth_error::{Code, OAuthError};
use crate::scope::Scope;
use crate::store;

/// How much longer a device waits after it asked too soon (section 3.5).
const MORE_SECONDS: i64 = 5;

/// Trades a device code for tokens, once the person has said yes.
pub(super) async fn answer(request: &Request<'_>) -> Result<TokenReply, OAuthError> {
    let hash = CodeHash::of(request.parameters.require("device_code")?);
    let mut tx = request.context.store.begin(request.application.tenant).await?;
    let (verdict, approved) = judge(request, &mut tx, &hash).await?;
    tx.commit().await?;
    if let Some(refusal) = verdict {
        return Err(refusal);
    }
    let (scope, approval) = approved.ok_or_else(|| OAuthError::invalid_grant("nobody has approved this device"))?;
    let beginning = Beginning {
        application: &request.application,
        approval: &approval,
        scope: &scope,
        confirmation: request.confirmation.clone(),
        code: None,
    };
    let begun = grant::begin(request.context, request.asker, &beginning).await?;
    reply_for(request, begun, &scope, &approval, None).await
}

/// What the device is told: a refusal, which is put down like everything else, or what its person agreed to.
async fn judge(
    request: &Request<'_>,
    tx: &mut Tx,
    hash: &CodeHash,
) -> Result<(Option<OAuthError>, Option<(Scope, Approval)>), OAuthError> {
    let now = request.context.clock.now();
    let refused = |error: OAuthError| Ok((Some(error), None));
    let Some(found) = store::devices::by_device(tx, hash, request.application.id).await? else {
        return refused(OAuthError::invalid_grant("the device code is unknown or used"));
    };
    let DeviceRequest { state, scope, approval, wait_seconds, expires_at, .. } = found.clone();
    if expires_at <= now {
        return refused(OAuthError::new(Code::ExpiredToken, "the device code has expired; ask for a new one"));
    }
    let too_soon = found.is_asked_too_soon(now);
    let wait = if too_soon { wait_seconds + MORE_SECONDS } else { wait_seconds };
    store::devices::polled(tx, hash, wait, now).await?;
    if too_soon {
        return refused(OAuthError::new(Code::SlowDown, format!("wait {wait} seconds between two questions")));
    }
    match state {
        State::Pending => refused(OAuthError::new(Code::AuthorizationPending, "the person has not answered yet")),
        State::Denied => refused(OAuthError::new(Code::AccessDenied, "the person said no")),
        State::Redeemed => refused(OAuthError::invalid_grant("the device code is unknown or used")),
        State::Approved => {
            if !store::devices::advance(tx, hash, State::Approved, State::Redeemed).await? {
                return refused(OAuthError::invalid_grant("the device code is unknown or used"));
            }
            Ok((None, approval.map(|approval| (scope, approval))))
        }
    }
}
