//! What runs a service in Kubernetes: its account, pods, name, scaling and how many may be missing.

use nexus_kernel::registry::ServiceEntry;
use serde_json::{Value, json};

use super::needs::{Needs, of};
use super::{GATEWAY, TELEMETRY_PORT, cycles, mesh_port};

/// The image's user.
pub(super) const USER: u32 = 10_001;
/// A process has 7 s until nobody sends it anything new, and 20 s for what is under way.
const GRACE_SECONDS: u32 = 40;
const IMAGE: &str = "nexus-cos";

/// All objects of one service but its network policy.
pub(super) fn objects(service: &ServiceEntry, services: &[&ServiceEntry]) -> Vec<Value> {
    let mut objects = vec![account(service), deployment(service), name(service, services)];
    if service.name == GATEWAY {
        objects.push(entrance(service));
    }
    objects.extend([autoscaler(service), budget(service)]);
    objects
}

/// What every object of a service is labelled with.
pub(super) fn labels(service: &str) -> Value {
    json!({
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/part-of": "nexus",
        "app.kubernetes.io/component": "service",
    })
}

/// What finds its pods.
pub(super) fn selector(service: &str) -> Value {
    json!({"app.kubernetes.io/name": service, "app.kubernetes.io/component": "service"})
}

fn metadata(service: &ServiceEntry) -> Value {
    json!({"name": service.name, "labels": labels(&service.name)})
}

fn account(service: &ServiceEntry) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(service),
        "automountServiceAccountToken": false,
    })
}

fn deployment(service: &ServiceEntry) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(service),
        // How many there are is the autoscaler's.
        "spec": {
            "selector": {"matchLabels": selector(&service.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "revisionHistoryLimit": 5,
            "template": {
                "metadata": {
                    "labels": labels(&service.name),
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": TELEMETRY_PORT.to_string(),
                    },
                },
                "spec": pod(service, &of(&service.name)),
            },
        },
    })
}

