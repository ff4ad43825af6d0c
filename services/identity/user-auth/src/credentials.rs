//! Whether a password is an account's. Takes as long for an address that nobody has.

use nexus_contracts::user_auth::{AccountRef, CheckCredentials, CredentialCheck};
use nexus_kernel::Context;

use crate::error::Error;
use crate::password::Passwords;
use crate::store;

/// Checks what somebody typed.
pub(crate) async fn check(context: &Context, request: &CheckCredentials) -> Result<CredentialCheck, Error> {
    let checked_at = context.clock.now();
    let found = store::credentials(context, &request.email).await?;
    let hash = found.as_ref().map(|found| &found.password);
    let right = context.state::<Passwords>().verify(&request.password, hash).await?;
    Ok(match found {
        Some(found) => {
            let account = AccountRef { user: found.user, tenant: found.tenant };
            match (right, found.verified) {
                (true, true) => CredentialCheck::Valid { account, roles: found.roles, checked_at },
                (true, false) => CredentialCheck::Unverified { account },
                (false, _) => CredentialCheck::Invalid { account: Some(account) },
            }
        }
        None => CredentialCheck::Invalid { account: None },
    })
}
