//! Events that nothing disturbs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use nexus_kernel::scope::RequestScope;
use nexus_kernel::store::{Migration, Query, Scalar, Scope, StoreError};
use nexus_kernel::{Context, Job, Problem, Service, params};
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    Faults, Ignored, LISTENER, Noted, ONE, OTHER, WRITER, kept, kept_texts, log, note, post, services, until_kept,
};

async fn start(backend: Backend) -> Testkit {
    Testkit::start(backend, services(&Faults::default())).await
}

async fn an_event_takes_effect_once_in_its_tenant(backend: Backend) {
    let kit = start(backend).await;
    let notes = (0..40).map(|number| {
        let (kit, tenant) = (&kit, if number % 2 == 0 { ONE } else { OTHER });
        async move { note(kit, tenant, &[Noted::new("key", format!("{number:02}"))]).await }
    });
    futures::future::join_all(notes).await;
    // The last one is behind all others, so an effect that came twice would be there by then.
    eventually("the first forty", async || (kept(&kit).await.len() >= 40).then_some(())).await;
    note(&kit, ONE, &[Noted::new("key", "last")]).await;
    eventually("the last", async || kept_texts(&kit).await.contains(&"last".to_owned()).then_some(())).await;
    let mut all = kept(&kit).await;
    all.sort_by(|one, other| one.text.cmp(&other.text));
    assert_eq!(all.len(), 41);
    for (number, kept) in all.iter().take(40).enumerate() {
        assert_eq!(kept.text, format!("{number:02}"));
        assert_eq!(kept.tenant, if number % 2 == 0 { ONE } else { OTHER });
    }
}

async fn events_are_applied_in_the_order_in_which_they_were_published(backend: Backend) {
    let kit = start(backend).await;
    let mut expected = Vec::new();
    for round in 0..20 {
        let texts: Vec<_> = ["a", "b", "c"].iter().map(|key| format!("{round:02}{key}")).collect();
        note(&kit, ONE, &texts.iter().map(|text| Noted::new(&text[2..], text.as_str())).collect::<Vec<_>>()).await;
        expected.extend(texts);
    }
    until_kept(&kit, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn what_is_rolled_back_is_not_announced_and_leaves_no_gap(backend: Backend) {
    let kit = start(backend).await;
    for text in ["first", "second", "third"] {
        let mut dropped = kit.context(WRITER).store.begin(ONE).await.unwrap();
        dropped.publish(&Noted::new("key", "never")).await.unwrap();
        drop(dropped);
        note(&kit, ONE, &[Noted::new("key", text)]).await;
    }
    until_kept(&kit, &["first", "second", "third"]).await;
    let positions: Vec<_> = log(&kit).await.iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 2, 3]);
}

async fn an_event_without_a_tenant_is_refused(backend: Backend) {
    let kit = start(backend).await;
    let mut tx = kit.context(WRITER).store.begin(Scope::System).await.unwrap();
    assert!(matches!(tx.publish(&Noted::new("key", "whose?")).await, Err(StoreError::NoTenant { .. })));
}

