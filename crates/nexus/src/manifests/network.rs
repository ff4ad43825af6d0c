//! Who may speak to whom. Nobody may, and then each pair that `services.toml` names.

use nexus_kernel::registry::ServiceEntry;
use serde_json::{Value, json};

use super::needs::of;
use super::workload::{labels, migration_labels, selector};
use super::{GATEWAY, TELEMETRY_PORT, calls, mesh_port};

const NAME: &str = "app.kubernetes.io/name";
/// The namespace of whoever collects metrics and traces.
const MONITORING: &str = "monitoring";

/// Nothing goes in or out that no other policy lets through; names may be looked up by everybody.
pub(super) fn defaults() -> Vec<Value> {
    let rule = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
    let names = json!({
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{
            "to": [{
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }],
            "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
        }],
    });
    let migration = json!({
        "podSelector": {"matchLabels": migration_labels()},
        "policyTypes": ["Egress"],
        "egress": servers(),
    });
    vec![
        policy("default-deny", &json!({"app.kubernetes.io/part-of": "nexus"}), &rule),
        policy("names", &json!({"app.kubernetes.io/part-of": "nexus"}), &names),
        policy("nexus-migrate", &migration_labels(), &migration),
    ]
}

/// What one service may hear and call.
pub(super) fn of_service(service: &ServiceEntry, services: &[&ServiceEntry]) -> Value {
    let spec = json!({
        "podSelector": {"matchLabels": selector(&service.name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress(service, services),
        "egress": egress(service, services),
    });
    policy(&service.name, &labels(&service.name), &spec)
}

fn policy(name: &str, labels: &Value, spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    })
}

fn ingress(service: &ServiceEntry, services: &[&ServiceEntry]) -> Value {
    let callers: Vec<_> =
        services.iter().filter(|other| calls(other, service)).map(|caller| pods(&caller.name)).collect();
    let mut rules = vec![json!({"from": [in_namespace(MONITORING)], "ports": [tcp(TELEMETRY_PORT)]})];
    if !callers.is_empty() {
        rules.insert(0, json!({"from": callers, "ports": [tcp(mesh_port(service))]}));
    }
    if service.name == GATEWAY {
        rules.insert(0, json!({"from": [edge()], "ports": [tcp(service.port)]}));
    }
    rules.into()
}

fn egress(service: &ServiceEntry, services: &[&ServiceEntry]) -> Value {
    let called = services.iter().filter(|other| calls(service, other));
    let mut rules: Vec<_> =
        called.map(|other| json!({"to": [pods(&other.name)], "ports": [tcp(mesh_port(other))]})).collect();
    rules.extend(servers());
    rules.push(json!({"to": [in_namespace(MONITORING)], "ports": [tcp(4318)]}));
    let needs = of(&service.name);
    if needs.blobs {
        rules.push(json!({"to": [outside()], "ports": [tcp(443)]}));
    }
    if needs.mail {
        rules.push(json!({"to": [outside()], "ports": [tcp(465), tcp(587)]}));
    }
    rules.into()
}

/// PostgreSQL, by the label that its operator gives; NATS and Redis.
fn servers() -> Vec<Value> {
    let pod = |label: &str, value: &str| json!({"podSelector": {"matchLabels": {label: value}}});
    vec![
        json!({"to": [pod("cnpg.io/cluster", "postgres")], "ports": [tcp(5432)]}),
        json!({"to": [pod(NAME, "nats")], "ports": [tcp(4222)]}),
        json!({"to": [pod(NAME, "redis")], "ports": [tcp(6379)]}),
    ]
}

fn pods(service: &str) -> Value {
    json!({"podSelector": {"matchLabels": selector(service)}})
}

fn edge() -> Value {
    json!({"podSelector": {"matchLabels": {NAME: "edge"}}})
}

fn in_namespace(name: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})
}

/// Where the file store and the mail server are; not the cluster, and not the address that gives machines their identity.
fn outside() -> Value {
    json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}})
}

fn tcp(port: u16) -> Value {
    json!({"protocol": "TCP", "port": port})
}
