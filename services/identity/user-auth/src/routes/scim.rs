//! SCIM 2.0 (RFC 7644). What it takes and gives is in its own schemas, at `/scim/v2/Schemas`, so the API's document has none of
//! it.

use axum::RequestExt;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get, post};
use http::{StatusCode, header};
use nexus_kernel::problem::{self, ProblemDetails};
use nexus_kernel::{Context, Principal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::scim::bulk::{self, BulkRequest, MAX_PAYLOAD};
use crate::scim::discovery;
use crate::scim::error::{self, MEDIA_TYPE, ScimError};
use crate::scim::resource::{Answer, Expected};
use crate::scim::service::{self, Kind, SearchQuery, SearchRequest};

type Reply = Result<Answer, ScimError>;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    let refuse = || async { ScimError::method_not_allowed() };
    OpenApiRouter::new()
        .route("/scim/v2/ServiceProviderConfig", get(config).fallback(refuse))
        .route("/scim/v2/ResourceTypes", get(resource_types).fallback(refuse))
        .route("/scim/v2/ResourceTypes/{name}", get(resource_type).fallback(refuse))
        .route("/scim/v2/Schemas", get(schemas).fallback(refuse))
        .route("/scim/v2/Schemas/{id}", get(schema).fallback(refuse))
        .route("/scim/v2/.search", post(search_all).fallback(refuse))
        .route("/scim/v2/Bulk", post(perform).fallback(refuse))
        .route("/scim/v2/{kind}", get(list).post(create).fallback(refuse))
        .route("/scim/v2/{kind}/.search", post(search).fallback(refuse))
        .route("/scim/v2/{kind}/{id}", get(view).put(replace).patch(patch).delete(delete).fallback(refuse))
        .route("/scim/v2", any(nothing))
        .route("/scim/v2/", any(nothing))
        .route("/scim/v2/{kind}/{id}/{*rest}", any(nothing))
        .layer(from_fn(in_its_words))
}

/// Refusals that come from what all services share, in the words of the protocol (RFC 7644 section 3.12).
async fn in_its_words(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::MEDIA_TYPE);
    if !is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PAYLOAD).await.unwrap_or_default();
    let Ok(details) = serde_json::from_slice::<ProblemDetails>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = error::from_details(parts.status, &details).to_string();
    Response::from_parts(parts, Body::from(body))
}

/// A JSON body, of this media type or of JSON itself.
struct Document<T>(T);

impl<T: DeserializeOwned> FromRequest<Context> for Document<T> {
    type Rejection = ScimError;

    async fn from_request(request: Request, _: &Context) -> Result<Self, ScimError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != MEDIA_TYPE && kind != "application/json" {
            return Err(ScimError::unsupported_type());
        }
        let bytes: Bytes = request.extract().await.map_err(|rejection: axum::extract::rejection::BytesRejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    ScimError::too_large(format!("a body has at most {MAX_PAYLOAD} bytes"))
                }
                _ => ScimError::invalid_syntax(rejection.body_text()),
            }
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ScimError::invalid_syntax(error.to_string()))
    }
}

/// What the query of the address says.
struct Asked(SearchQuery);

impl axum::extract::FromRequestParts<Context> for Asked {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &Context) -> Result<Self, ScimError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|rejection| ScimError::invalid_value(rejection.body_text()))
    }
}

fn kind(text: &str) -> Result<Kind, ScimError> {
    Kind::at(text).ok_or_else(ScimError::not_found)
}

async fn nothing() -> ScimError {
    ScimError::not_found()
}

async fn config(State(context): State<Context>, principal: Principal) -> Reply {
    service::may_read(&context, &principal)?;
    Ok(discovery::config(&context.config.public_url))
}

async fn resource_types(State(context): State<Context>, principal: Principal) -> Reply {
    service::may_read(&context, &principal)?;
    Ok(discovery::resource_types(&context.config.public_url))
}

async fn resource_type(State(context): State<Context>, principal: Principal, Path(name): Path<String>) -> Reply {
    service::may_read(&context, &principal)?;
    discovery::one_resource_type(&context.config.public_url, &name)
}

async fn schemas(State(context): State<Context>, principal: Principal) -> Reply {
    service::may_read(&context, &principal)?;
    Ok(discovery::schemas(&context.config.public_url))
}

async fn schema(State(context): State<Context>, principal: Principal, Path(id): Path<String>) -> Reply {
    service::may_read(&context, &principal)?;
    discovery::one_schema(&context.config.public_url, &id)
}

async fn list(
    State(context): State<Context>,
    principal: Principal,
    Path(name): Path<String>,
    Asked(query): Asked,
) -> Reply {
    service::search(&context, &principal, kind(&name)?, query.into()).await
}

async fn search(
    State(context): State<Context>,
    principal: Principal,
    Path(name): Path<String>,
    Document(request): Document<SearchRequest>,
) -> Reply {
    service::search(&context, &principal, kind(&name)?, request).await
}

async fn search_all(
    State(context): State<Context>,
    principal: Principal,
    Document(request): Document<SearchRequest>,
) -> Reply {
    service::search_all(&context, &principal, request).await
}

async fn create(
    State(context): State<Context>,
    principal: Principal,
    Path(name): Path<String>,
    Asked(query): Asked,
    Document(body): Document<Value>,
) -> Reply {
    service::create(&context, principal, kind(&name)?, body, &query.projection()).await
}

async fn view(
    State(context): State<Context>,
    principal: Principal,
    Path((name, id)): Path<(String, String)>,
    Asked(query): Asked,
    headers: HeaderMap,
) -> Reply {
    let answer = service::view(&context, &principal, kind(&name)?, &id, &query.projection()).await?;
    let known = answer.version.is_some_and(|version| Expected::other_than(&headers).names(version));
    Ok(if known { Answer { status: StatusCode::NOT_MODIFIED, body: None, ..answer } } else { answer })
}

async fn replace(
    State(context): State<Context>,
    principal: Principal,
    Path((name, id)): Path<(String, String)>,
    Asked(query): Asked,
    headers: HeaderMap,
    Document(body): Document<Value>,
) -> Reply {
    let (target, expected) = ((kind(&name)?, id.as_str()), Expected::matching(&headers));
    service::replace(&context, principal, target, &expected, body, &query.projection()).await
}

async fn patch(
    State(context): State<Context>,
    principal: Principal,
    Path((name, id)): Path<(String, String)>,
    Asked(query): Asked,
    headers: HeaderMap,
    Document(body): Document<Value>,
) -> Reply {
    let (target, expected) = ((kind(&name)?, id.as_str()), Expected::matching(&headers));
    service::patch(&context, principal, target, &expected, body, &query.projection()).await
}

async fn delete(
    State(context): State<Context>,
    principal: Principal,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    service::delete(&context, principal, (kind(&name)?, id.as_str()), &Expected::matching(&headers)).await
}

async fn perform(
    State(context): State<Context>,
    principal: Principal,
    Document(request): Document<BulkRequest>,
) -> Reply {
    bulk::perform(&context, &principal, request).await
}
