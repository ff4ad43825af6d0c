//! Decides whether a request may go on: its head's size, its address's and its person's allowance, its token.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use nexus_kernel::auth::bearer;
use nexus_kernel::registry::Access;
use nexus_kernel::{Context, Principal, Problem};

use crate::client::Client;
use crate::rate::{self, Allowance};
use crate::revocation::Revocations;
use crate::way::Way;

/// The longest request target, in bytes.
const MAX_TARGET: usize = 8 << 10;
/// The most bytes of header names and values.
const MAX_HEADERS: usize = 16 << 10;
/// The methods that anything here answers.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The layer. What went before put the request's [`Way`] into its extensions.
pub(crate) async fn admit(State(context): State<Context>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = Client::of(&parts.extensions, &parts.headers, &context.config.gateway.trusted_proxies);
    let mut allowance = Allowance::default();
    let mut response = match examine(&context, &client, &mut allowance, &parts).await {
        Ok(()) => {
            parts.extensions.insert(client);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    allowance.tell(response.headers_mut());
    response
}

async fn examine(context: &Context, client: &Client, allowance: &mut Allowance, parts: &Parts) -> Result<(), Problem> {
    let way = *parts.extensions.get::<Way>().unwrap_or(&Way::Nothing);
    let signs_in = rate::signs_in(&parts.method, parts.uri.path());
    // A watcher asks often, and this answer costs nothing.
    if parts.uri.path() != "/health/live" {
        allowance.count_client(context, client, signs_in).await?;
    }
    head(parts)?;
    if let Way::Refused(why) = way {
        return Err(Problem::bad_request("invalid-path", format!("this path is not taken: {why}")));
    }
    // Asking what a route can do needs no token, and can't send one from a browser.
    if way.access() == Access::Public || parts.method == Method::OPTIONS {
        return Ok(());
    }
    // Whoever signs in or refreshes may still hold a token that has ended: it must not stand in the way.
    if signs_in && way.access() == Access::Partial {
        return Ok(());
    }
    if let Some(principal) = person(context, way.access(), &parts.headers).await? {
        allowance.count_principal(context, &principal).await?;
    }
    Ok(())
}

async fn person(context: &Context, access: Access, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
    match bearer(headers)? {
        Some(token) => {
            let principal = context.tokens.verify(token).await?;
            context.state::<Revocations>().check(context, &principal).await?;
            Ok(Some(principal))
        }
        None if access == Access::Partial => Ok(None),
        None => Err(Problem::unauthorized("not-signed-in", "send an access token as `Authorization: Bearer`")),
    }
}

fn head(parts: &Parts) -> Result<(), Problem> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", "URI too long")
            .detail(format!("path and query may have {MAX_TARGET} bytes")));
    }
    let size: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADERS {
        return Err(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            "Headers too large",
        )
        .detail(format!("the header fields together may have {MAX_HEADERS} bytes")));
    }
    if !METHODS.contains(&parts.method) {
        return Err(Problem::method_not_allowed("nothing here knows this method"));
    }
    Ok(())
}
