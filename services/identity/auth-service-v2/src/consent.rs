//! What people agreed to: remembered, so that they are asked once, and taken back whenever they like.

use nexus_contracts::session_mgr::RevocationReason;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::{Context, Principal, Resource, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::ApplicationId;
use crate::error::Error;
use crate::grant;
use crate::person_only;
use crate::scope::Scope;
use crate::store;

/// What a person agreed to for an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) application: ApplicationId,
    pub(crate) scope: Scope,
    pub(crate) granted_at: Timestamp,
}

/// An application that may act for you.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Consent)]
pub(crate) struct ConsentView {
    /// The application.
    client_id: ApplicationId,
    /// Its name.
    #[schema(example = "Newsroom")]
    name: String,
    /// What you agreed to.
    #[schema(example = json!(["email", "openid"]))]
    scopes: Vec<String>,
    /// When you last did.
    granted_at: Timestamp,
}

impl ConsentView {
    /// Where the next page of a list goes on.
    fn position(&self) -> String {
        self.client_id.to_string()
    }
}

/// A person's own, for the policies.
fn own(principal: &Principal) -> Resource {
    Resource::all("Consent", principal.tenant).owner(principal.user)
}

/// One page of the applications that may act for a person.
pub(crate) async fn list(context: &Context, principal: &Principal, page: &Page) -> Result<Paged<ConsentView>, Error> {
    context.authorize(principal, "list-consents", &own(principal))?;
    let mut views = Vec::new();
    for consent in store::consents::page(context, principal, page).await? {
        let mut reader = context.store.read(principal.tenant);
        // A consent ends with its application, in one unit of work.
        if let Some(application) = store::applications::find(&mut reader, consent.application).await? {
            views.push(ConsentView {
                client_id: consent.application,
                name: application.definition.name,
                scopes: consent.scope.iter().map(str::to_owned).collect(),
                granted_at: consent.granted_at,
            });
        }
    }
    Ok(Paged::of(views, page, ConsentView::position))
}

/// Takes back what a person agreed to: the application's sessions end.
pub(crate) async fn revoke(context: &Context, principal: &Principal, application: ApplicationId) -> Result<(), Error> {
    context.authorize(principal, "revoke-consent", &own(principal))?;
    person_only(principal)?;
    let now = context.clock.now();
    let mut tx = context.store.begin(principal.tenant).await?;
    if !store::consents::delete(&mut tx, principal.user, application).await? {
        return Err(Error::NoSuchConsent);
    }
    let grants = store::grants::live_of_user(&mut tx, principal.user, application).await?;
    for grant in &grants {
        store::orders::add_session_end(&mut tx, grant.session, RevocationReason::EndedByPerson, now).await?;
    }
    tx.commit().await?;
    let sessions: Vec<_> = grants.iter().map(|grant| grant.session).collect();
    grant::end_at_once(context, principal.tenant, &sessions, RevocationReason::EndedByPerson).await;
    Ok(())
}
