//! Which instance gets a call.

use std::collections::{HashMap, HashSet};

use axum::Router;
use axum::routing::any;
use nexus_kernel::discovery::Instance;
use nexus_testkit::eventually;
use tokio::sync::watch;

use crate::over_both_transports;
use crate::world::{Counter, World};

over_both_transports!(
    calls_at_the_same_time_spread_over_the_instances,
    a_busy_instance_is_passed_over,
    calls_of_one_key_stay_at_one_instance,
);

/// Answers when the test opens it.
fn gated(open: watch::Receiver<bool>) -> (Counter, Router) {
    let calls = Counter::default();
    let seen = calls.clone();
    let wait = any(async move || {
        seen.up();
        open.clone().wait_for(|open| *open).await.unwrap();
    });
    (calls, Router::new().fallback(wait))
}

fn start(world: &World, count: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let call = |target: nexus_kernel::mesh::Target| async move { target.get("/").send().await.map(drop).unwrap() };
    (0..count).map(|_| tokio::spawn(call(world.callee()))).collect()
}

async fn calls_at_the_same_time_spread_over_the_instances(mut world: World) {
    let (open, opened) = watch::channel(false);
    let mut counters = Vec::new();
    for _ in 0..3 {
        let (calls, router) = gated(opened.clone());
        counters.push(calls);
        world.add(router).await;
    }
    let calls = start(&world, 30);
    let total = || counters.iter().map(Counter::get).sum::<usize>();
    eventually("all calls to arrive", async || (total() == 30).then_some(())).await;
    for counter in &counters {
        assert!((7..=13).contains(&counter.get()), "{counters:?}");
    }
    open.send(true).unwrap();
    futures::future::try_join_all(calls).await.unwrap();
}

async fn a_busy_instance_is_passed_over(mut world: World) {
    let (open, opened) = watch::channel(false);
    let (slow, router) = gated(opened);
    world.add(router).await;
    let held = start(&world, 5);
    eventually("the calls to arrive", async || (slow.get() == 5).then_some(())).await;
    let (_open, opened) = watch::channel(true);
    let (quick, router) = gated(opened);
    world.add(router).await;
    for _ in 0..20 {
        world.callee().get("/").send().await.unwrap();
    }
    assert_eq!((slow.get(), quick.get()), (5, 20));
    open.send(true).unwrap();
    futures::future::try_join_all(held).await.unwrap();
}

fn named(name: usize) -> Router {
    Router::new().fallback(any(async move || name.to_string()))
}

async fn calls_of_one_key_stay_at_one_instance(mut world: World) {
    let mut instances: HashMap<String, Instance> = HashMap::new();
    for name in 0..4 {
        instances.insert(name.to_string(), world.add(named(name)).await);
    }
    let ask = async |world: &World, key: usize| {
        let reply = world.callee().get("/").sticky(format!("key-{key}")).send().await.unwrap();
        String::from_utf8(reply.bytes().await.unwrap().to_vec()).unwrap()
    };
    let mut homes = Vec::new();
    for key in 0..30 {
        let home = ask(&world, key).await;
        for _ in 0..4 {
            assert_eq!(ask(&world, key).await, home);
        }
        homes.push(home);
    }
    assert!(homes.iter().collect::<HashSet<_>>().len() > 2, "{homes:?}");

    let gone = homes[0].clone();
    world.remove(&instances[&gone]);
    for (key, home) in homes.iter().enumerate() {
        let now = ask(&world, key).await;
        assert!(if *home == gone { now != gone } else { now == *home }, "only its own keys move");
    }
    world.insert(instances[&gone].clone());
    for (key, home) in homes.iter().enumerate() {
        assert_eq!(ask(&world, key).await, *home);
    }
}
