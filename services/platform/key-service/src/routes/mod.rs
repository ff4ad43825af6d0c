//! HTTP: Vault's API below `/api/keys/v1`, as its clients speak it; what it does not have beside it; columns for other services.

mod body;
mod capabilities;
mod internal;
mod kv;
mod kv_metadata;
mod log;
mod reply;
mod sys;
mod transit_inputs;
mod transit_keys;
mod transit_shapes;
mod transit_tools;
mod transit_use;

use axum::extract::FromRequestParts;
use http::request::Parts;
use nexus_kernel::{Context, Principal};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::asker::Asker;
use kv::MissingSecret;
use reply::{Errors, Refusal};
use transit_inputs::RefusedUse;

pub(crate) use reply::in_vaults_shape;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    let router = OpenApiRouter::new()
        .merge(transit_keys::router())
        .merge(transit_use::router())
        .merge(transit_tools::router())
        .merge(kv::router())
        .merge(kv_metadata::router())
        .merge(sys::router())
        .merge(capabilities::router())
        .merge(log::router())
        .merge(internal::router());
    described(router)
}

/// To OpenAPI the rest of a path is a parameter like any other (OpenAPI Specification 3.1 section 4.8.8). What all routes may
/// answer is described once.
fn described(mut router: OpenApiRouter<Context>) -> OpenApiRouter<Context> {
    let document = router.get_openapi_mut();
    let schemas = &mut document.components.get_or_insert_default().schemas;
    for (name, schema) in [
        (Errors::name(), Errors::schema()),
        (RefusedUse::name(), RefusedUse::schema()),
        (MissingSecret::name(), MissingSecret::schema()),
    ] {
        schemas.insert(name.into_owned(), schema);
    }
    let paths = &mut document.paths.paths;
    *paths = std::mem::take(paths).into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    router
}

impl FromRequestParts<Context> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Refusal> {
        let principal = Principal::from_request_parts(parts, context).await?;
        Ok(Self { context: context.clone(), principal })
    }
}

/// What a request reads: what is in a folder, by Vault's own method LIST or by GET with `list=true`; or one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Folder,
    One,
    Nothing,
}

impl<S: Sync> FromRequestParts<S> for Reads {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let lists = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "list=true"));
        Ok(match parts.method.as_str() {
            "LIST" => Self::Folder,
            "GET" if lists => Self::Folder,
            "GET" | "HEAD" => Self::One,
            _ => Self::Nothing,
        })
    }
}
