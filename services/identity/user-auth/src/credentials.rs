//! Whether a password is an account's. Takes as long for an address that nobody has.

use nexus_contracts::user_auth::{AccountRef, CheckCredentials, CredentialCheck};
use nexus_kernel::Context;

use crate::error::Error;
use crate::password::Passwords;
use crate::store::{self, Credentials};

/// Checks what somebody typed.
pub(crate) async fn check(context: &Context, request: &CheckCredentials) -> Result<CredentialCheck, Error> {
    let checked_at = context.clock.now();
    let found = store::credentials(context, &request.email).await?;
    let hash = found.as_ref().map(|found| &found.password).filter(|hash| hash.is_set());
    let right = context.state::<Passwords>().verify(&request.password, hash).await?;
    Ok(match found {
        Some(Credentials { user, .. }) => {
            let account = AccountRef { user: user.id, tenant: user.tenant };
            match (right, user.is_active(), user.email_verified_at) {
                (true, true, Some(_)) => CredentialCheck::Valid { account, roles: user.effective_roles(), checked_at },
                (true, true, None) => CredentialCheck::Unverified { account },
                (true, false, _) | (false, ..) => CredentialCheck::Invalid { account: Some(account) },
            }
        }
        None => CredentialCheck::Invalid { account: None },
    })
}
