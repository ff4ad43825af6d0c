//! What auth-service-v2 asks.

use http::Method;
use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{GRACE, OWNER, SignedIn, claims, member, ready, sessions, sign_in};

on_each_database!(an_applications_session_begins_for_who_may_sign_in_and_ends, nobody_else_may_ask,);

async fn start(kit: &Testkit, who: &SignedIn) -> Reply {
    let claims = claims(&who.access);
    let body = json!({
        "tenant": claims["tid"], "user": claims["sub"], "application": "Planner", "methods": ["pwd"],
        "user_agent": "planner/1.0", "address": "203.0.113.9",
    });
    let request = kit.request_to("auth-service", Method::POST, "/internal/application-sessions");
    request.from_service("auth-service-v2").json(body).send().await
}

async fn an_applications_session_begins_for_who_may_sign_in_and_ends(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let (owner, grace) = (sign_in(&kit, OWNER).await, sign_in(&kit, GRACE).await);
    let begun = start(&kit, &grace).await.expect(200).value();
    assert_eq!((&begun["person"]["email"], &begun["person"]["roles"]), (&json!(GRACE), &json!(["member"])));
    let listed = sessions(&kit, &grace).await;
    let id = &begun["session"]["session_id"];
    assert!(listed.iter().any(|session| session["id"] == *id && session.to_string().contains("Planner")), "{listed:?}");

    let tenant = &claims(&grace.access)["tid"];
    let end = kit
        .request_to("auth-service", Method::POST, &format!("/internal/sessions/{}/end", id.as_str().unwrap()))
        .from_service("auth-service-v2")
        .json(json!({"tenant": tenant, "reason": "signed-out"}));
    let _ = end.send().await.expect(204);
    assert!(!sessions(&kit, &grace).await.iter().any(|session| session["id"] == *id));

    let user = claims(&grace.access)["sub"].as_str().unwrap().to_owned();
    let path = format!("/internal/people/{}/{user}", tenant.as_str().unwrap());
    let person = kit.request_to("auth-service", Method::GET, &path).from_service("auth-service-v2").send().await;
    assert_eq!(person.expect(200).value()["email"], GRACE);
    let _ = kit.post(&format!("/api/users/{user}/deactivate")).bearer(&owner.access).send().await.expect(200);
    assert_eq!(start(&kit, &grace).await.expect(403).code(), "account-inactive");
}

async fn nobody_else_may_ask(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let claims: Value = claims(&owner.access);
    let path = format!("/internal/people/{}/{}", claims["tid"].as_str().unwrap(), claims["sub"].as_str().unwrap());
    for (method, path) in [
        (Method::GET, path.as_str()),
        (Method::POST, "/internal/application-sessions"),
        (Method::POST, "/internal/sessions/0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11/end"),
    ] {
        let ask = |caller: Option<&str>| {
            let request = kit.request_to("auth-service", method.clone(), path).bearer(&owner.access).json(json!({}));
            match caller {
                Some(caller) => request.from_service(caller).send(),
                None => request.send(),
            }
        };
        let _ = ask(None).await.expect(404);
        let refused = ask(Some("content-management")).await;
        assert!([403, 422].contains(&refused.status.as_u16()), "{}", refused.text());
    }
}
