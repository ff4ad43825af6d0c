//! Everything that this service knows of a person, for the person (GDPR article 20).

use nexus_kernel::{Context, Principal, Problem, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::Error;
use crate::group::Group;
use crate::store;
use crate::user::{UserProfile, resource};

/// Everything that is known of a person here. What other services know, they say themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Export {
    /// When it was put together.
    exported_at: Timestamp,
    /// The account.
    account: UserProfile,
    /// When the person showed that the address is theirs.
    email_verified_at: Option<Timestamp>,
    /// The groups that the person is in.
    groups: Vec<Group>,
    /// What a directory says of the person, in the terms of RFC 7643; absent where none does.
    #[schema(value_type = Option<Object>)]
    directory_entry: Option<Map<String, Value>>,
}

/// The asker's own data.
pub(crate) async fn own(context: &Context, principal: &Principal) -> Result<Export, Problem> {
    context.authorize(principal, "export-own-data", &resource(principal.tenant, principal.user))?;
    let mut read = context.store.read(principal.tenant);
    let user = store::user(&mut read, principal.user).await?.ok_or(Error::NoSuchUser)?;
    Ok(Export {
        exported_at: context.clock.now(),
        email_verified_at: user.email_verified_at,
        groups: store::groups_with(&mut read, user.id).await?,
        directory_entry: user.entry.clone(),
        account: user.into(),
    })
}
