//! How the system is, and events that could not be applied.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionRevoked;
use nexus_kernel::events::Event;
use nexus_kernel::{Problem, Role, Service};
use nexus_testkit::{Backend, Person, Testkit, eventually};

use crate::on_each_backend;
use crate::support::{gateway, partial, revoke, sessions};

fn without_ffmpeg() -> Service {
    Service::new("streamcore").ready("ffmpeg", |_| Box::pin(async { Err("ffmpeg does not work".to_owned()) }))
}

async fn the_running_services_are_listed_with_their_health(backend: Backend) {
    let kit = Testkit::start(backend, vec![gateway(), partial(), without_ffmpeg()]).await;
    let _ = kit.get("/api/system/services").send().await.expect(401);
    let token = kit.token(&Person::new(Role::Member));
    let _ = kit.get("/api/content/echo").send().await.expect(200);
    let report = kit.get("/api/system/services").bearer(token).send().await.expect(200).value();
    let services = report["services"].as_array().unwrap();
    let told: Vec<_> = services
        .iter()
        .map(|service| (service["name"].as_str().unwrap(), service["status"].as_str().unwrap()))
        .collect();
    assert!(told.contains(&("backend-api", "up")) && told.contains(&("content-management", "up")), "{told:?}");
    assert!(
        told.contains(&("streamcore", "down")) && !told.iter().any(|(name, _)| *name == "billing-service"),
        "{told:?}"
    );
    let content = services.iter().find(|service| service["name"] == "content-management").unwrap();
    assert!(content["stats"]["requests_per_second"].as_f64().unwrap() > 0.0, "{content}");
    assert!(content["checks"].as_array().unwrap().iter().any(|check| check["name"] == "store" && check["ok"] == true));
    let missing = &report["missing"][0];
    assert_eq!(missing["name"], "ffmpeg");
    assert!(missing["fix"].as_str().unwrap().contains("apt-get install ffmpeg"), "{missing}");
}

/// Never applies what it hears.
fn stubborn() -> Service {
    Service::new("scheduler")
        .on::<SessionRevoked>("refuse", |_, _, _| Box::pin(async { Err(Problem::unavailable("not today")) }))
}

async fn dead_letters_are_listed_and_replayed_by_admins(backend: Backend) {
    let kit = Testkit::start(backend, vec![gateway(), sessions(), stubborn()]).await;
    let tenant = Person::new(Role::Owner).tenant;
    let (member, admin) = (kit.token(&Person::of(tenant, Role::Member)), Person::of(tenant, Role::Admin));
    assert_eq!(kit.get("/api/system/dead-letters").bearer(&member).send().await.expect(403).code(), "forbidden");
    let again = "/api/system/dead-letters/scheduler/session-mgr/1/replay";
    assert_eq!(kit.post(again).bearer(&member).send().await.expect(403).code(), "forbidden");

    // One of theirs, and before and after it one of another organisation.
    let stranger = Person::new(Role::Admin);
    for tenant in [stranger.tenant, tenant, stranger.tenant] {
        revoke(&kit, &Person::of(tenant, Role::Member)).await;
    }
    let again = "/api/system/dead-letters/scheduler/session-mgr/2/replay";
    let letter = eventually("the event's last attempt", async || {
        kit.clock.advance(Duration::from_secs(400));
        let reply = kit.get("/api/system/dead-letters").bearer(kit.token(&admin)).send().await.expect(200);
        reply.value()["items"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(
        (&letter["service"], &letter["source"], &letter["position"]),
        (&"scheduler".into(), &"session-mgr".into(), &2.into())
    );
    assert_eq!(letter["type"], SessionRevoked::TYPE);
    assert!(letter["error"].as_str().unwrap().contains("not today"), "{letter}");

    let theirs = eventually("the stranger's two", async || {
        kit.clock.advance(Duration::from_secs(400));
        let list = kit.get("/api/system/dead-letters?limit=1").bearer(kit.token(&stranger)).send().await.expect(200);
        let first = list.value();
        let next = first["next_cursor"].as_str()?;
        let path = format!("/api/system/dead-letters?limit=1&cursor={next}");
        Some([first, kit.get(&path).bearer(kit.token(&stranger)).send().await.expect(200).value()])
    })
    .await;
    let positions = theirs.each_ref().map(|page| &page["items"][0]["position"]);
    assert_eq!(positions, [&serde_json::json!(1), &serde_json::json!(3)]);
    assert!(theirs[1]["next_cursor"].is_null(), "{}", theirs[1]);
    let _ = kit.get("/api/system/dead-letters?cursor=eA").bearer(kit.token(&admin)).send().await.expect(400);
    let _ = kit.post(again).bearer(kit.token(&stranger)).send().await.expect(404);
    let _ = kit.post(again).bearer(kit.token(&admin)).send().await.expect(204);
    for unknown in
        ["scheduler/session-mgr/99", "scheduler/..%2fx/1", "no-such/session-mgr/1", "scheduler/session-mgr/first"]
    {
        let path = format!("/api/system/dead-letters/{unknown}/replay");
        let reply = kit.post(&path).bearer(kit.token(&admin)).send().await;
        assert!([400, 404].contains(&reply.status.as_u16()), "{unknown}: {}", reply.text());
    }
}

on_each_backend!(the_running_services_are_listed_with_their_health, dead_letters_are_listed_and_replayed_by_admins,);
