//! Showing again who one is.

use std::time::Duration;

use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{GRACE, OWNER, PASSWORD, SignedIn, claims, member, ready, refreshed, sessions, sign_in};

on_each_database!(
    a_password_makes_a_session_as_good_as_new,
    guessing_in_a_stolen_session_is_slow_and_harms_no_other,
    what_is_no_step_up_is_refused_by_name,
);

async fn step_up(kit: &Testkit, who: &SignedIn, body: Value) -> Reply {
    kit.post("/api/auth/step-up").bearer(&who.access).json(body).send().await
}

async fn a_password_makes_a_session_as_good_as_new(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    kit.clock.advance(Duration::from_hours(1));
    let later = refreshed(&kit, &owner.refresh).await;
    assert!(claims(&later.access)["auth_time"].as_i64().unwrap() < kit.now().as_seconds() - 3_000);
    let reply = step_up(&kit, &later, json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    let stepped = reply.value();
    assert_eq!((stepped["token_type"].as_str(), stepped["expires_in"].as_u64()), (Some("Bearer"), Some(300)));
    let (before, after) = (claims(&later.access), claims(stepped["access_token"].as_str().unwrap()));
    assert_eq!((after["auth_time"].as_i64(), &after["amr"]), (Some(kit.now().as_seconds()), &json!(["pwd"])));
    assert_eq!((&after["sid"], &after["sub"]), (&before["sid"], &before["sub"]));
    assert_eq!(sessions(&kit, &later).await.len(), 1);
    // The refresh token is still the session's, and what follows says the same.
    assert_eq!(claims(&refreshed(&kit, &later.refresh).await.access)["auth_time"], after["auth_time"]);
}

async fn guessing_in_a_stolen_session_is_slow_and_harms_no_other(backend: Backend) {
    let kit = ready(backend).await;
    let (stolen, other) = (sign_in(&kit, OWNER).await, sign_in(&kit, OWNER).await);
    for _ in 0..5 {
        let refused = step_up(&kit, &stolen, json!({"password": "wrong password"})).await.expect(403);
        assert_eq!(refused.code(), "wrong-password");
    }
    let locked = step_up(&kit, &stolen, json!({"password": PASSWORD})).await.expect(429);
    assert_eq!((locked.code().as_str(), locked.header("retry-after").as_str()), ("locked", "30"));
    let _ = step_up(&kit, &other, json!({"password": PASSWORD})).await.expect(200);
    sign_in(&kit, OWNER).await;
    kit.clock.advance(Duration::from_secs(30));
    let _ = step_up(&kit, &stolen, json!({"password": PASSWORD})).await.expect(200);
}

async fn what_is_no_step_up_is_refused_by_name(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    for (body, code) in [
        (json!({}), "password-needed"),
        (json!({"code": "123456"}), "password-needed"),
        (json!({"password": ""}), "validation-failed"),
        (json!({"password": 1}), "validation-failed"),
        (json!({"password": "x".repeat(129)}), "validation-failed"),
        (json!({"email": OWNER, "password": PASSWORD}), "validation-failed"),
    ] {
        assert_eq!(step_up(&kit, &owner, body.clone()).await.expect(422).code(), code, "{body}");
    }
    let nobody = kit.post("/api/auth/step-up").json(json!({"password": PASSWORD})).send().await.expect(401);
    assert_eq!(nobody.code(), "not-signed-in");
    // Another's password is not one's own.
    member(&kit, GRACE).await;
    let grace = sign_in(&kit, GRACE).await;
    let change = json!({"current_password": PASSWORD, "new_password": "another of Grace's"});
    let _ = kit.post("/api/users/me/password").bearer(&grace.access).json(change).send().await.expect(204);
    assert_eq!(
        step_up(&kit, &owner, json!({"password": "another of Grace's"})).await.expect(403).code(),
        "wrong-password"
    );
}
