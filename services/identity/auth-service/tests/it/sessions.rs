use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{
    GRACE, OWNER, SignedIn, attempt, member, ready, refresh, refreshed, sessions, sign_in, until_refused,
};

on_each_database!(
    a_refresh_token_is_good_once_and_its_reuse_ends_the_session,
    of_two_refreshes_at_the_same_moment_one_wins,
    signing_out_everywhere_ends_every_session,
    a_role_change_ends_the_sessions_and_the_next_sign_in_has_the_new_roles,
    a_password_change_signs_out_everywhere,
    a_session_lasts_thirty_days_however_much_it_is_used,
);

async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session(backend: Backend) {
    let kit = ready(backend).await;
    let first = sign_in(&kit, OWNER).await;
    let second = refreshed(&kit, &first.refresh).await;
    let third = refreshed(&kit, &second.refresh).await;
    let _ = kit.get("/api/users/me").bearer(&third.access).send().await.expect(200);

    let watcher = sign_in(&kit, OWNER).await;
    assert_eq!(sessions(&kit, &watcher).await.len(), 2);
    // Somebody kept a copy of the first.
    assert_eq!(refresh(&kit, &first.refresh).await.expect(401).code(), "invalid-refresh-token");
    assert_eq!(refresh(&kit, &third.refresh).await.expect(401).code(), "invalid-refresh-token");
    eventually("the session ends", async || (sessions(&kit, &watcher).await.len() == 1).then_some(())).await;
    let _ = refresh(&kit, &watcher.refresh).await.expect(200);
}

async fn of_two_refreshes_at_the_same_moment_one_wins(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let (first, second) = tokio::join!(refresh(&kit, &owner.refresh), refresh(&kit, &owner.refresh));
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 401]);
}

async fn signing_out_everywhere_ends_every_session(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let grace = sign_in(&kit, GRACE).await;
    let (here, there) = (sign_in(&kit, OWNER).await, sign_in(&kit, OWNER).await);
    let _ = kit.delete("/api/sessions").bearer(&here.access).send().await.expect(204);
    assert!(sessions(&kit, &here).await.is_empty());
    for ended in [&here, &there] {
        until_refused(&kit, &ended.refresh).await;
    }
    // Somebody else's session goes on, and so does signing in.
    let _ = refresh(&kit, &grace.refresh).await.expect(200);
    sign_in(&kit, OWNER).await;
}

/// Somebody's own account.
async fn me(kit: &Testkit, who: &SignedIn) -> Value {
    kit.get("/api/users/me").bearer(&who.access).send().await.expect(200).value()
}

async fn a_role_change_ends_the_sessions_and_the_next_sign_in_has_the_new_roles(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let (owner, grace) = (sign_in(&kit, OWNER).await, sign_in(&kit, GRACE).await);
    let _ = kit.get("/api/users").bearer(&grace.access).send().await.expect(403);
    let profile = me(&kit, &grace).await;
    let _ = kit
        .put(&format!("/api/users/{}/roles", profile["id"].as_str().unwrap()))
        .bearer(&owner.access)
        .header("if-match", format!("\"{}\"", profile["version"]))
        .json(json!({"roles": ["admin"]}))
        .send()
        .await
        .expect(200);
    eventually("the sessions end", async || sessions(&kit, &grace).await.is_empty().then_some(())).await;
    until_refused(&kit, &grace.refresh).await;
    kit.clock.advance(std::time::Duration::from_millis(5));
    let grace = sign_in(&kit, GRACE).await;
    let _ = kit.get("/api/users").bearer(&grace.access).send().await.expect(200);
    let _ = refresh(&kit, &owner.refresh).await.expect(200);
}

async fn a_password_change_signs_out_everywhere(backend: Backend) {
    let kit = ready(backend).await;
    let (here, there) = (sign_in(&kit, OWNER).await, sign_in(&kit, OWNER).await);
    let body = json!({"current_password": crate::support::PASSWORD, "new_password": "a better password"});
    let _ = kit.post("/api/users/me/password").bearer(&here.access).json(body).send().await.expect(204);
    for ended in [&here, &there] {
        until_refused(&kit, &ended.refresh).await;
    }
    let _ = attempt(&kit, OWNER, crate::support::PASSWORD).await.expect(401);
    let _ = attempt(&kit, OWNER, "a better password").await.expect(200);
}

async fn a_session_lasts_thirty_days_however_much_it_is_used(backend: Backend) {
    let kit = ready(backend).await;
    let mut tokens = sign_in(&kit, OWNER).await;
    for _ in 0..29 {
        kit.clock.advance(std::time::Duration::from_hours(24));
        tokens = refreshed(&kit, &tokens.refresh).await;
    }
    assert_eq!(sessions(&kit, &tokens).await.len(), 1);
    kit.clock.advance(std::time::Duration::from_hours(24));
    let _ = refresh(&kit, &tokens.refresh).await.expect(401);
    let again = sign_in(&kit, OWNER).await;
    assert_eq!(sessions(&kit, &again).await.len(), 1);
}