async fn events_that_nobody_wants_are_passed_over(backend: Backend) {
    let kit = start(backend).await;
    let mut tx = kit.context(WRITER).store.begin(ONE).await.unwrap();
    for _ in 0..50 {
        tx.publish(&Ignored {}).await.unwrap();
    }
    tx.publish(&Noted::new("key", "wanted")).await.unwrap();
    tx.commit().await.unwrap();
    until_kept(&kit, &["wanted"]).await;
    eventually("no lag", async || {
        let metrics = kit.context(LISTENER).metrics.encode().unwrap();
        let lag = format!(r#"nexus_event_consumer_lag{{service="{LISTENER}",source="{WRITER}"}} 0"#);
        metrics.contains(&lag).then_some(())
    })
    .await;
}

async fn an_event_belongs_to_the_trace_that_caused_it(backend: Backend) {
    let kit = start(backend).await;
    let scope = RequestScope::root();
    let trace = format!("{:032x}", scope.trace.trace_id);
    scope.run(note(&kit, ONE, &[Noted::new("key", "traced")])).await;
    until_kept(&kit, &["traced"]).await;
    assert_eq!(kept(&kit).await[0].trace.as_deref(), Some(trace.as_str()));
}

async fn a_rewind_applies_events_again(backend: Backend) {
    let kit = start(backend).await;
    for text in ["first", "second", "third"] {
        note(&kit, ONE, &[Noted::new("key", text)]).await;
    }
    until_kept(&kit, &["first", "second", "third"]).await;
    assert_eq!(post(&kit, "/internal/events/rewind", json!({"source": WRITER, "position": 2})).await, 204);
    until_kept(&kit, &["first", "second", "third", "second", "third"]).await;
    note(&kit, ONE, &[Noted::new("key", "fourth")]).await;
    until_kept(&kit, &["first", "second", "third", "second", "third", "fourth"]).await;
}

async fn a_rewind_to_what_was_not_applied_is_refused(backend: Backend) {
    let kit = start(backend).await;
    note(&kit, ONE, &[Noted::new("key", "only")]).await;
    until_kept(&kit, &["only"]).await;
    for body in [
        json!({"source": WRITER, "position": 3}),
        json!({"source": WRITER, "position": 0}),
        json!({"source": "token-mgr", "position": 1}),
        json!({"source": WRITER, "position": -1}),
        json!({"source": WRITER}),
    ] {
        assert_eq!(post(&kit, "/internal/events/rewind", body.clone()).await, 422, "{body}");
    }
    assert_eq!(kept_texts(&kit).await, ["only"]);
}

async fn a_log_is_read_in_parts(backend: Backend) {
    let kit = start(backend).await;
    note(&kit, ONE, &(0..5).map(|number| Noted::new("key", number.to_string())).collect::<Vec<_>>()).await;
    until_kept(&kit, &["0", "1", "2", "3", "4"]).await;
    let ask = async |query: &str| {
        let path = format!("/internal/events?{query}");
        kit.request_to(WRITER, Method::GET, &path).from_service(LISTENER).send().await
    };
    let reply = ask("after=1&limit=2").await;
    assert_eq!(reply.headers["content-type"], "application/cloudevents-batch+json");
    assert_eq!(reply.headers["x-nexus-head"], "5");
    let events: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(events.as_array().unwrap().len(), 2);
    assert_eq!(events[0]["specversion"], "1.0");
    assert_eq!(events[0]["sequence"], "00000000000000000002");
    assert_eq!(events[0]["data"]["text"], "1");
    for query in ["limit=0", "limit=1001", "after=-1", "after=x", "before=1"] {
        assert_eq!(ask(query).await.status, 400, "{query}");
    }
}

async fn the_routes_are_closed_to_strangers(backend: Backend) {
    let kit = start(backend).await;
    for path in ["/internal/events", "/internal/dead-letters"] {
        assert_eq!(kit.request_to(WRITER, Method::GET, path).send().await.status, 404, "{path}");
    }
}

static LIST: [Migration; 1] =
    [Migration::new(1, "list", "CREATE TABLE list (tenant_id TEXT NOT NULL, text TEXT NOT NULL)")];

async fn count(context: Context, seen: Arc<AtomicU64>) -> Result<(), Problem> {
    let Scalar(count) =
        context.store.read(Scope::System).query_one::<Scalar<u64>>("SELECT COUNT(*) AS n FROM list", params![]).await?;
    seen.store(count, Ordering::SeqCst);
    Ok(())
}

async fn a_job_that_a_handler_wakes_sees_what_the_handler_wrote(backend: Backend) {
    let seen = Arc::new(AtomicU64::new(0));
    let for_job = Arc::clone(&seen);
    let listener = Service::new(LISTENER)
        .migrations(&LIST)
        .job(Job::every("count", Duration::from_hours(24), move |context| {
            Box::pin(count(context, Arc::clone(&for_job)))
        }))
        .on::<Noted>("list", |context, tx, event| {
            Box::pin(async move {
                tx.execute("INSERT INTO list (tenant_id, text) VALUES (:tenant, $1)", params![event.data.text]).await?;
                context.wake("count");
                // Time enough for a job that is woken too early to look and go to sleep again.
                for _ in 0..10_000 {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
        });
    let kit = Testkit::start(backend, vec![Service::new(WRITER), listener]).await;
    note(&kit, ONE, &[Noted::new("key", "seen")]).await;
    eventually("the job to see the row", async || (seen.load(Ordering::SeqCst) == 1).then_some(())).await;
}

on_each_database!(
    an_event_takes_effect_once_in_its_tenant,
    events_are_applied_in_the_order_in_which_they_were_published,
    what_is_rolled_back_is_not_announced_and_leaves_no_gap,
    an_event_without_a_tenant_is_refused,
    events_that_nobody_wants_are_passed_over,
    an_event_belongs_to_the_trace_that_caused_it,
    a_rewind_applies_events_again,
    a_rewind_to_what_was_not_applied_is_refused,
    a_log_is_read_in_parts,
    the_routes_are_closed_to_strangers,
    a_job_that_a_handler_wakes_sees_what_the_handler_wrote,
);
