//! Tokens that may do less than their person, and tokens that only their issuer can read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use nexus_kernel::auth::{Introspection, TokenUse};
use nexus_kernel::{Context, Role, Service};
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;

use crate::support::{Inside, service};

async fn started() -> Testkit {
    Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await
}

fn token(kit: &Testkit, changes: Value) -> String {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    kit.token_with(&Person::new(Role::Editor), changes)
}

/// What an application of this installation is given.
fn granted(kit: &Testkit, scope: &str) -> String {
    token(kit, json!({"scope": scope, "client_id": "printer", "iss": "http://nexus.test"}))
}

#[tokio::test]
async fn a_token_with_scopes_does_what_they_name_and_nothing_else() {
    let kit = started().await;
    let make = |token: String| kit.post("/api/scheduler/notes").bearer(token).json(json!({"text": "a", "weight": 1}));
    for scope in ["api", "scheduler", "scheduler:make", "openid scheduler:make", "scheduler:read scheduler:make"] {
        let _ = make(granted(&kit, scope)).send().await.expect(201);
        let _ = make(token(&kit, json!({"scope": scope}))).send().await.expect(201);
    }
    for scope in ["openid", "openid profile email offline_access groups", "streamcore", "scheduler:read", "SCHEDULER"] {
        for token in [granted(&kit, scope), token(&kit, json!({"scope": scope}))] {
            let refused = make(token).send().await.expect(403);
            assert_eq!(refused.code(), "insufficient-scope", "{scope}");
            assert!(refused.header("www-authenticate").starts_with("Bearer error=\"insufficient_scope\", scope=\""));
        }
    }
    // Scopes never give what the person's roles do not.
    let member = kit.token_with(&Person::new(Role::Member), Map::from_iter([("scope".to_owned(), json!("api"))]));
    assert_eq!(make(member).send().await.expect(403).code(), "forbidden");
}

#[tokio::test]
async fn an_applications_token_without_a_scope_opens_nothing() {
    let kit = started().await;
    let refused = kit.get("/api/scheduler/me").bearer(granted(&kit, "")).send().await.expect(403);
    assert_eq!(refused.code(), "insufficient-scope");
    // Nor what is open to everybody who is not signed in: a token that is there has to be good for it.
    let _ = kit.get("/api/scheduler/notes/public").send().await.expect(200);
    let _ = kit.get("/api/scheduler/notes/public").bearer(granted(&kit, "openid")).send().await.expect(403);
    let _ = kit.get("/api/scheduler/notes/public").bearer(granted(&kit, "scheduler:read")).send().await.expect(200);
}