fn pod(service: &ServiceEntry, needs: &Needs) -> Value {
    let spread = |topology: &str| {
        json!({
            "maxSkew": 1,
            "topologyKey": topology,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(&service.name)},
        })
    };
    let mut container = container(&["run", &service.name], &environment(needs));
    let telemetry = |path: &str| json!({"path": path, "port": "telemetry"});
    container["ports"] = ports(service);
    container["startupProbe"] =
        json!({"httpGet": telemetry("/health/live"), "periodSeconds": 1, "failureThreshold": 120});
    container["livenessProbe"] =
        json!({"httpGet": telemetry("/health/live"), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3});
    container["readinessProbe"] =
        json!({"httpGet": telemetry("/health/ready"), "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2});
    container["resources"] = json!({
        "requests": {"cpu": needs.request.cpu, "memory": needs.request.memory},
        // No limit to the processor: what nobody else needs may be used.
        "limits": {"memory": needs.memory_limit},
    });
    let mut pod = closed_pod(&service.name, &container, needs.work);
    pod["terminationGracePeriodSeconds"] = GRACE_SECONDS.into();
    pod["topologySpreadConstraints"] = json!([spread("topology.kubernetes.io/zone"), spread("kubernetes.io/hostname")]);
    pod
}

fn ports(service: &ServiceEntry) -> Value {
    let port = |name: &str, number: u16| json!({"name": name, "containerPort": number});
    let mut ports = vec![port("mesh", mesh_port(service)), port("telemetry", TELEMETRY_PORT)];
    if service.name == GATEWAY {
        ports.insert(0, port("http", service.port));
    }
    ports.into()
}

/// A pod that may do nothing but run this program ("restricted" of the Pod Security Standards).
fn closed_pod(account: &str, container: &Value, work: &str) -> Value {
    json!({
        "serviceAccountName": account,
        "automountServiceAccountToken": false,
        // A Service's variables would read as settings of ours.
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "nexus-config"}},
            // Certificates from elsewhere, where there are any; else they are made from the mesh's secret.
            {"name": "mesh", "secret": {"secretName": format!("mesh-{account}"), "optional": true}},
            {"name": "postgres", "secret": {
                "secretName": "postgres-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }},
            {"name": "data", "emptyDir": {"sizeLimit": work}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        ],
    })
}

fn container(arguments: &[&str], environment: &[Value]) -> Value {
    json!({
        "name": "nexus",
        "image": IMAGE,
        "args": arguments,
        "env": environment,
        "envFrom": [{"configMapRef": {"name": "nexus-variables"}}],
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/nexus", "readOnly": true},
            {"name": "mesh", "mountPath": "/run/nexus/mesh", "readOnly": true},
            {"name": "postgres", "mountPath": "/run/nexus/postgres", "readOnly": true},
            {"name": "data", "mountPath": "/var/lib/nexus"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    })
}

fn environment(needs: &Needs) -> Vec<Value> {
    let secret = |variable: &str, secret: &str, key: &str, optional: bool| {
        let mut reference = json!({"name": secret, "key": key});
        if optional {
            reference["optional"] = true.into();
        }
        json!({"name": variable, "valueFrom": {"secretKeyRef": reference}})
    };
    let ours = |variable: &str, key: &str, optional: bool| secret(variable, "nexus-secrets", key, optional);
    let value = |variable: &str, value: &str| json!({"name": variable, "value": value});
    let mut environment = vec![
        value("NEXUS_CONFIG", "/etc/nexus/nexus.toml"),
        json!({"name": "POSTGRES_HOST", "valueFrom": {"configMapKeyRef": {"name": "nexus-variables", "key": "POSTGRES_HOST"}}}),
        secret("POSTGRES_USER", "postgres-app", "username", false),
        secret("POSTGRES_PASSWORD", "postgres-app", "password", false),
        value(
            "NEXUS_STORE__POSTGRES",
            "postgres://$(POSTGRES_USER):$(POSTGRES_PASSWORD)@$(POSTGRES_HOST):5432/nexus?sslmode=require",
        ),
        ours("NATS_PASSWORD", "nats-password", false),
        value("NEXUS_BUS__NATS", "nats://nexus:$(NATS_PASSWORD)@nats:4222"),
        ours("REDIS_PASSWORD", "redis-password", false),
        value("NEXUS_CACHE__REDIS", "redis://:$(REDIS_PASSWORD)@redis:6379"),
        // Not needed where each service has a certificate of its own.
        ours("NEXUS_MESH__SECRET", "mesh-secret", true),
    ];
    if needs.blobs {
        environment.push(ours("NEXUS_BLOBS__ACCESS_KEY_ID", "blobs-access-key-id", false));
        environment.push(ours("NEXUS_BLOBS__SECRET_ACCESS_KEY", "blobs-secret-access-key", false));
    }
    if needs.master_key {
        // A file in a pod's folder would go with the pod.
        environment.push(value("NEXUS_KEYS__SEAL", "passphrase"));
        environment.push(ours("NEXUS_KEYS__PASSPHRASE", "keys-passphrase", false));
    }
    if needs.mail {
        environment.push(ours("NEXUS_MAIL__SMTP", "mail-smtp", true));
    }
    environment
}

/// The name under which others find each of its pods: no address of its own, so that the caller chooses the instance.
fn name(service: &ServiceEntry, services: &[&ServiceEntry]) -> Value {
    let mut ports = vec![json!({"name": "mesh", "port": mesh_port(service), "targetPort": "mesh"})];
    if service.name == GATEWAY {
        ports.insert(0, json!({"name": "http", "port": service.port, "targetPort": "http"}));
    }
    let mut spec = json!({"clusterIP": "None", "selector": selector(&service.name), "ports": ports});
    if cycles::is_in_one(service, services) {
        spec["publishNotReadyAddresses"] = true.into();
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(service), "spec": spec})
}

/// The gateway under one address, for whatever stands before it.
fn entrance(service: &ServiceEntry) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gateway", "labels": labels(GATEWAY)},
        "spec": {"selector": selector(GATEWAY), "ports": [{"name": "http", "port": service.port, "targetPort": "http"}]},
    })
}

fn autoscaler(service: &ServiceEntry) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(service),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
            }],
            // Quick to grow, slow to shrink.
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 30}]},
                "scaleDown": {"stabilizationWindowSeconds": 300, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]},
            },
        },
    })
}

fn budget(service: &ServiceEntry) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(service),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(&service.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    })
}

/// Brings every schema up to date before the services of a new version come; each of them would do so by itself, but a
/// migration that fails shall stop the upgrade before anything else changes.
pub(super) fn migration() -> Vec<Value> {
    const NAME: &str = "nexus-migrate";
    let metadata = json!({"name": NAME, "labels": migration_labels()});
    let needs = of(NAME);
    let mut container = container(&["migrate"], &environment(&needs));
    container["resources"] =
        json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": needs.memory_limit}});
    let mut pod = closed_pod(NAME, &container, needs.work);
    pod["restartPolicy"] = "OnFailure".into();
    vec![
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                "backoffLimit": 6,
                "ttlSecondsAfterFinished": 600,
                "template": {"metadata": {"labels": migration_labels()}, "spec": pod},
            },
        }),
    ]
}

/// What finds the migration's pod.
pub(super) fn migration_labels() -> Value {
    json!({
        "app.kubernetes.io/name": "nexus-migrate",
        "app.kubernetes.io/part-of": "nexus",
        "app.kubernetes.io/component": "migration",
    })
}
