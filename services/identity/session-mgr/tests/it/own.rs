use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, announced, end, sessions, start, start_for};

on_each_database!(
    people_see_where_they_are_signed_in,
    the_list_has_pages,
    people_end_one_session,
    people_sign_out_everywhere,
    people_sign_out_everywhere_else,
    people_name_their_devices,
    one_place_too_many_ends_the_one_that_was_used_least_lately,
    a_session_ends_by_itself_after_thirty_days,
    starts_and_ends_are_announced,
);

async fn people_see_where_they_are_signed_in(backend: Backend) {
    let kit = alone(backend).await;
    let first = start(&kit, &Person::new(Role::Member)).await;
    let second = start(&kit, &first).await;
    let seen = sessions(&kit, &second).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0]["id"], second.session.to_string());
    assert_eq!((&seen[0]["current"], &seen[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&seen[0]["device"], &seen[0]["address"]), (&json!("Firefox on Linux"), &json!("203.0.113.7")));
    assert_eq!(seen[0]["created_at"], seen[0]["last_seen_at"]);
    assert_eq!((&seen[0]["methods"], seen[0].get("client")), (&json!(["pwd", "otp", "mfa"]), None));
}

async fn the_list_has_pages(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let mut started = Vec::new();
    for _ in 0..5 {
        started.insert(0, start(&kit, &person).await.session.to_string());
    }
    let mut seen = Vec::new();
    let mut path = "/api/sessions?limit=2".to_owned();
    loop {
        let page = kit.get(&path).bearer(kit.token(&person)).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/sessions?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, started);
}

async fn people_end_one_session(backend: Backend) {
    let kit = alone(backend).await;
    let here = start(&kit, &Person::new(Role::Member)).await;
    let there = start(&kit, &here).await;
    let _ = end(&kit, &here, there.session).await.expect(204);
    let left = sessions(&kit, &here).await;
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(here.session)));
    assert_eq!(end(&kit, &here, there.session).await.expect(404).code(), "not-found");
}

async fn people_sign_out_everywhere(backend: Backend) {
    let kit = alone(backend).await;
    let here = start(&kit, &Person::new(Role::Member)).await;
    let there = start(&kit, &here).await;
    let other = start(&kit, &Person::of(here.tenant, Role::Member)).await;
    let _ = kit.delete("/api/sessions").bearer(kit.token(&here)).send().await.expect(204);
    assert!(sessions(&kit, &there).await.is_empty());
    assert_eq!(sessions(&kit, &other).await.len(), 1);
    let _ = kit.delete("/api/sessions").bearer(kit.token(&here)).send().await.expect(204);
    // Signing in again is possible at once.
    assert_eq!(sessions(&kit, &start(&kit, &here).await).await.len(), 1);
}

async fn people_sign_out_everywhere_else(backend: Backend) {
    let kit = alone(backend).await;
    let here = start(&kit, &Person::new(Role::Member)).await;
    let _ = start(&kit, &here).await;
    let _ = start_for(&kit, &here, "Photo Printer").await;
    let other = start(&kit, &Person::of(here.tenant, Role::Member)).await;
    let _ = kit.delete("/api/sessions/others").bearer(kit.token(&here)).send().await.expect(204);
    let left = sessions(&kit, &here).await;
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(here.session)));
    assert_eq!(sessions(&kit, &other).await.len(), 1);
}

async fn people_name_their_devices(backend: Backend) {
    let kit = alone(backend).await;
    let here = start(&kit, &Person::new(Role::Member)).await;
    let rename = async |who: &Person, name: serde_json::Value| {
        let path = format!("/api/sessions/{}", here.session);
        kit.patch(&path).bearer(kit.token(who)).json(json!({"name": name})).send().await
    };
    assert_eq!(rename(&here, json!("Kitchen")).await.expect(200).value()["name"], "Kitchen");
    let seen = &sessions(&kit, &here).await[0];
    assert_eq!((&seen["name"], &seen["device"]), (&json!("Kitchen"), &json!("Firefox on Linux")));
    for wrong in [json!(""), json!(" a"), json!("a\nb"), json!("x".repeat(65)), json!(1)] {
        assert_eq!(rename(&here, wrong).await.expect(422).code(), "validation-failed");
    }
    for other in [Person::of(here.tenant, Role::Owner), Person::new(Role::Owner)] {
        assert_eq!(rename(&other, json!("Mine")).await.expect(404).code(), "not-found");
    }
    assert!(rename(&here, json!(null)).await.expect(200).value().get("name").is_none());
}

async fn one_place_too_many_ends_the_one_that_was_used_least_lately(backend: Backend) {
    let services = vec![session_mgr::service()];
    let kit = Testkit::start_with(backend, services, |config| config.sessions.most_per_person = 2).await;
    let first = start(&kit, &Person::new(Role::Member)).await;
    let second = start(&kit, &first).await;
    // What an application does is counted apart, and so are other people.
    let application = start_for(&kit, &first, "Photo Printer").await;
    let _ = start(&kit, &Person::of(first.tenant, Role::Member)).await;
    assert_eq!(sessions(&kit, &first).await.len(), 3);
    let third = start(&kit, &first).await;
    let left: Vec<_> = sessions(&kit, &first).await.iter().map(|session| session["id"].clone()).collect();
    assert_eq!(left, [json!(third.session), json!(application.session), json!(second.session)]);
    eventually("its end is announced", async || {
        let events = announced(&kit).await;
        (events.contains("too-many-sessions") && events.contains(&first.session.to_string())).then_some(())
    })
    .await;
}

async fn a_session_ends_by_itself_after_thirty_days(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    kit.clock.advance(Duration::from_secs(30 * 24 * 3_600 - 1));
    assert_eq!(sessions(&kit, &person).await.len(), 1);
    kit.clock.advance(Duration::from_secs(1));
    assert!(sessions(&kit, &person).await.is_empty());
    let _ = end(&kit, &person, person.session).await.expect(404);
}

async fn starts_and_ends_are_announced(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    let _ = end(&kit, &person, person.session).await.expect(204);
    let events = eventually("both are announced", async || {
        let events = announced(&kit).await;
        (events.contains("session.started.v1") && events.contains("session.revoked.v1")).then_some(events)
    })
    .await;
    assert!(events.contains("ended-by-person") && events.contains("Firefox on Linux"), "{events}");
    assert_eq!(events.matches("session.revoked.v1").count(), 1);
}
