//! How the system is, asked of each service at the moment of the question.

use std::cmp::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use futures::future::{join, join_all};
use http::{Method, Request, StatusCode};
use nexus_kernel::events::{DeadLetter, DeadLetters};
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::mesh::MeshError;
use nexus_kernel::metrics::Stats;
use nexus_kernel::registry::{Registry, ServiceEntry};
use nexus_kernel::system_routes::{Health, HealthCheck};
use nexus_kernel::{Context, Problem, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a service may take to say how it is; its own checks have two seconds each.
const LIMIT: Duration = Duration::from_secs(5);
/// The largest answer, in bytes.
const MAX_HEALTH: usize = 1 << 20;

/// Whether a service can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceStatus {
    /// Every check passed.
    Up,
    /// A check failed, or it does not answer.
    Down,
}

/// A service and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ServiceReport {
    /// Its name.
    #[schema(example = "session-mgr")]
    pub(crate) name: String,
    /// The domain that it belongs to.
    #[schema(example = "identity")]
    pub(crate) domain: String,
    /// What it is for, in one line.
    #[schema(example = "Session lifecycle: create, list, touch, expire, revoke everywhere")]
    pub(crate) purpose: String,
    /// Whether it can work.
    pub(crate) status: ServiceStatus,
    /// What it needs, each with what is wrong.
    pub(crate) checks: Vec<HealthCheck>,
    /// The last minute of its requests.
    pub(crate) stats: Stats,
}

/// A program that the system would use and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MissingProgram {
    /// The program.
    #[schema(example = "ffmpeg")]
    pub(crate) name: String,
    /// What is wrong, and what does not work without it.
    #[schema(example = "ffmpeg does not work (No such file or directory)")]
    pub(crate) detail: String,
    /// How to get it.
    #[schema(example = "Debian, Ubuntu: apt-get install ffmpeg")]
    pub(crate) fix: String,
}

/// How the system is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SystemReport {
    /// Every running service.
    pub(crate) services: Vec<ServiceReport>,
    /// What is missing on the machine.
    pub(crate) missing: Vec<MissingProgram>,
}

/// Programs that services check for, by the name of the check, and how to get them.
const PROGRAMS: [(&str, &str); 1] = [(
    "ffmpeg",
    "Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg; elsewhere https://ffmpeg.org/download.html, and \
     set media.ffmpeg and media.ffprobe to where they are. What waits is taken up by itself.",
)];

/// Asks every service that runs.
pub(crate) async fn report(context: &Context) -> SystemReport {
    let asked = Registry::built_in().services.iter().map(|entry| ask(context, entry));
    let services: Vec<ServiceReport> = join_all(asked).await.into_iter().flatten().collect();
    let missing = missing(&services);
    SystemReport { services, missing }
}

fn missing(services: &[ServiceReport]) -> Vec<MissingProgram> {
    let failed = services.iter().flat_map(|service| &service.checks).filter(|check| !check.ok);
    failed
        .filter_map(|check| {
            let (name, fix) = PROGRAMS.into_iter().find(|(name, _)| *name == check.name)?;
            let detail = check.error.clone().unwrap_or_default();
            Some(MissingProgram { name: name.to_owned(), detail, fix: fix.to_owned() })
        })
        .collect()
}

/// `None` when nobody knows an instance: the service is no part of this system.
async fn ask(context: &Context, entry: &ServiceEntry) -> Option<ServiceReport> {
    let (asked, figures) = join(health(context, entry), stats(context, entry)).await;
    let checks = match asked {
        Ok(health) => health.checks,
        Err(MeshError::NoInstance { .. }) => return None,
        Err(error) => {
            let error = Some(Problem::from(error).to_string());
            vec![HealthCheck { name: "answers".to_owned(), ok: false, required: true, error }]
        }
    };
    let status = if checks.iter().all(|check| check.ok) { ServiceStatus::Up } else { ServiceStatus::Down };
    Some(ServiceReport {
        name: entry.name.clone(),
        domain: entry.domain.clone(),
        purpose: entry.purpose.clone(),
        status,
        checks,
        stats: figures.unwrap_or_default(),
    })
}

