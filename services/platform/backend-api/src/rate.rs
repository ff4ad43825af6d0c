//! Rate limits: how much an address and a person may ask for, and what the reply says about it.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use nexus_kernel::limit::{Decision, Quota};
use nexus_kernel::{Context, Principal, Problem};

use crate::client::Client;
use crate::front::Front;
use crate::limits::Counted;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Where passwords, links and refresh tokens are tried out.
const SIGN_IN: [&str; 3] = ["/api/auth", "/api/tokens", "/api/users/setup"];

/// Whether a request tries to sign somebody in or up.
pub(crate) fn signs_in(method: &Method, path: &str) -> bool {
    let below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    method == Method::POST && SIGN_IN.into_iter().any(below)
}

/// What was counted for one request. The tightest limit is what the reply tells.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    tightest: Option<Decision>,
}

impl Allowance {
    /// Counts the request against its address.
    pub(crate) async fn count_client(&mut self, front: &Front, client: &Client, signs_in: bool) -> Result<(), Problem> {
        let network = client.network();
        self.count(front, Counted::Address(network), usual(&front.context)).await?;
        if signs_in {
            let quota = Quota::per_minute(front.context.config.gateway.sign_in_per_minute);
            self.count(front, Counted::SignIn(network), quota).await?;
        }
        Ok(())
    }

    /// Counts the request against the person who makes it.
    pub(crate) async fn count_principal(&mut self, front: &Front, principal: &Principal) -> Result<(), Problem> {
        self.count(front, Counted::User(principal.user), usual(&front.context)).await
    }

    async fn count(&mut self, front: &Front, counted: Counted, quota: Quota) -> Result<(), Problem> {
        let decision = match front.limits.count(&front.context, counted, quota).await {
            Ok(decision) => decision,
            Err(error) => {
                tracing::warn!(%error, "rate limits can not be counted now; the request passes");
                return Ok(());
            }
        };
        let (allowed, retry_after) = (decision.allowed, decision.retry_after);
        if self.tightest.as_ref().is_none_or(|tightest| !allowed || decision.remaining < tightest.remaining) {
            self.tightest = Some(decision);
        }
        if allowed {
            return Ok(());
        }
        Err(Problem::too_many("rate-limited", "too many requests; wait as long as Retry-After says", retry_after))
    }

    /// Writes `RateLimit-*` (draft-ietf-httpapi-ratelimit-headers-03).
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(decision) = &self.tightest else { return };
        headers.insert(LIMIT, HeaderValue::from(decision.limit));
        headers.insert(REMAINING, HeaderValue::from(decision.remaining));
        let reset = decision.reset_after;
        headers.insert(RESET, HeaderValue::from(reset.as_secs() + u64::from(reset.subsec_nanos() > 0)));
    }
}

fn usual(context: &Context) -> Quota {
    let gateway = &context.config.gateway;
    Quota::per_second(gateway.requests_per_second, gateway.burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_is_told_by_method_and_prefix() {
        for path in ["/api/auth/login", "/api/auth/verify/resend", "/api/tokens/refresh", "/api/users/setup"] {
            assert!(signs_in(&Method::POST, path), "{path}");
        }
        assert!(!signs_in(&Method::GET, "/api/auth/login"));
        assert!(!signs_in(&Method::POST, "/api/authority") && !signs_in(&Method::POST, "/api/users/setup-x"));
    }
}
