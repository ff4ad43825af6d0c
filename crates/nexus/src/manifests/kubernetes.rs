//! The files of `deploy/kubernetes` that are made: the base, and the certificates of the services.

use std::path::{Path, PathBuf};

use nexus_kernel::registry::ServiceEntry;
use serde_json::{Value, json};

use super::{Files, certificates, network, workload, yaml};

/// Where the settings of a cluster are kept; the overlays change `nexus-variables`.
const SETTINGS: &str = r#"# What is the same for all services of a cluster. What differs from place to place is in the ConfigMap `nexus-variables`,
# and what nobody may read is in Secrets.
data = "/var/lib/nexus"
listen = "0.0.0.0:3000"

[store]
# Each service opens so many connections from each of its pods.
pool = 4
ca = "/run/nexus/postgres/ca.crt"

[mesh]
bind = "0.0.0.0"
discovery = "dns"
dns_suffix = ".nexus.svc.cluster.local"

[gateway]
# The network policy lets nobody speak to it but the edge, which has an address of one of these networks.
trusted_proxies = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]

[telemetry]
format = "json"
listen = "0.0.0.0:9464"
"#;

/// The files for these services.
pub(super) fn files(services: &[&ServiceEntry]) -> anyhow::Result<Files> {
    let base = Path::new("kubernetes/base");
    let mut files = Files::new();
    files.insert(base.join("namespace.yaml"), yaml(&[namespace()])?);
    files.insert(base.join("network.yaml"), yaml(&network::defaults())?);
    files.insert(base.join("migration.yaml"), yaml(&workload::migration())?);
    files.insert(base.join("nexus.toml"), format!("{}{SETTINGS}", super::HEADER));
    for service in services {
        let mut objects = workload::objects(service, services);
        objects.push(network::of_service(service, services));
        files.insert(base.join(format!("{}.yaml", service.name)), yaml(&objects)?);
    }
    let resources: Vec<_> = files.keys().filter_map(|path| yaml_name(path)).collect();
    let list = kustomization(&resources);
    files.insert(base.join("kustomization.yaml"), yaml(&[list])?);
    let certificates = yaml(&certificates::objects(services))?;
    files.insert(PathBuf::from("kubernetes/components/mesh-certificates/certificates.yaml"), certificates);
    Ok(files)
}

fn yaml_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Path::new(name).extension().is_some_and(|kind| kind == "yaml").then(|| name.to_owned())
}

/// Its pods must be such that a broken one harms nobody.
fn namespace() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "nexus",
            "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/audit": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    })
}

fn kustomization(resources: &[String]) -> Value {
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "nexus",
        "resources": resources,
        // A change of either gives it another name, and so brings the pods up anew.
        "configMapGenerator": [
            {"name": "nexus-config", "files": ["nexus.toml"]},
            {"name": "nexus-variables", "literals": ["NEXUS_TELEMETRY__FILTER=info", "POSTGRES_HOST=postgres-rw"]},
        ],
        "images": [{"name": "nexus-cos", "newTag": env!("CARGO_PKG_VERSION")}],
    })
}
