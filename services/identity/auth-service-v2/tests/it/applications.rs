use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, asking, bring, definition, error, make, of, token};

on_each_database!(
    an_application_is_made_changed_and_removed,
    a_secret_is_shown_once_and_replaced,
    only_admins_manage_applications_and_only_their_own,
    nobody_gives_an_application_more_than_they_have,
    what_does_not_fit_together_is_refused_by_field,
    applications_register_themselves_only_with_a_token,
);

async fn an_application_is_made_changed_and_removed(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Admin));
    let app = make(&kit, &admin, json!({})).await;
    let path = format!("/api/auth/v2/applications/{}", app.id);
    let seen = kit.get(&path).bearer(&admin).send().await.expect(200);
    assert_eq!((seen.header("etag").as_str(), &seen.value()["name"]), ("\"1\"", &json!("Newsroom")));
    assert!(!seen.text().contains("secret\""), "{}", seen.text());
    let put = |version: &'static str, changes: Value| {
        kit.put(&path).bearer(&admin).header("if-match", version).json(definition(changes)).send()
    };
    let _ = kit.put(&path).bearer(&admin).json(definition(json!({}))).send().await.expect(428);
    assert_eq!(put("\"1\"", json!({"name": "Desk"})).await.expect(200).value()["name"], "Desk");
    let _ = put("\"1\"", json!({"name": "Table"})).await.expect(412);
    let list = kit.get("/api/auth/v2/applications").bearer(&admin).send().await.expect(200).value();
    assert_eq!(list["items"][0]["name"], "Desk");
    let _ = kit.delete(&path).bearer(&admin).send().await.expect(204);
    let _ = kit.delete(&path).bearer(&admin).send().await.expect(404);
}

async fn a_secret_is_shown_once_and_replaced(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Admin));
    let app = make(&kit, &admin, json!({})).await;
    assert!(app.secret.starts_with("nxa_"));
    let asked = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")];
    assert_eq!(error(&token(&kit, &app, &asked).await.expect(400)), "invalid_grant");
    let path = format!("/api/auth/v2/applications/{}/secret", app.id);
    let rotated = kit.post(&path).bearer(&admin).send().await.expect(200).value();
    assert_eq!(error(&token(&kit, &app, &asked).await.expect(401)), "invalid_client");
    let secret = rotated["client_secret"].as_str().unwrap().to_owned();
    let app = crate::support::App { secret, ..app };
    assert_eq!(error(&token(&kit, &app, &asked).await.expect(400)), "invalid_grant");
    let public = make(&kit, &admin, json!({"token_endpoint_auth_method": "none"})).await;
    assert_eq!(public.secret, "");
    let path = format!("/api/auth/v2/applications/{}/secret", public.id);
    assert_eq!(kit.post(&path).bearer(&admin).send().await.expect(409).code(), "no-secret");
}

async fn only_admins_manage_applications_and_only_their_own(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let app = make(&kit, &of(&kit, &owner), json!({})).await;
    let path = format!("/api/auth/v2/applications/{}", app.id);
    let editor = of(&kit, &Person::of(owner.tenant, Role::Editor));
    let stranger = of(&kit, &Person::new(Role::Owner));
    for (who, status) in [(&editor, 403), (&stranger, 404)] {
        let _ = kit.get(&path).bearer(who).send().await.expect(status);
        let _ = kit.delete(&path).bearer(who).send().await.expect(status);
        let _ = kit.post(&format!("{path}/secret")).bearer(who).send().await.expect(status);
    }
    let list = kit.get("/api/auth/v2/applications").bearer(&stranger).send().await.expect(200).value();
    assert_eq!(list["items"], json!([]));
    let _ = kit.get("/api/auth/v2/applications").bearer(&editor).send().await.expect(403);
    let _ = kit.get("/api/auth/v2/applications").send().await.expect(401);
}

