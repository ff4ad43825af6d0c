//! A certificate for each service from an authority of the cluster (cert-manager), in place of those that are made from the
//! mesh's secret: a service that is broken into can then speak for nobody else.

use nexus_kernel::registry::ServiceEntry;
use serde_json::{Value, json};

use super::workload::labels;

/// Who signs them.
const ISSUER: &str = "mesh";

/// The certificates of these services. What names they carry is what crates/kernel/src/mesh/tls asks for.
pub(super) fn objects(services: &[&ServiceEntry]) -> Vec<Value> {
    services.iter().map(|service| certificate(&service.name)).collect()
}

fn certificate(service: &str) -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": format!("mesh-{service}"), "labels": labels(service)},
        "spec": {
            "secretName": format!("mesh-{service}"),
            "dnsNames": [format!("{service}.nexus.internal")],
            "uris": [format!("spiffe://nexus/{service}")],
            "duration": "24h0m0s",
            "renewBefore": "16h0m0s",
            "usages": ["digital signature", "server auth", "client auth"],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "encoding": "PKCS8", "rotationPolicy": "Always"},
            "issuerRef": {"name": ISSUER, "kind": "Issuer", "group": "cert-manager.io"},
        },
    })
}
