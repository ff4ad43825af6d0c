//! The rule of rotation: what a refresh token that somebody presents leads to (RFC 9700 section 4.14.2).

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::Grant;
use nexus_kernel::auth::{AuthenticationMethod, Role};
use nexus_kernel::{TenantId, Timestamp, UserId};

/// The tokens of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) session: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) roles: Vec<Role>,
    /// When the person proved who they are; unknown of sessions from before this was written down.
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) methods: Vec<AuthenticationMethod>,
    /// What the person lets an application do, where the session is one's.
    pub(crate) grant: Option<Grant>,
    /// Absolute: refreshing does not move it.
    pub(crate) expires_at: Timestamp,
    /// When it was used last, before it is used now.
    pub(crate) last_used_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// What becomes of a presented refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is good: spend it and issue the next pair.
    Rotate,
    /// It was spent before: somebody has a copy. End the family.
    Reused,
    /// Its family has ended: nothing changes.
    Ended,
}

impl Family {
    /// Whether it has ended: by an order, by its age, or as it was not used for too long.
    pub(crate) fn is_over(&self, now: Timestamp, longest_pause: Duration) -> bool {
        self.revoked_at.is_some() || self.expires_at <= now || self.last_used_at.plus(longest_pause) <= now
    }

    /// When a token of this lifetime ends that begins now.
    pub(crate) fn ends(&self, now: Timestamp, lifetime: Duration) -> Timestamp {
        now.plus(lifetime).min(self.expires_at)
    }

    /// Judges a token of this family that was spent at that moment, or never.
    pub(crate) fn judge(&self, spent_at: Option<Timestamp>, now: Timestamp, longest_pause: Duration) -> Verdict {
        if self.is_over(now, longest_pause) {
            return Verdict::Ended;
        }
        if spent_at.is_some() { Verdict::Reused } else { Verdict::Rotate }
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{Clock, Ids};
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const PAUSE: Duration = Duration::from_secs(250);

    fn family() -> Family {
        let ids = Ids::new(Clock::manual(START));
        Family {
            session: SessionId(ids.next()),
            tenant: TenantId(ids.next()),
            user: UserId(ids.next()),
            roles: vec![Role::Member],
            authenticated_at: Some(START),
            methods: Vec::new(),
            grant: None,
            expires_at: START.plus(Duration::from_secs(1_000)),
            last_used_at: START,
            revoked_at: None,
        }
    }

    proptest! {
        /// Whatever is presented in whatever order: at most one token is live, each is good once, and nothing follows a reuse.
        #[test]
        fn each_token_is_good_once_and_nothing_follows_a_reuse(presented in prop::collection::vec((0_usize..6, 0_u64..300), 1..40)) {
            let mut family = family();
            let mut tokens: Vec<Option<Timestamp>> = vec![None];
            let mut now = START;
            for (index, seconds) in presented {
                now = now.plus(Duration::from_secs(seconds));
                let Some(spent_at) = tokens.get(index).copied() else { continue };
                let idle = now.since(family.last_used_at) >= PAUSE;
                let verdict = family.judge(spent_at, now, PAUSE);
                match verdict {
                    Verdict::Rotate => {
                        prop_assert!(spent_at.is_none() && family.revoked_at.is_none() && now < family.expires_at);
                        prop_assert!(!idle);
                        family.last_used_at = now;
                        tokens[index] = Some(now);
                        tokens.push(None);
                    }
                    Verdict::Reused => {
                        prop_assert!(spent_at.is_some());
                        family.revoked_at = Some(now);
                    }
                    Verdict::Ended => prop_assert!(family.revoked_at.is_some() || family.expires_at <= now || idle),
                }
                prop_assert_eq!(tokens.iter().filter(|spent| spent.is_none()).count(), 1);
            }
        }
    }

    #[test]
    fn a_token_never_outlives_its_session() {
        let family = family();
        let late = START.plus(Duration::from_secs(958));
        assert_eq!(family.ends(late, Duration::from_mins(5)).since(late).as_secs(), 42);
        assert_eq!(family.ends(START, Duration::from_mins(5)).since(START).as_secs(), 300);
    }

    #[test]
    fn a_spent_token_of_an_ended_family_is_not_reported_again() {
        let mut family = family();
        family.revoked_at = Some(START);
        assert_eq!(family.judge(Some(START), START, PAUSE), Verdict::Ended);
        assert_eq!(family.judge(None, START, PAUSE), Verdict::Ended);
    }
}
