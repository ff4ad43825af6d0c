//! What a caller gets who means no good, or is mistaken.

use bytes::Bytes;
use http::Method;
use nexus_contracts::streamcore::SERVICE;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, becomes, editor, job, place, source};

on_each_database!(
    another_organisation_sees_no_job,
    members_and_strangers_see_no_job,
    a_list_shows_the_organisations_jobs_by_content,
    what_is_gone_can_not_be_tried_again,
    only_the_right_service_orders,
);

async fn another_organisation_sees_no_job(backend: Backend) {
    let kit = alone(backend).await;
    let owner = editor();
    let order = source(&kit, &owner, Bytes::from_static(b"no film")).await;
    let id = place(&kit, &order).await;
    becomes(&kit, &owner, &id, "failed").await;
    let stranger = Person::new(Role::Owner);
    let _ = job(&kit, &stranger, &id).await.expect(404);
    let retried = kit.post(&format!("/api/streamcore/jobs/{id}/retry")).bearer(kit.token(&stranger)).send().await;
    let _ = retried.expect(404);
    let list = kit.get("/api/streamcore/jobs").bearer(kit.token(&stranger)).send().await.expect(200).value();
    assert_eq!(list["items"], json!([]));
}

async fn members_and_strangers_see_no_job(backend: Backend) {
    let kit = alone(backend).await;
    let owner = editor();
    let order = source(&kit, &owner, Bytes::from_static(b"no film")).await;
    let id = place(&kit, &order).await;
    let member = Person::of(owner.tenant, Role::Member);
    let _ = job(&kit, &member, &id).await.expect(403);
    let _ = kit.get("/api/streamcore/jobs").bearer(kit.token(&member)).send().await.expect(403);
    let _ = kit.get("/api/streamcore/jobs").send().await.expect(401);
    for made_up in ["none", "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"] {
        let _ = job(&kit, &owner, made_up).await.expect(404);
    }
    for query in ["limit=0", "limit=1000", "cursor=!", "content_id=none"] {
        let _ = kit.get(&format!("/api/streamcore/jobs?{query}")).bearer(kit.token(&owner)).send().await.expect(400);
    }
}

async fn a_list_shows_the_organisations_jobs_by_content(backend: Backend) {
    let kit = alone(backend).await;
    let owner = editor();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let order = source(&kit, &owner, Bytes::from_static(b"no film")).await;
        ids.insert(0, (place(&kit, &order).await, order.content_id));
        kit.clock.advance(std::time::Duration::from_millis(5));
    }
    let list = async |query: String| {
        let page = kit
            .get(&format!("/api/streamcore/jobs?{query}"))
            .bearer(kit.token(&owner))
            .send()
            .await
            .expect(200)
            .value();
        let items = page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        (items.collect::<Vec<_>>(), page["next_cursor"].as_str().map(str::to_owned))
    };
    let (first, cursor) = list("limit=2".to_owned()).await;
    assert_eq!(first, [ids[0].0.clone(), ids[1].0.clone()]);
    let (rest, end) = list(format!("limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((rest, end), (vec![ids[2].0.clone()], None));
    let (one, _) = list(format!("content_id={}", ids[1].1)).await;
    assert_eq!(one, [ids[1].0.clone()]);
}

async fn what_is_gone_can_not_be_tried_again(backend: Backend) {
    let kit = alone(backend).await;
    let owner = editor();
    let order = source(&kit, &owner, Bytes::from_static(b"no film")).await;
    let id = place(&kit, &order).await;
    becomes(&kit, &owner, &id, "failed").await;
    kit.context(SERVICE).blobs.delete(&order.source_key).await.unwrap();
    let retried = kit.post(&format!("/api/streamcore/jobs/{id}/retry")).bearer(kit.token(&owner)).send().await;
    assert_eq!(retried.expect(409).code(), "source-gone");
}

async fn only_the_right_service_orders(backend: Backend) {
    let kit = alone(backend).await;
    let order = source(&kit, &editor(), Bytes::from_static(b"no film")).await;
    let ask = || kit.request_to(SERVICE, Method::POST, "/internal/jobs").json(&order);
    let _ = ask().send().await.expect(404);
    let _ = ask().from_service("content-management").send().await.expect(403);
    let unreadable = kit.request_to(SERVICE, Method::POST, "/internal/jobs").from_service("streaming-service-v2");
    let _ = unreadable.json(json!({"tenant": "none"})).send().await.expect(422);
    let path = format!("/internal/tenants/{}/content/{}", order.tenant, order.content_id);
    let _ = kit.request_to(SERVICE, Method::DELETE, &path).from_service("backend-api").send().await.expect(403);
}
