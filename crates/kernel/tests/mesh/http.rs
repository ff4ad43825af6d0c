//! What only instances in other processes can do: be gone, hang up, lie.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use nexus_kernel::config::MeshConfig;
use nexus_kernel::discovery::Instance;
use nexus_kernel::mesh::{CALLER, MeshError};
use nexus_kernel::{Caller, Problem};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::world::{Counter, World, config};

async fn nobody_there() -> Instance {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Instance::http(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
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

#[tokio::test]
async fn an_instance_that_hangs_up_is_tried_again_only_where_that_is_safe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::over_http();
    world.insert(Instance::http(&format!("http://{}", listener.local_addr().unwrap())).unwrap());
    let connections = Counter::default();
    let seen = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            seen.up();
            // Reads the request's first bytes, so that it was sent, and hangs up.
            assert_ne!(connection.read(&mut [0; 64]).await.unwrap(), 0);
        }
    });
    assert!(matches!(world.callee().post("/").send().await, Err(MeshError::Transport { .. })));
    assert_eq!(connections.get(), 1);
    assert!(matches!(world.callee().get("/").send().await, Err(MeshError::Transport { .. })));
    assert_eq!(connections.get(), 4);
}

fn who() -> Router {
    Router::new().route("/", get(async |caller: Option<Caller>| caller.map_or("nobody".to_owned(), |caller| caller.0)))
}

#[tokio::test]
async fn whoever_cannot_prove_a_name_has_none() {
    let mut world = World::over_http();
    let url = world.listen(who()).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    for proof in ["user-auth", "v1.user-auth.99999999999.", "v1.user-auth.99999999999.AAAA"] {
        let request = http::Request::get(&url).header(CALLER, proof).body(Body::empty()).unwrap();
        let body = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "nobody");
    }
}

#[tokio::test]
async fn a_name_is_believed_only_with_the_installations_secret() {
    for (secret, name) in [(config().secret, "caller"), ("another secret, though long enough".into(), "nobody")] {
        let world = World::over_http_with(&MeshConfig { secret, ..config() }).with(who()).await;
        assert_eq!(world.callee().get("/").send().await.unwrap().bytes().await.unwrap(), name);
    }
}
