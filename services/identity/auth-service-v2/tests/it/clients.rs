//! How applications show that they are themselves.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::json;

use crate::on_each_database;
use crate::support::{App, ISSUER, alone, assertion, error, form, make, of, post, public_key};

on_each_database!(
    a_secret_is_taken_only_the_way_it_was_registered,
    an_application_signs_for_itself,
    an_assertion_is_good_once_for_us_and_for_a_while,
    an_assertion_that_only_looks_signed_is_refused,
    who_fails_too_often_is_told_to_wait,
    what_is_no_form_or_says_things_twice_is_refused,
);

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CODE: [(&str, &str); 3] = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")];

async fn ask(kit: &Testkit, authorization: Option<&str>, more: &[(&str, &str)]) -> Reply {
    let pairs: Vec<_> = CODE.iter().chain(more).copied().collect();
    post(kit, "/oauth2/token", authorization, &pairs).await
}

/// Past the client's authentication, what is asked for is refused.
fn known(reply: &Reply) -> bool {
    error(reply) == "invalid_grant"
}

async fn signing(kit: &Testkit) -> App {
    let admin = of(kit, &Person::new(Role::Owner));
    let changes = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public_key()]}});
    make(kit, &admin, changes).await
}

async fn by_assertion(kit: &Testkit, token: &str) -> Reply {
    ask(kit, None, &[("client_assertion", token), ("client_assertion_type", JWT_BEARER)]).await
}

async fn a_secret_is_taken_only_the_way_it_was_registered(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let basic = make(&kit, &admin, json!({})).await;
    let posted = make(&kit, &admin, json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let public = make(&kit, &admin, json!({"token_endpoint_auth_method": "none"})).await;
    let in_form =
        |app: &App| [("client_id".to_owned(), app.id.clone()), ("client_secret".to_owned(), app.secret.clone())];
    let send = async |app: &App| {
        let pairs = in_form(app);
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ask(&kit, None, &pairs).await
    };
    assert!(known(&ask(&kit, Some(&basic.basic()), &[]).await) && known(&send(&posted).await));
    assert!(known(&ask(&kit, None, &[("client_id", &public.id)]).await));
    for refused in [
        ask(&kit, Some(&posted.basic()), &[]).await,
        send(&basic).await,
        ask(&kit, None, &[("client_id", &basic.id)]).await,
        ask(&kit, None, &[("client_id", &posted.id), ("client_secret", "nxa_wrong")]).await,
        ask(&kit, None, &[("client_id", &public.id), ("client_secret", "nxa_made-up")]).await,
        ask(&kit, None, &[("client_id", "nobody")]).await,
        ask(&kit, None, &[]).await,
    ] {
        let refused = refused.expect(401);
        assert_eq!(error(&refused), "invalid_client");
        assert!(refused.header("www-authenticate").starts_with("Basic"), "RFC 6749 section 5.2");
    }
    let twice = ask(&kit, Some(&basic.basic()), &[("client_id", &basic.id), ("client_secret", &basic.secret)]).await;
    assert_eq!(error(&twice.expect(400)), "invalid_request");
}

async fn an_application_signs_for_itself(backend: Backend) {
    let kit = alone(backend).await;
    let app = signing(&kit).await;
    assert!(known(&by_assertion(&kit, &assertion(&kit, &app, json!({}))).await));
    let endpoint = json!({"aud": format!("{ISSUER}/oauth2/token")});
    assert!(known(&by_assertion(&kit, &assertion(&kit, &app, endpoint)).await));
    assert_eq!(error(&ask(&kit, None, &[("client_id", &app.id)]).await.expect(401)), "invalid_client");
}

async fn an_assertion_is_good_once_for_us_and_for_a_while(backend: Backend) {
    let kit = alone(backend).await;
    let app = signing(&kit).await;
    let other = signing(&kit).await;
    let once = assertion(&kit, &app, json!({}));
    assert!(known(&by_assertion(&kit, &once).await));
    assert_eq!(error(&by_assertion(&kit, &once).await.expect(401)), "invalid_client");
    let now = kit.now().as_seconds();
    for changes in [
        json!({"aud": "https://evil.example"}),
        json!({"aud": [ISSUER, "https://evil.example"]}),
        json!({"exp": now - 60}),
        json!({"exp": now + 7_300}),
        json!({"nbf": now + 3_600}),
        json!({"jti": ""}),
        json!({"jti": null}),
        json!({"iss": other.id}),
        json!({"sub": "nobody", "iss": "nobody"}),
    ] {
        let refused = by_assertion(&kit, &assertion(&kit, &app, changes.clone())).await.expect(401);
        assert_eq!(error(&refused), "invalid_client", "{changes}");
    }
    // The same key, but it is not the application that the request names.
    let named = [("client_id", other.id.as_str()), ("client_assertion_type", JWT_BEARER)];
    let token = assertion(&kit, &app, json!({}));
    let pairs: Vec<_> = named.into_iter().chain([("client_assertion", token.as_str())]).collect();
    assert_eq!(error(&ask(&kit, None, &pairs).await.expect(401)), "invalid_client");
}

async fn an_assertion_that_only_looks_signed_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let app = signing(&kit).await;
    let good = assertion(&kit, &app, json!({}));
    let claims = crate::support::claims(&assertion(&kit, &app, json!({})));
    let public = public_key()["x"].as_str().unwrap().to_owned();
    // Signed with what everybody knows: the public key, as if it were a shared secret.
    let confused = EncodingKey::from_secret(public.as_bytes());
    let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &confused).unwrap();
    let unsigned = {
        use base64::Engine;
        let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", encode(json!({"alg": "none"}).to_string()), encode(claims.to_string()))
    };
    let mut carried = Header::new(Algorithm::EdDSA);
    carried.kid = Some("another".to_owned());
    let by_an_unknown_key = crate::support::signed(&carried, &claims);
    let (head, _) = good.rsplit_once('.').unwrap();
    let (_, signature) =
        assertion(&kit, &app, json!({})).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for token in
        [confused, unsigned, by_an_unknown_key, format!("{head}.{signature}"), "a.b.c".to_owned(), "x".repeat(20_000)]
    {
        assert_eq!(error(&by_assertion(&kit, &token).await.expect(401)), "invalid_client", "{token}");
    }
    assert!(known(&by_assertion(&kit, &good).await));
}

