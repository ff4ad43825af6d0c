//! Load that is more than a service can carry is turned away at the door, in microseconds, so that what is let in is answered
//! as fast as ever. Each service has a limit of its own on the requests that it works on at once, which follows from how long
//! they take ([`law`]); `gateway.max_in_flight` bounds all of them together.
//!
//! What says nothing about a service's pace is no sample: how long a client takes to send its body, files, event streams,
//! `WebSocket`s, and answers that the service did not make. Nor do waits for this process's own processors count ([`pace`]).

mod law;
mod pace;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use nexus_kernel::Problem;
use nexus_kernel::problem::MEDIA_TYPE;
use nexus_kernel::registry::Registry;
use tokio::time::Instant;

use law::{Law, Meanwhile, Verdict};
pub(crate) use pace::Pace;

/// Clients that were turned away come back spread over so many seconds.
const SPREAD: u64 = 4;
/// A request waits for a processor of ours when it goes out, and when its answer is there.
const TURNS: u32 = 2;

/// The door to all services.
#[derive(Debug)]
pub(crate) struct Doors {
    all: Arc<All>,
    services: HashMap<&'static str, Arc<Door>>,
    refusal: Bytes,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Door {
    all: Arc<All>,
    inside: AtomicUsize,
    limit: AtomicUsize,
    /// Whether somebody was turned away since the last verdict.
    refused: AtomicBool,
    law: Mutex<Law>,
}

/// What all services have together.
#[derive(Debug)]
struct All {
    began: Instant,
    inside: AtomicUsize,
    most: usize,
    pace: Pace,
}

impl Doors {
    /// Doors to every service of the registry, for at most this many requests together.
    pub(crate) fn new(most: usize) -> Self {
        let all = Arc::new(All { began: Instant::now(), inside: AtomicUsize::new(0), most, pace: Pace::default() });
        let door = || Door {
            all: Arc::clone(&all),
            inside: AtomicUsize::new(0),
            limit: AtomicUsize::new(most),
            refused: AtomicBool::new(false),
            law: Mutex::new(Law::new(most)),
        };
        let services = Registry::built_in().services.iter();
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too busy")
            .detail("there are more requests than can be answered now; wait as long as Retry-After says");
        let refusal = serde_json::to_vec(&problem.details()).unwrap_or_default().into();
        Self {
            all: Arc::clone(&all),
            services: services.map(|service| (service.name.as_str(), Arc::new(door()))).collect(),
            refusal,
            refused: AtomicU64::new(0),
        }
    }

    /// How long work waits for this process's own processors.
    pub(crate) fn pace(&self) -> &Pace {
        &self.all.pace
    }

    /// Whether the service takes no more now. Asked first of all, so that whoever is turned away costs nothing.
    pub(crate) fn is_full(&self, service: &str) -> bool {
        self.services.get(service).is_some_and(|door| door.is_full())
    }

    /// A place at the service, until it is dropped; `None` when it takes no more.
    pub(crate) fn enter(&self, service: &str) -> Option<Place> {
        let door = self.services.get(service)?;
        (!door.is_full()).then(|| Place { door: Arc::clone(door), working_since: OnceLock::new() })
    }

    /// 503, made without asking for memory.
    pub(crate) fn refuse(&self) -> Response {
        let nth = self.refused.fetch_add(1, Ordering::Relaxed);
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, Body::from(self.refusal.clone())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(1 + nth % SPREAD));
        response
    }
}

impl Door {
    fn is_full(&self) -> bool {
        let full = self.inside.load(Ordering::Relaxed) >= self.limit.load(Ordering::Relaxed)
            || self.all.inside.load(Ordering::Relaxed) >= self.all.most;
        if full {
            self.refused.store(true, Ordering::Relaxed);
        }
        full
    }

    fn observe(&self, took: Duration) {
        let mut law = self.law.lock().unwrap_or_else(PoisonError::into_inner);
        let meanwhile =
            Meanwhile { waited: self.all.pace.wait() * TURNS, refused: self.refused.load(Ordering::Relaxed) };
        if law.observe(self.all.began.elapsed(), took, meanwhile) == Verdict::Given {
            self.refused.store(false, Ordering::Relaxed);
            self.limit.store(law.limit(), Ordering::Relaxed);
        }
    }
}

/// A request that was let in. It counts from when the service has all that it needs to work: a client that takes its time to
/// send a body takes nobody's place.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    working_since: OnceLock<Instant>,
}

impl Place {
    /// The request is complete; from now on the service works.
    pub(crate) fn work(&self) {
        if self.working_since.set(Instant::now()).is_ok() {
            self.door.inside.fetch_add(1, Ordering::Relaxed);
            self.door.all.inside.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The service answered; how long that took is told to its law.
    pub(crate) fn answered(&self) {
        if let Some(since) = self.working_since.get() {
            self.door.observe(since.elapsed());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.working_since.get().is_some() {
            self.door.inside.fetch_sub(1, Ordering::Relaxed);
            self.door.all.inside.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "scheduler";

    fn inside(doors: &Doors, count: usize) -> Vec<Place> {
        let enter = || {
            let place = doors.enter(SERVICE).unwrap();
            place.work();
            place
        };
        std::iter::repeat_with(enter).take(count).collect()
    }

    #[test]
    fn beyond_the_bound_nobody_enters_until_somebody_leaves() {
        let doors = Doors::new(5);
        let mut places = inside(&doors, 5);
        assert!(doors.is_full(SERVICE) && doors.enter(SERVICE).is_none());
        assert!(doors.is_full("session-mgr"), "the bound is of all services together");
        places.pop();
        assert!(doors.enter(SERVICE).is_some());
    }

    #[test]
    fn whoever_still_sends_its_body_takes_nobodys_place() {
        let doors = Doors::new(5);
        let sending: Vec<_> = (0..50).map(|_| doors.enter(SERVICE).unwrap()).collect();
        assert!(!doors.is_full(SERVICE));
        drop(sending);
        assert_eq!(doors.services[SERVICE].inside.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_becomes_slow_gets_fewer_requests_and_others_as_many_as_before() {
        let doors = Doors::new(1_000);
        for milliseconds in [20, 800] {
            for _ in 0..20 {
                let places = inside(&doors, 40.min(doors.services[SERVICE].limit.load(Ordering::Relaxed)));
                tokio::time::advance(Duration::from_millis(milliseconds)).await;
                places.iter().for_each(Place::answered);
            }
        }
        let _held = inside(&doors, doors.services[SERVICE].limit.load(Ordering::Relaxed));
        assert!(doors.services[SERVICE].limit.load(Ordering::Relaxed) < 40);
        assert!(doors.is_full(SERVICE) && !doors.is_full("session-mgr"));
    }
}
