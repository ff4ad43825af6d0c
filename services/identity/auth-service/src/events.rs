//! How the service reacts to what user-auth announces.

use nexus_contracts::user_auth::UserErased;
use nexus_kernel::events::Delivery;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem};

use crate::store;

/// A person is gone for good: of their second factor and devices nothing stays, and of what they did, only that it was done.
pub(crate) async fn on_user_erased(_: &Context, tx: &mut Tx, event: Delivery<UserErased>) -> Result<(), Problem> {
    let user = event.data.user_id;
    store::remove_authenticator(tx, user).await?;
    store::forget_challenges(tx, user).await?;
    store::forget_devices(tx, user).await?;
    store::forget_notices(tx, user).await?;
    store::forget_where(tx, user).await?;
    Ok(())
}
