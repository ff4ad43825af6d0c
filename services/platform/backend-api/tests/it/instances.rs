//! Several gateways on one database.

use std::sync::Arc;

use nexus_kernel::events::{Carrier, NatsCarrier};
use nexus_kernel::{Role, Service};
use nexus_testkit::{Backend, Person, Testkit, eventually};

use crate::support::{gateway, required, revoke, sessions};

async fn bus(url: &str) -> Arc<dyn Carrier> {
    Arc::new(NatsCarrier::connect(url).await.unwrap())
}

fn services() -> Vec<Service> {
    vec![gateway(), required(), sessions()]
}

/// Each of three gateways, of which one starts after it, refuses a session that ended.
async fn all_refuse(url: &str) {
    let one = Testkit::start_carried_by(Backend::Postgres, bus(url).await, services()).await;
    let other = one.another(bus(url).await, services()).await;
    let (ended, stays) = (Person::new(Role::Member), Person::new(Role::Member));
    let (ended_token, token) = (one.token(&ended), one.token(&stays));
    for gateway in [&one, &other] {
        let _ = gateway.get("/api/scheduler/tasks").bearer(&ended_token).send().await.expect(200);
    }
    revoke(&one, &ended).await;
    for gateway in [&one, &other] {
        eventually("the gateway to refuse the session", async || {
            let reply = gateway.get("/api/scheduler/tasks").bearer(&ended_token).send().await;
            (reply.code() == "session-revoked").then_some(())
        })
        .await;
    }
    let late = one.another(bus(url).await, services()).await;
    let reply = late.get("/api/scheduler/tasks").bearer(&ended_token).send().await.expect(401);
    assert_eq!(reply.code(), "session-revoked");
    for gateway in [&one, &other, &late] {
        let _ = gateway.get("/api/scheduler/tasks").bearer(&token).send().await.expect(200);
        gateway.cloud.shutdown().await;
    }
}

#[tokio::test]
async fn every_gateway_refuses_a_session_that_ended() {
    let url = std::env::var("NEXUS_TEST_NATS").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    all_refuse(&url).await;
}

#[tokio::test]
async fn every_gateway_refuses_a_session_that_ended_while_the_bus_is_down() {
    all_refuse("nats://127.0.0.1:1").await;
}
