//! The whole system with an organisation in it, and the things of its owner that others must not reach.

use std::collections::BTreeMap;

use http::Method;
use nexus_kernel::{Role, Timestamp};
use nexus_testkit::{Backend, Reply, Testkit, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::Operation;
use super::things;

const PASSWORD: &str = "correct horse battery";
const OWNER: &str = "owner@example.com";

/// Which way a request takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    /// As from outside.
    Gateway,
    /// Past the gateway, as somebody could who has got into the network.
    Service,
}

/// The running system.
pub(super) struct System {
    pub(super) kit: Testkit,
    /// The owner's profile.
    pub(super) owner: Value,
    /// An access token of somebody with each role, all of one organisation.
    tokens: BTreeMap<Role, String>,
}

impl System {
    /// Starts it, makes its owner, and lets people register.
    pub(super) async fn start(backend: Backend) -> Self {
        let kit = Testkit::start_with(backend, crate::compose::services(), |config| {
            config.gateway.requests_per_second = 1e9;
            config.gateway.burst = u32::MAX;
            config.gateway.sign_in_per_minute = u32::MAX;
        })
        .await;
        let owner = set_up(&kit).await;
        let mut system = Self { kit, owner, tokens: BTreeMap::new() };
        let token = system.sign_in(OWNER).await;
        system.tokens.insert(Role::Owner, token);
        for role in [Role::Member, Role::Editor, Role::Admin] {
            system.newcomer(&email(role, "colleague"), role).await;
            system.newcomer(&email(role, "insider"), role).await;
            let token = system.sign_in(&email(role, "colleague")).await;
            system.tokens.insert(role, token);
        }
        system
    }

    /// Asks, by one of the two ways.
    pub(super) async fn ask(&self, operation: &Operation, path: &str, door: Door, token: Option<&str>) -> Reply {
        let service = match door {
            Door::Gateway => "backend-api",
            Door::Service => operation.service,
        };
        let mut path = things::filled(path);
        if !operation.query.is_empty() {
            path = format!("{path}?{}", operation.query);
        }
        let mut request = self.kit.request_to(service, operation.method.clone(), &path);
        for (name, value) in &operation.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &operation.body {
            request = request.header("content-type", &body.media_type).bytes(body.bytes.clone());
        }
        if let Some(token) = token {
            request = request.bearer(token);
        }
        request.send().await
    }

    /// An access token of somebody with this role, in a new session: for what may succeed, and end it.
    pub(super) async fn insider(&self, role: Role) -> String {
        self.sign_in(&email(role, "insider")).await
    }

    /// An access token of somebody in the organisation with this role, who is refused and so keeps it.
    pub(super) fn colleague(&self, role: Role) -> &str {
        &self.tokens[&role]
    }

    /// An access token of another organisation's owner, good until then.
    pub(super) async fn stranger(&self, expires_at: Timestamp) -> String {
        let now = self.kit.now();
        let tokens = json!({
            "session_id": Uuid::now_v7(), "tenant": Uuid::now_v7(), "user": Uuid::now_v7(), "roles": ["owner"],
            "expires_at": expires_at, "authenticated_at": now, "methods": ["pwd"],
        });
        let asked = self.kit.request_to("token-mgr", Method::POST, "/internal/tokens").from_service("auth-service");
        let issued = asked.json(tokens).send().await.expect(200).value();
        issued["access_token"].as_str().unwrap().to_owned()
    }

    /// Whether a reply shows anything of the organisation.
    pub(super) fn is_ours(&self, reply: &Reply) -> bool {
        let text = reply.text();
        ["id", "tenant_id", "email"].iter().any(|field| text.contains(self.owner[field].as_str().unwrap()))
    }

    async fn sign_in(&self, email: &str) -> String {
        let reply = self.kit.post("/api/auth/login").json(json!({"email": email, "password": PASSWORD})).send().await;
        reply.expect(200).value()["access_token"].as_str().unwrap().to_owned()
    }

    /// Somebody who registers, confirms the address and gets a role.
    async fn newcomer(&self, email: &str, role: Role) {
        let (kit, owner) = (&self.kit, self.colleague(Role::Owner));
        let registration = json!({"name": role, "email": email, "password": PASSWORD});
        let _ = kit.post("/api/auth/register").json(registration).send().await.expect(202);
        let token = eventually("the mail to come", async || {
            let mails = kit.get("/api/users/mailbox").bearer(owner).send().await.expect(200).value();
            let mail = mails["items"].as_array()?.iter().find(|mail| mail["to"] == email)?.clone();
            let (_, after) = mail["text"].as_str()?.split_once("verify?token=")?;
            after.split_whitespace().next().map(str::to_owned)
        })
        .await;
        let _ = kit.post("/api/auth/verify").json(json!({"token": token})).send().await.expect(204);
        let people = kit.get("/api/users").bearer(owner).send().await.expect(200).value();
        let person = people["items"].as_array().unwrap().iter().find(|person| person["email"] == email).unwrap();
        if role != Role::Member {
            let roles = kit.put(&format!("/api/users/{}/roles", person["id"].as_str().unwrap())).bearer(owner);
            let roles = roles.header("if-match", format!("\"{}\"", person["version"])).json(json!({"roles": [role]}));
            let _ = roles.send().await.expect(200);
        }
    }
}

fn email(role: Role, who: &str) -> String {
    format!("{role}-{who}@example.com")
}

/// Makes the owner; the profile.
async fn set_up(kit: &Testkit) -> Value {
    let link = kit.request_to("user-auth", Method::GET, "/internal/setup-link").from_service("backend-api");
    let link = link.send().await.expect(200).value();
    let owner = json!({
        "token": link["token"], "organisation": "Engines", "name": "Ada", "email": OWNER, "password": PASSWORD,
    });
    kit.post("/api/users/setup").json(owner).send().await.expect(201).value()
}
