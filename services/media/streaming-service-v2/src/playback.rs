//! Who may play what, and at which address.

use std::time::Duration;

use nexus_contracts::content_management::{ContentFacts, MediaState, Status, Visibility};
use nexus_contracts::streamcore::MASTER_PLAYLIST;
use nexus_contracts::streaming_service_v2::Playback;
use nexus_kernel::{Context, Principal, Problem, Resource, Timestamp};

use crate::access::{Access, Audience};
use crate::error::Error;

/// How long a signed address works beyond what watching takes.
const SPARE: Duration = Duration::from_hours(4);

/// What policies see of content.
fn resource(facts: &ContentFacts) -> Resource {
    Resource::new("Stream", facts.id)
        .tenant(facts.tenant)
        .owner(facts.owner)
        .text("visibility", facts.visibility.as_str())
        .text("status", facts.status.as_str())
}

/// The access that the asker gets, or 404: who may not play it may not know of it. Somebody of another organisation sees what
/// a stranger sees.
pub(crate) fn grant(ctx: &Context, facts: &ContentFacts, asker: Option<&Principal>) -> Result<Access, Problem> {
    let asker = asker.filter(|person| person.tenant == facts.tenant);
    let resource = resource(facts);
    if ctx.allows(None, "play", &resource)? {
        return Ok(facts.published_at.map_or(Access::Public, |at| Access::Published { at }));
    }
    let expires_at = expiry(ctx.clock.now(), facts.duration_ms);
    if ctx.allows(asker, "preview", &resource)? {
        return Ok(Access::Signed { audience: Audience::Makers, expires_at });
    }
    if ctx.allows(asker, "play", &resource)? {
        return Ok(Access::Signed { audience: Audience::Members, expires_at });
    }
    Err(Error::NotFound.into())
}

/// Whether an access that was good when it was given is so still.
pub(crate) fn check(ctx: &Context, facts: &ContentFacts, access: Access) -> Result<(), Problem> {
    let good = match access {
        Access::Public => ctx.allows(None, "play", &resource(facts))?,
        Access::Published { at } => facts.published_at == Some(at) && ctx.allows(None, "play", &resource(facts))?,
        Access::Signed { audience: Audience::Makers, .. } => true,
        Access::Signed { audience: Audience::Members, .. } => is_for_members(facts),
    };
    if good { Ok(()) } else { Err(Error::NotFound.into()) }
}

fn is_for_members(facts: &ContentFacts) -> bool {
    facts.status == Status::Published && facts.visibility != Visibility::Private
}

/// Whether there is anything to play.
pub(crate) fn check_ready(facts: &ContentFacts) -> Result<(), Error> {
    if facts.media == Some(MediaState::Ready) { Ok(()) } else { Err(Error::NotReady) }
}

/// Long enough to watch it twice, with pauses; in whole seconds, as the address says it.
fn expiry(now: Timestamp, duration_ms: Option<u64>) -> Timestamp {
    let length = Duration::from_millis(duration_ms.unwrap_or(0));
    let end = now.plus(SPARE).plus(length.saturating_mul(2));
    Timestamp::from_micros(end.as_seconds().saturating_mul(1_000_000))
}

/// The addresses for an access, signed with the secret.
pub(crate) fn addresses(facts: &ContentFacts, access: Access, secret: &[u8]) -> Playback {
    let base = format!("/api/stream/hls/{}/{}", facts.id, access.sign(facts.id, secret));
    Playback {
        content_id: facts.id,
        hls_url: format!("{base}/{MASTER_PLAYLIST}"),
        poster_url: format!("{base}/poster.jpg"),
        duration_ms: facts.duration_ms.unwrap_or(0),
        expires_at: match access {
            Access::Public | Access::Published { .. } => None,
            Access::Signed { expires_at, .. } => Some(expires_at),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_outlives_the_film_twice() {
        let now = Timestamp::from_micros(1_000_000_000_500_000);
        let hours = |milliseconds: u64| expiry(now, Some(milliseconds)).since(now).as_secs() / 3_600;
        assert_eq!(expiry(now, None).as_micros() % 1_000_000, 0);
        assert!(hours(3 * 3_600_000) >= 9 && hours(0) >= 3);
    }
}
