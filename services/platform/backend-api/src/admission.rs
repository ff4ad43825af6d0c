//! Decides whether a request may go on: its head's size, its address's and its person's allowance, its token.

use axum::extract::Request;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use nexus_kernel::auth::credentials;
use nexus_kernel::registry::Access;
use nexus_kernel::{Principal, Problem};

use crate::client::Client;
use crate::front::Front;
use crate::rate::{self, Allowance};
use crate::way::Way;

/// The longest request target, in bytes.
const MAX_TARGET: usize = 8 << 10;
/// The most bytes of header names and values.
const MAX_HEADERS: usize = 16 << 10;
/// Where applications prove who they are.
const OAUTH: &str = "/oauth2/";
/// Where an application that is not known yet shows what it was given to register with (RFC 7591 section 3).
const REGISTRATION: &str = "/oauth2/register";
/// The methods that anything here answers.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// How Vault's clients ask key-service what is in a folder.
const LIST: &str = "LIST";

/// What decides: all of a request but its body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self { method: request.method(), uri: request.uri(), headers: request.headers() }
    }
}

/// How a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// As it came.
    AsItCame,
    /// Without its token, that has ended.
    AsAStranger,
}

/// Lets the request go on, or says why not.
pub(crate) async fn examine(
    front: &Front,
    client: &Client,
    way: Way,
    allowance: &mut Allowance,
    request: Head<'_>,
) -> Result<Admission, Problem> {
    let signs_in = rate::signs_in(request.method, request.uri.path());
    // A watcher asks often, and this answer costs nothing.
    if request.uri.path() != "/health/live" {
        allowance.count_client(front, client, signs_in).await?;
    }
    check(request)?;
    if let Way::Refused(why) = way {
        return Err(Problem::bad_request("invalid-path", format!("this path is not taken: {why}")));
    }
    // Asking what a route can do needs no token, and can't send one from a browser.
    if way.access() == Access::Public || request.method == Method::OPTIONS {
        return Ok(Admission::AsItCame);
    }
    if signs_in && way.access() == Access::Partial {
        return Ok(Box::pin(as_who_signs_in(front, request.headers)).await);
    }
    if authenticates_a_client(request) {
        return Ok(Admission::AsItCame);
    }
    if let Some(principal) = person(front, way.access(), request.headers).await? {
        allowance.count_principal(front, &principal).await?;
    }
    Ok(Admission::AsItCame)
}

/// Whoever signs in or refreshes may still hold a token that has ended: it must not stand in the way, and it must not open
/// anything either. What is no good token at all, the service refuses by itself.
async fn as_who_signs_in(front: &Front, headers: &HeaderMap) -> Admission {
    let Ok(Some(presented)) = credentials(headers) else { return Admission::AsItCame };
    let Ok(principal) = front.context.tokens.verify(presented.token).await else { return Admission::AsItCame };
    match front.revocations.check(&front.context, &principal).await {
        Ok(()) => Admission::AsItCame,
        Err(_) => Admission::AsAStranger,
    }
}

/// At the OAuth endpoints an application proves who it is with its own name and secret (RFC 6749 section 2.3.1), which are no
/// person's token.
fn authenticates_a_client(request: Head<'_>) -> bool {
    let basic = |value: &HeaderValue| value.as_bytes().get(..6).is_some_and(|s| s.eq_ignore_ascii_case(b"basic "));
    let path = request.uri.path();
    path == REGISTRATION || (path.starts_with(OAUTH) && request.headers.get(AUTHORIZATION).is_some_and(basic))
}

async fn person(front: &Front, access: Access, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
    match credentials(headers)? {
        // A proof of possession that comes with the token is for the service to check.
        Some(presented) => {
            let principal = front.context.tokens.verify(presented.token).await?;
            front.revocations.check(&front.context, &principal).await?;
            Ok(Some(principal))
        }
        None if access == Access::Partial => Ok(None),
        None => Err(Problem::unauthorized("not-signed-in", "send an access token as `Authorization: Bearer`")),
    }
}

fn check(request: Head<'_>) -> Result<(), Problem> {
    let target = request.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", "URI too long")
            .detail(format!("path and query may have {MAX_TARGET} bytes")));
    }
    let size: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADERS {
        return Err(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            "Headers too large",
        )
        .detail(format!("the header fields together may have {MAX_HEADERS} bytes")));
    }
    if !METHODS.contains(request.method) && request.method.as_str() != LIST {
        return Err(Problem::method_not_allowed("nothing here knows this method"));
    }
    Ok(())
}