/// Forwarded and not called, as the answer of a service that is not ready is an answer all the same.
async fn health(context: &Context, entry: &ServiceEntry) -> Result<Health, MeshError> {
    let unreadable =
        |cause: &dyn std::fmt::Display| MeshError::Unreadable { service: entry.name.clone(), cause: cause.to_string() };
    let request = Request::builder().method(Method::GET).uri("/health/ready").body(Body::empty());
    let request = request.map_err(|error| unreadable(&error))?;
    let response = context.mesh.to(&entry.name).timeout(LIMIT).forward(request).await?;
    let bytes = to_bytes(response.into_body(), MAX_HEALTH).await.map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
}

async fn stats(context: &Context, entry: &ServiceEntry) -> Result<Stats, MeshError> {
    context.mesh.to(&entry.name).timeout(LIMIT).get("/internal/stats").send().await?.json().await
}

/// Where one page of dead letters ends and the next begins; the order is that of these fields.
struct Place {
    since: i64,
    service: String,
    source: String,
    position: u64,
}

impl Place {
    fn of(letter: &DeadLetter) -> String {
        format!("{}/{}/{}/{}", letter.since.as_micros(), letter.service, letter.source, letter.position)
    }

    fn parse(text: &str) -> Option<Self> {
        let [since, service, source, position] = text.split('/').collect::<Vec<_>>().try_into().ok()?;
        let known = |name: &str| Registry::built_in().service(name).map(|entry| entry.name.clone());
        Some(Self {
            since: since.parse().ok()?,
            service: known(service)?,
            source: known(source)?,
            position: position.parse().ok()?,
        })
    }

    /// What follows this in a service's own list.
    fn query(&self, service: &str) -> String {
        let (since, source, position) = match service.cmp(&self.service) {
            Ordering::Less => (self.since.saturating_add(1), "", 0),
            Ordering::Equal => (self.since, self.source.as_str(), self.position),
            Ordering::Greater => (self.since, "", 0),
        };
        format!("&since={}&source={source}&position={position}", Timestamp::from_micros(since))
    }
}

/// One page of a tenant's dead letters in all running services.
pub(crate) async fn dead_letters(
    context: &Context,
    tenant: TenantId,
    page: &Page,
) -> Result<Paged<DeadLetter>, Problem> {
    let after = page.after.as_deref().map(|after| {
        Place::parse(after)
            .ok_or_else(|| Problem::bad_request("invalid-page", "cursor must be the next_cursor of the page before"))
    });
    let after = after.transpose()?;
    let asked = Registry::built_in().services.iter().map(|entry| async {
        let place = after.as_ref().map_or_else(String::new, |place| place.query(&entry.name));
        let path = format!("/internal/dead-letters?tenant={tenant}&limit={}{place}", page.fetch());
        match context.mesh.to(&entry.name).timeout(LIMIT).get(&path).send().await {
            Ok(answer) => answer.json::<DeadLetters>().await.map(|letters| letters.items),
            Err(MeshError::NoInstance { .. }) => Ok(Vec::new()),
            // What stands in for a service and does not listen to events has none either.
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    });
    let mut items = Vec::new();
    for letters in join_all(asked).await {
        items.extend(letters?);
    }
    // Each service's own are in order already, and stay in it.
    items.sort_by(|a, b| (a.since, &a.service).cmp(&(b.since, &b.service)));
    Ok(Paged::of(items, page, Place::of))
}

/// Has a service try a tenant's event again.
pub(crate) async fn replay(
    context: &Context,
    tenant: TenantId,
    service: &str,
    source: &str,
    position: u64,
) -> Result<(), Problem> {
    let known = |name: &str| Registry::built_in().service(name).is_some();
    if !known(service) || !known(source) {
        return Err(Problem::not_found("there is no such service"));
    }
    let path = format!("/internal/dead-letters/{tenant}/{source}/{position}/replay");
    context.mesh.to(service).timeout(LIMIT).post(&path).send().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_for_a_program_says_how_to_get_it() {
        let check = |name: &str, ok: bool| {
            let error = (!ok).then(|| "gone".to_owned());
            HealthCheck { name: name.to_owned(), ok, required: true, error }
        };
        let service = |checks| ServiceReport {
            name: "streamcore".to_owned(),
            domain: "media".to_owned(),
            purpose: String::new(),
            status: ServiceStatus::Down,
            checks,
            stats: Stats::default(),
        };
        let missing = missing(&[
            service(vec![check("store", false), check("ffmpeg", false)]),
            service(vec![check("ffmpeg", true)]),
        ]);
        let [only] = &missing[..] else { panic!("{missing:?}") };
        assert!(only.name == "ffmpeg" && only.detail == "gone" && only.fix.contains("apt-get install ffmpeg"));
    }
}
