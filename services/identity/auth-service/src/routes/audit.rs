//! What was done.

#![expect(unused_qualifications, reason = "the macro that documents the routes writes them")]

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Timestamp, UserId};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::{self, Format};
use crate::sign_in_event::{Action, Filter, Outcome, SignInEvent};

/// The longest text of an IP address (RFC 4291 section 2.2), with room.
const MAX_ADDRESS_BYTES: usize = 64;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list_sign_in_events)).routes(routes!(export_sign_in_events))
}

/// Which events are asked for; all of the organisation's without any of these.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FilterQuery {
    /// Only of this person.
    user: Option<UserId>,
    /// Only this.
    #[param(inline)]
    action: Option<Action>,
    /// Only what went like this.
    #[param(inline)]
    outcome: Option<Outcome>,
    /// Only from this network address.
    #[param(max_length = 64, example = "203.0.113.7")]
    address: Option<String>,
    /// Only since this moment.
    from: Option<Timestamp>,
    /// Only before this moment.
    to: Option<Timestamp>,
}

/// What a file looks like.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FormatQuery {
    /// `csv` where nothing else is said.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// A query that names known things only.
struct Asked<T>(T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|error| Problem::bad_request("invalid-filter", error.body_text()))
    }
}

impl FilterQuery {
    fn of(self, asker: &Principal) -> Result<Filter, Problem> {
        if self.address.as_ref().is_some_and(|address| address.len() > MAX_ADDRESS_BYTES) {
            return Err(Problem::bad_request(
                "invalid-filter",
                format!("address has at most {MAX_ADDRESS_BYTES} bytes"),
            ));
        }
        Ok(Filter {
            tenant: asker.tenant,
            user: self.user,
            action: self.action,
            outcome: self.outcome,
            address: self.address,
            from: self.from,
            to: self.to,
        })
    }
}

/// List what was done
///
/// Who signed in, how and from where, and how it went, newest first. Admins see all of their organisation; everybody sees their
/// own with `user`.
#[utoipa::path(
    get,
    path = "/api/auth/audit",
    operation_id = "list_sign_in_events",
    tag = "auth-service",
    params(
        FilterQuery,
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most events in the page, 1 to 200", example = 50),
    ),
    responses(
        (status = 200, description = "One page", body = Paged<SignInEvent>),
        (status = 400, description = "`invalid-filter` or `invalid-page`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: only admins see others", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_sign_in_events(
    State(context): State<Context>,
    principal: Principal,
    Asked(query): Asked<FilterQuery>,
    page: Page,
) -> Result<impl IntoResponse, Problem> {
    let filter = query.of(&principal)?;
    let events = audit::list(&context, &principal, &filter, &page).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(events)))
}

/// Export what was done
///
/// Everything that the list would show, in one file.
#[utoipa::path(
    get,
    path = "/api/auth/audit/export",
    operation_id = "export_sign_in_events",
    tag = "auth-service",
    params(FilterQuery, FormatQuery),
    responses(
        (status = 200, description = "The file", content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 400, description = "`invalid-filter`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: only admins see others", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn export_sign_in_events(
    State(context): State<Context>,
    principal: Principal,
    Asked(query): Asked<FilterQuery>,
    Asked(FormatQuery { format }): Asked<FormatQuery>,
) -> Result<Response, Problem> {
    let filter = query.of(&principal)?;
    let file = audit::export(&context, &principal, filter, format)?;
    let headers = [
        (header::CONTENT_TYPE, format.media_type()),
        (header::CONTENT_DISPOSITION, format.disposition()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(file)).into_response())
}
