//! The figures of the gateway's process in one text: of all services where one process has them all, as only the gateway has a
//! port there. Another process tells its own figures by itself: one of its instances, asked through the gateway, would answer for
//! all of them. They are for whoever watches the machine: asked directly, from the machine itself or its private network.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use http::header;
use nexus_kernel::registry::{Registry, ServiceEntry};
use nexus_kernel::{Context, Problem};

use crate::NAME;
use crate::client::Client;

/// How long a service may take to give its figures.
const LIMIT: Duration = Duration::from_secs(2);
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with the figures; to anybody else the route does not exist.
pub(crate) async fn answer(context: &Context, client: Client) -> Response {
    if !client.is_near() {
        return Problem::not_found("there is nothing at this path").into_response();
    }
    let here = |entry: &&ServiceEntry| entry.name != NAME && context.mesh.is_here(&entry.name);
    let others = Registry::built_in().services.iter().filter(here);
    let asked = join_all(others.map(|entry| ask(context, entry))).await;
    match context.metrics.encode() {
        Ok(own) => {
            let text = merged(std::iter::once(own).chain(asked.into_iter().flatten()));
            ([(header::CONTENT_TYPE, KIND), (header::CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

async fn ask(context: &Context, entry: &ServiceEntry) -> Option<String> {
    let answer = context.mesh.to(&entry.name).timeout(LIMIT).get("/metrics").send().await.ok()?;
    String::from_utf8(answer.bytes().await.ok()?.to_vec()).ok()
}

/// `OpenMetrics` wants each family once, with all of its series below its description (specification, section "Overall structure").
pub fn merged(texts: impl IntoIterator<Item = String>) -> String {
    let mut families: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for text in texts {
        let mut family = String::new();
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(described) = line.strip_prefix("# ") {
                described.split(' ').nth(1).unwrap_or_default().clone_into(&mut family);
                let (descriptions, _) = families.entry(family.clone()).or_default();
                if !descriptions.iter().any(|known| known == line) {
                    descriptions.push(line.to_owned());
                }
            } else {
                families.entry(family.clone()).or_default().1.push(line.to_owned());
            }
        }
    }
    let mut whole = String::new();
    for line in families.into_values().flat_map(|(descriptions, series)| descriptions.into_iter().chain(series)) {
        let _ = writeln!(whole, "{line}");
    }
    whole.push_str("# EOF\n");
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_of_two_services_is_described_once_with_all_of_its_series() {
        let text = |service| {
            format!(
                "# HELP r Requests.\n# TYPE r counter\nr_total{{service=\"{service}\"}} 1\n# HELP l Lag.\n# TYPE l gauge\nl 0\n# EOF\n"
            )
        };
        assert_eq!(
            merged([text("a"), text("b")]),
            "# HELP l Lag.\n# TYPE l gauge\nl 0\nl 0\n# HELP r Requests.\n# TYPE r counter\n\
             r_total{service=\"a\"} 1\nr_total{service=\"b\"} 1\n# EOF\n"
        );
    }
}