async fn who_fails_too_often_is_told_to_wait(backend: Backend) {
    let kit = alone(backend).await;
    let fail = || {
        let request = kit.post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("x-forwarded-for", "203.0.113.9");
        request.bytes(form(&[("client_id", "nobody"), ("grant_type", "authorization_code")])).send()
    };
    for _ in 0..30 {
        let _ = fail().await.expect(401);
    }
    let slowed = fail().await.expect(429);
    assert_eq!(error(&slowed), "temporarily_unavailable");
    assert!(!slowed.header("retry-after").is_empty());
    kit.clock.advance(Duration::from_secs(5));
    let _ = fail().await.expect(401);
}

async fn what_is_no_form_or_says_things_twice_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let app = make(&kit, &admin, json!({})).await;
    let send = |kind: &'static str, body: String| {
        kit.post("/oauth2/token").header("content-type", kind).header("authorization", app.basic()).bytes(body).send()
    };
    let kind = "application/x-www-form-urlencoded";
    for (kind, body) in [
        ("application/json", "{\"grant_type\":\"authorization_code\"}".to_owned()),
        (kind, String::new()),
        (kind, "grant_type=authorization_code&grant_type=refresh_token".to_owned()),
        (kind, format!("grant_type=authorization_code&code={}", "a".repeat(70_000))),
        (kind, "a=1&".repeat(100)),
    ] {
        assert_eq!(error(&send(kind, body).await.expect(400)), "invalid_request");
    }
    let unknown = send(kind, "grant_type=password&username=a&password=b".to_owned()).await.expect(400);
    assert_eq!(error(&unknown), "unsupported_grant_type");
    let not_registered = send(kind, "grant_type=client_credentials".to_owned()).await.expect(400);
    assert_eq!(error(&not_registered), "unauthorized_client");
    let _ = kit.get("/oauth2/token").send().await.expect(405);
}
