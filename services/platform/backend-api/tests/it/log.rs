//! The access log: a line for each request, and no secret in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use nexus_kernel::Role;
use nexus_testkit::Person;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::started;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn of_access(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == "access").map(|line| line["fields"].clone()).collect()
    }
}

#[tokio::test]
async fn each_request_has_a_line_with_its_route_and_without_its_secrets() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let kit = started(|_| {}).await;
    let token = kit.token(&Person::new(Role::Member));
    let reply =
        kit.get("/api/content/echo?key=hunter2").bearer(&token).header("x-request-id", "r-1").send().await.expect(200);
    let _ = kit.get("/setup?token=hunter2").send().await;
    let _ = kit.get("/api/content/%2e%2e/hunter2").send().await.expect(400);

    let [first, console, refused] = &lines.of_access()[..] else { panic!("{:?}", lines.of_access()) };
    assert_eq!(
        (&first["method"], &first["route"], &first["status"]),
        (&"GET".into(), &"/api/content".into(), &200.into())
    );
    assert_eq!((&first["bytes"], &first["request_id"]), (&reply.body.len().into(), &"r-1".into()));
    assert!(first["ms"].as_f64().unwrap() > 0.0, "{first}");
    assert_eq!(
        (&console["route"], &refused["route"], &refused["status"]),
        (&"console".into(), &"unmatched".into(), &400.into())
    );
    let all = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!all.contains("hunter2") && !all.contains(&token), "{all}");
}
