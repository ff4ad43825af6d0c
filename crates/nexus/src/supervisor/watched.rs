//! What watchers of the machine hear of all processes at once: each says its own, and bears the name of its process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::IntoResponse;
use futures::future::join_all;
use http::Request;
use nexus_kernel::config::MeshConfig;
use nexus_kernel::discovery::{Discovery, StaticList};
use nexus_kernel::mesh::Mesh;
use nexus_kernel::mesh::tls::Identity;
use nexus_kernel::{Clock, Problem};

use super::table::Instances;
use crate::compose::{self, GATEWAY};
use crate::watch::{Answer, Watched};

/// How long a process may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// Where a process tells its figures.
const METRICS: &str = "/metrics";

/// All processes of the supervisor.
pub(super) struct Processes {
    instances: Arc<Instances>,
    identity: Option<Arc<Identity>>,
    config: MeshConfig,
    clock: Clock,
    /// A way to each process alone, as calls otherwise go to any that has the service.
    ways: Mutex<Ways>,
}

type Ways = HashMap<Arc<str>, Mesh>;

impl Processes {
    pub(super) fn new(
        instances: &Arc<Instances>,
        identity: Option<&Arc<Identity>>,
        config: &MeshConfig,
        clock: &Clock,
    ) -> Self {
        Self {
            instances: Arc::clone(instances),
            identity: identity.cloned(),
            config: config.clone(),
            clock: clock.clone(),
            ways: Mutex::default(),
        }
    }

    /// Each service with the ways to its processes that serve; those to others are forgotten.
    fn ways(&self) -> Vec<(&'static str, Ways)> {
        let mut known = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let to = |service: &'static str| {
            let ids = self.instances.instances(service).into_iter().map(|instance| Arc::clone(instance.id()));
            let way =
                |id: Arc<str>| Some((Arc::clone(&id), known.get(&id).cloned().or_else(|| self.way(service, &id))?));
            (service, ids.filter_map(way).collect::<Ways>())
        };
        let found: Vec<_> = compose::names().into_iter().map(to).collect();
        *known = found.iter().flat_map(|(_, ways)| ways.clone()).collect();
        found
    }

    fn way(&self, service: &str, url: &str) -> Option<Mesh> {
        let only = Arc::new(StaticList::new([(service, [url])]).ok()?);
        Some(Mesh::new(GATEWAY, only, self.identity.clone(), &self.config, self.clock.clone()))
    }
}

#[async_trait]
impl Watched for Processes {
    async fn ask(&self, path: &str) -> Vec<Answer> {
        let ways = self.ways();
        let nobody = ways.iter().filter(|(_, ways)| ways.is_empty()).map(|(service, _)| Answer::nobody(service));
        let mut answers: Vec<_> = nobody.collect();
        let all = ways.iter().flat_map(|(service, ways)| ways.iter().map(|(id, way)| ask(service, id, way, path)));
        answers.extend(join_all(all).await);
        answers
    }
}

async fn ask(service: &str, id: &str, way: &Mesh, path: &str) -> Answer {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap_or_default();
    let answered = way.to(service).timeout(LIMIT).forward(request).await;
    let response = answered.unwrap_or_else(|error| Problem::from(error).into_response());
    let process = id.trim_start_matches("https://");
    let mut answer = Answer::of(format!("{service} at {process}"), response).await;
    if path == METRICS {
        answer.body = labelled(&String::from_utf8_lossy(&answer.body), process).into();
    }
    answer
}

/// The figures with the label `process` at each. Prometheus gives the label `instance` itself.
fn labelled(text: &str, process: &str) -> String {
    let line = |line: &str| {
        let end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'));
        match end.map(|end| line.split_at(end)) {
            Some((name, rest)) if rest.starts_with('{') => format!("{name}{{process=\"{process}\",{}\n", &rest[1..]),
            Some((name, rest)) => format!("{name}{{process=\"{process}\"}}{rest}\n"),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_bears_the_name_of_its_process_and_descriptions_stay() {
        let text = "# TYPE r counter\nr_total{service=\"a\"} 1\nlag 0\n# EOF\n";
        let expected = "# TYPE r counter\nr_total{process=\"127.0.0.1:9\",service=\"a\"} 1\nlag{process=\"127.0.0.1:9\"} 0\n# EOF\n";
        assert_eq!(labelled(text, "127.0.0.1:9"), expected);
    }
}