async fn nobody_gives_an_application_more_than_they_have(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let admin = of(&kit, &Person::of(owner.tenant, Role::Admin));
    let robot = json!({
        "redirect_uris": [], "post_logout_redirect_uris": [], "grant_types": ["client_credentials"],
        "scopes": ["api"], "roles": ["owner"],
    });
    let asked = kit.post("/api/auth/v2/applications").bearer(&admin).json(definition(robot.clone()));
    let refused = asked.send().await.expect(422).value();
    assert_eq!(refused["errors"][0]["field"], "roles");
    let app = make(&kit, &of(&kit, &owner), robot.clone()).await;
    let path = format!("/api/auth/v2/applications/{}", app.id);
    let rotated = kit.post(&format!("{path}/secret")).bearer(&admin).send().await;
    assert_eq!(rotated.expect(403).code(), "above-you");
    let changed = kit.put(&path).bearer(&admin).header("if-match", "\"1\"").json(definition(robot)).send().await;
    assert_eq!(changed.expect(403).code(), "above-you");
    assert_eq!(kit.delete(&path).bearer(&admin).send().await.expect(403).code(), "above-you");
}

async fn what_does_not_fit_together_is_refused_by_field(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Admin));
    for (changes, field) in [
        (json!({"redirect_uris": ["https://rp.example/#x"]}), "redirect_uris[0]"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "redirect_uris[0]"),
        (json!({"scopes": ["everything"]}), "scopes"),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}),
            "jwks",
        ),
        (json!({"backchannel_logout_uri": "http://rp.example/x"}), "backchannel_logout_uri"),
    ] {
        let asked = kit.post("/api/auth/v2/applications").bearer(&admin).json(definition(changes.clone()));
        let refused = asked.send().await.expect(422).value();
        assert_eq!(refused["errors"][0]["field"], field, "{changes}");
    }
    for changes in [json!({"client_secret": "mine"}), json!({"grant_types": ["password"]}), json!({"name": 1})] {
        let asked = kit.post("/api/auth/v2/applications").bearer(&admin).json(definition(changes));
        assert_eq!(asked.send().await.expect(422).code(), "validation-failed");
    }
}

async fn applications_register_themselves_only_with_a_token(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Admin));
    let about = json!({"client_name": "Partner", "redirect_uris": ["https://rp.example/cb"], "scope": "openid email", "software_id": "x"});
    let register = |token: &str| kit.post("/oauth2/register").bearer(token).json(&about).send();
    assert_eq!(error(&kit.post("/oauth2/register").json(&about).send().await.expect(401)), "invalid_token");
    assert_eq!(error(&register("nxr_made-up").await.expect(401)), "invalid_token");
    assert_eq!(error(&register(&admin).await.expect(401)), "invalid_token");
    let document = kit.get("/.well-known/openid-configuration").send().await.expect(200).value();
    assert!(document.get("registration_endpoint").is_none());

    let tokens = "/api/auth/v2/registration-tokens";
    let made = kit.post(tokens).bearer(&admin).json(json!({"name": "Partners", "days": 7})).send().await;
    let made = made.expect(201).value();
    let text = made["token"].as_str().unwrap();
    let document = kit.get("/.well-known/openid-configuration").send().await.expect(200).value();
    assert_eq!(document["registration_endpoint"], "http://nexus.test/oauth2/register");
    let registered = register(text).await.expect(201).value();
    assert_eq!(registered["token_endpoint_auth_method"], "client_secret_basic");
    let text_of = |field: &str| registered[field].as_str().unwrap().to_owned();
    let app = crate::support::App { id: text_of("client_id"), secret: text_of("client_secret") };
    let _ = bring(&kit, &asking(&app, &[])).await;

    for (changes, name) in [
        (json!({"grant_types": ["client_credentials"]}), "invalid_client_metadata"),
        (json!({"redirect_uris": ["http://rp.example/cb"]}), "invalid_redirect_uri"),
        (json!({"scope": "root"}), "invalid_client_metadata"),
        (json!({"redirect_uris": 7}), "invalid_client_metadata"),
    ] {
        let mut body = about.clone();
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let reply = kit.post("/oauth2/register").bearer(text).json(body).send().await;
        assert_eq!(error(&reply.expect(400)), name, "{changes}");
    }
    let list = kit.get(tokens).bearer(&admin).send().await.expect(200);
    assert!(!list.text().contains(text));
    let _ = kit.delete(&format!("{tokens}/{}", made["id"].as_str().unwrap())).bearer(&admin).send().await.expect(204);
    assert_eq!(error(&register(text).await.expect(401)), "invalid_token");
}
