//! auth-service-v2 lets applications act for people who agreed to it: an OAuth 2.1 authorization server and `OpenID` Connect
//! provider. It knows the applications and what they asked for; auth-service starts and ends the sessions in which they act,
//! and token-mgr issues their tokens.

mod application;
mod application_view;
mod applications;
mod authorization;
mod authorizations;
mod backchannel;
mod client_authentication;
mod code;
mod consent;
mod device;
mod discovery;
mod dpop;
mod endings;
mod error;
mod grant;
mod issuer;
mod jose;
mod limits;
mod oauth_error;
mod parameters;
mod person;
mod pkce;
mod redirect_uri;
mod registration;
mod replay;
mod routes;
mod scope;
mod secret;
mod store;
mod tokens;
mod userinfo;

use std::time::Duration;

use nexus_contracts::token_mgr::TokenFamilyEnded;
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Principal, Service};

static MIGRATIONS: [Migration; 1] =
    [Migration::new(1, "applications", include_str!("../migrations/0001_applications.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::auth_service_v2::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .state(|_| backchannel::Caller::new())
        .on::<TokenFamilyEnded>("end-grants", |context, tx, event| Box::pin(grant::on_family_ended(context, tx, event)))
        .job(Job::every(grant::JOB, Duration::from_secs(5), |context| Box::pin(grant::end_sessions(context))))
        .job(Job::singleton(backchannel::JOB, Duration::from_secs(5), |context| Box::pin(backchannel::tell(context))))
        .job(Job::singleton("forget-expired", Duration::from_hours(1), |context| {
            Box::pin(async move {
                replay::forget(context.clone()).await?;
                store::forget_expired(&context).await?;
                Ok(())
            })
        }))
}

/// Refuses a token that an application holds: it must not agree to anything in its person's name, least of all to more for itself.
fn person_only(principal: &Principal) -> Result<(), error::Error> {
    if principal.is_unlimited() { Ok(()) } else { Err(error::Error::NotThePerson) }
}
