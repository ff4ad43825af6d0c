//! What only instances in other processes can do: be gone, hang up, lie.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::StatusCode;
use http_body_util::BodyExt;
use nexus_kernel::Problem;
use nexus_kernel::discovery::Instance;
use nexus_kernel::mesh::MeshError;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::world::{Counter, World};

async fn nobody_there() -> Instance {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Instance::http(&format!("https://{}", listener.local_addr().unwrap())).unwrap()
}

#[tokio::test]
async fn a_dead_instance_is_unavailable_and_its_address_stays_inside() {
    let world = World::over_http();
    let dead = nobody_there().await;
    world.insert(dead.clone());
    let error = world.callee().get("/").send().await.unwrap_err();
    assert!(matches!(&error, MeshError::Transport { instance, .. } if **instance == **dead.id()), "{error}");
    let problem = Problem::from(error);
    assert_eq!((problem.status(), problem.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
}

#[tokio::test]
async fn a_dead_instance_leaves_rotation_and_nobody_notices() {
    let mut world = World::over_http();
    world.insert(nobody_there().await);
    let calls = Counter::default();
    let seen = calls.clone();
    world.add(Router::new().route("/", get(async move || seen.up().to_string()))).await;
    for _ in 0..30 {
        world.callee().get("/").send().await.unwrap();
        let request = http::Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(world.callee().forward(request).await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(calls.get(), 60);
}

/// An instance behind a wire that is cut as soon as a request has arrived; how many did.
async fn cut_off(world: &mut World) -> Counter {
    let (arrived, cut) = (Counter::default(), Arc::new(Notify::new()));
    let (seen, cutter) = (arrived.clone(), Arc::clone(&cut));
    let hang = any(async move || {
        seen.up();
        cutter.notify_one();
        pending::<()>().await;
    });
    let url = world.listen(Router::new().fallback(hang)).await;
    let wire = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.insert(Instance::http(&format!("https://{}", wire.local_addr().unwrap())).unwrap());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = wire.accept().await.unwrap();
            let mut far = TcpStream::connect(url.trim_start_matches("https://")).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                () = cut.notified() => {}
            }
        }
    });
    arrived
}

#[tokio::test]
async fn an_instance_that_hangs_up_is_tried_again_only_where_that_is_safe() {
    let mut world = World::over_http();
    let arrived = cut_off(&mut world).await;
    assert!(matches!(world.callee().post("/").send().await, Err(MeshError::Transport { unsent: false, .. })));
    assert_eq!(arrived.get(), 1);
    assert!(matches!(world.callee().get("/").send().await, Err(MeshError::Transport { unsent: false, .. })));
    assert_eq!(arrived.get(), 4);
    let request = http::Request::put("/").body(Body::from("once")).unwrap();
    assert!(world.callee().forward(request).await.is_err());
    assert_eq!(arrived.get(), 5);
}

#[tokio::test]
async fn what_could_not_be_sent_goes_to_another_instance_whatever_it_is() {
    let mut world = World::over_http();
    world.insert(nobody_there().await);
    let calls = Counter::default();
    let seen = calls.clone();
    world
        .add(Router::new().fallback(any(async move |body: String| {
            seen.up();
            body
        })))
        .await;
    for number in 1..=15 {
        let text = format!("order {number}");
        let reply = world.callee().post("/orders").json(&text).send().await.unwrap();
        assert_eq!(reply.json::<String>().await.unwrap(), text);
        let parts = [Ok::<_, std::io::Error>("order "), Ok("streamed")];
        let request = http::Request::post("/orders").body(Body::from_stream(futures::stream::iter(parts))).unwrap();
        let reply = world.callee().forward(request).await.unwrap();
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "order streamed");
        assert_eq!(calls.get(), 2 * number);
        // As long as it is not known to be dead.
        world.clock.advance(std::time::Duration::from_secs(31));
    }
}