#[tokio::test]
async fn the_issuer_is_that_of_the_client() {
    let kit = started().await;
    for changes in [
        json!({"client_id": "printer", "scope": "api"}),
        json!({"iss": "http://nexus.test"}),
        json!({"iss": "http://nexus.test/", "client_id": "printer", "scope": "api"}),
        json!({"iss": "http://nexus.test.evil.example", "client_id": "printer", "scope": "api"}),
    ] {
        let refused = kit.get("/api/scheduler/me").bearer(token(&kit, changes)).send().await.expect(401);
        assert_eq!(refused.code(), "invalid-token");
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_not_good_for_its_bearer() {
    let kit = started().await;
    let bound = token(&kit, json!({"cnf": {"jkt": "thumb"}}));
    for value in [format!("Bearer {bound}"), format!("DPoP {bound}")] {
        let asked = kit.get("/api/scheduler/me").header("authorization", value);
        assert_eq!(asked.send().await.expect(401).code(), "invalid-token");
    }
    // One that is not bound is not presented as if it were.
    let asked = kit.get("/api/scheduler/me").header("authorization", format!("DPoP {}", token(&kit, json!({}))));
    assert_eq!(asked.send().await.expect(401).code(), "invalid-token");
}

#[tokio::test]
async fn a_token_may_come_where_clients_of_vault_put_it() {
    let kit = started().await;
    let good = token(&kit, json!({}));
    let _ = kit.get("/api/scheduler/me").header("x-vault-token", &good).send().await.expect(200);
    assert_eq!(
        kit.get("/api/scheduler/me").header("x-vault-token", "x").send().await.expect(401).code(),
        "invalid-token"
    );
    // The usual place counts first.
    let both = kit.get("/api/scheduler/me").header("x-vault-token", &good).bearer("x");
    assert_eq!(both.send().await.expect(401).code(), "invalid-token");
}

#[tokio::test]
async fn what_one_token_got_is_not_repeated_to_another_that_may_do_less() {
    let kit = started().await;
    let person = Person::new(Role::Editor);
    let scoped = |scope: &str| kit.token_with(&person, Map::from_iter([("scope".to_owned(), json!(scope))]));
    let make = |token: String| {
        let asked = kit.post("/api/scheduler/notes").bearer(token).header("idempotency-key", "one");
        asked.json(json!({"text": "a", "weight": 1}))
    };
    let _ = make(kit.token(&person)).send().await.expect(201);
    assert_eq!(make(scoped("scheduler:read")).send().await.expect(403).code(), "insufficient-scope");
    assert_eq!(make(scoped("openid")).send().await.expect(403).code(), "insufficient-scope");
    assert_eq!(make(kit.token(&person)).send().await.expect(201).header("idempotency-replayed"), "true");
}

/// Says what it is told to say of every token, as token-mgr would, and counts how often it was asked.
#[derive(Clone, Default)]
struct Issuer {
    says: Arc<Mutex<Introspection>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn service(&self) -> Service {
        let issuer = self.clone();
        let answer = move |Json(_): Json<Value>| {
            issuer.asked.fetch_add(1, Ordering::SeqCst);
            let said = issuer.says.lock().unwrap().clone();
            async move { Json(said) }
        };
        Service::new("token-mgr")
            .routes(OpenApiRouter::<Context>::new().route("/internal/tokens/introspect", post(answer)))
    }

    fn say(&self, introspection: Introspection) {
        *self.says.lock().unwrap() = introspection;
    }
}

async fn with_issuer() -> (Testkit, Issuer) {
    let issuer = Issuer::default();
    (Testkit::start(Backend::Sqlite, vec![service(&Inside::default()), issuer.service()]).await, issuer)
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_once_a_second_and_refused_within_one_when_it_was_revoked() {
    let (kit, issuer) = with_issuer().await;
    let person = Person::new(Role::Editor);
    issuer.say(Introspection::active(TokenUse::PersonalToken, person.claims(kit.now())));
    let me = || kit.get("/api/scheduler/me").bearer("nxp_abc").send();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(me().await.expect(200).text(), person.user.to_string());
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(issuer.asked.load(Ordering::SeqCst) <= 1 + 2 * (seconds + 1));
    let revoked = Instant::now();
    issuer.say(Introspection::inactive());
    eventually("the token is refused", async || (me().await.status == 401).then_some(())).await;
    assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
}

#[tokio::test]
async fn an_opaque_token_is_good_only_as_what_it_is() {
    let (kit, issuer) = with_issuer().await;
    let person = Person::new(Role::Editor);
    let claims = person.claims(kit.now());
    let elsewhere = nexus_kernel::auth::AccessClaims { aud: "https://photos.example".to_owned(), ..claims.clone() };
    let over = nexus_kernel::auth::AccessClaims { exp: kit.now().as_seconds(), ..claims.clone() };
    let limited = nexus_kernel::auth::AccessClaims { scope: "streamcore".to_owned(), ..claims.clone() };
    for (number, (said, status)) in [
        (Introspection::active(TokenUse::RefreshToken, claims.clone()), 401),
        (Introspection::active(TokenUse::AccessToken, claims.clone()), 401),
        (Introspection { active: false, ..Introspection::active(TokenUse::PersonalToken, claims.clone()) }, 401),
        (Introspection { claims: None, ..Introspection::active(TokenUse::PersonalToken, claims.clone()) }, 401),
        (Introspection::active(TokenUse::PersonalToken, elsewhere), 401),
        (Introspection::active(TokenUse::ServiceToken, over), 401),
        (Introspection::active(TokenUse::ServiceToken, limited), 403),
        (Introspection::active(TokenUse::ServiceToken, claims), 200),
    ]
    .into_iter()
    .enumerate()
    {
        issuer.say(said);
        let _ = kit.get("/api/scheduler/me").bearer(format!("nxs_{number}")).send().await.expect(status);
    }
}
