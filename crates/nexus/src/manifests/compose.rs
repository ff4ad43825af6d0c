//! The files of `deploy/compose`: the whole system in one container, and one container a service; each with its servers.

use std::path::PathBuf;

use nexus_kernel::registry::ServiceEntry;
use serde_json::{Map, Value, json};

use super::needs::of;
use super::{Files, GATEWAY, yaml};

/// The file for the whole system as one container.
const WHOLE: &str = "compose/compose.yaml";
/// The file for one container a service.
const SEPARATE: &str = "compose/services.yaml";

/// Both files.
pub(super) fn files(services: &[&ServiceEntry]) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let whole = [("nexus".to_owned(), program(&["up"], &[], true))];
    files.insert(PathBuf::from(WHOLE), yaml(&[document("nexus", whole.into_iter().collect())])?);
    let separate = services.iter().map(|service| (service.name.clone(), separate(service))).collect();
    files.insert(PathBuf::from(SEPARATE), yaml(&[document(GATEWAY, separate)])?);
    Ok(files)
}

/// A system whose door is the container of this name.
fn document(door: &str, mut containers: Map<String, Value>) -> Value {
    containers[door]["networks"] = json!({"inside": {"aliases": ["gateway"]}, "outside": {}});
    containers.insert("postgres".to_owned(), postgres());
    containers.insert("redis".to_owned(), redis());
    containers.insert("nats".to_owned(), nats());
    containers.insert("nginx".to_owned(), nginx(door));
    let mut volumes = json!({"postgres": {}, "nats": {}, "blobs": {}});
    if door == "nexus" {
        volumes["data"] = json!({});
    }
    json!({
        "name": "nexus-cos",
        "services": containers,
        "networks": {
            // The gateway believes whom a request comes from when something in here says so: nginx.
            "inside": {"internal": true, "ipam": {"config": [{"subnet": "${NEXUS_SUBNET:-172.30.86.0/24}"}]}},
            "outside": {},
        },
        "volumes": volumes,
    })
}

fn separate(service: &ServiceEntry) -> Value {
    let mut variables = vec![
        ("NEXUS_MESH__SECRET", "${NEXUS_MESH_SECRET:?run ./make-env.sh first}"),
        ("NEXUS_MESH__BIND", "0.0.0.0"),
        ("NEXUS_STORE__POOL", "4"),
    ];
    if of(&service.name).master_key {
        // A file in a container's folder would go with the container.
        variables.push(("NEXUS_KEYS__SEAL", "passphrase"));
        variables.push(("NEXUS_KEYS__PASSPHRASE", "${NEXUS_KEYS_PASSPHRASE:?add it to .env, as make-env.sh does}"));
    }
    let mut container = program(&["run", &service.name], &variables, of(&service.name).blobs);
    container["tmpfs"] = json!(["/tmp", "/var/lib/nexus:uid=10001,gid=10001,mode=0700"]);
    container["volumes"] = if of(&service.name).blobs { json!(["blobs:/var/lib/nexus-blobs"]) } else { json!([]) };
    container
}

/// A container with the program.
fn program(arguments: &[&str], more: &[(&str, &str)], blobs: bool) -> Value {
    let mut environment = json!({
        "NEXUS_PUBLIC_URL": "${NEXUS_PUBLIC_URL:?run ./make-env.sh first}",
        "NEXUS_STORE__POSTGRES": "postgres://nexus:${POSTGRES_PASSWORD:?run ./make-env.sh first}@postgres:5432/nexus?sslmode=disable",
        "NEXUS_BUS__NATS": "nats://nexus:${NATS_PASSWORD:?run ./make-env.sh first}@nats:4222",
        "NEXUS_CACHE__REDIS": "redis://:${REDIS_PASSWORD:?run ./make-env.sh first}@redis:6379",
        "NEXUS_GATEWAY__TRUSTED_PROXIES": "[${NEXUS_SUBNET:-172.30.86.0/24}]",
        "NEXUS_MAIL__SMTP": "${NEXUS_MAIL_SMTP:-}",
        "NEXUS_TELEMETRY__FORMAT": "json",
    });
    for (name, value) in more {
        environment[*name] = (*value).into();
    }
    if blobs {
        environment["NEXUS_BLOBS__URL"] = "file:///var/lib/nexus-blobs".into();
    }
    let healthy = json!({"condition": "service_healthy"});
    json!({
        "image": "nexus-cos:${NEXUS_VERSION:-latest}",
        "build": {"context": "../..", "dockerfile": "deploy/docker/Dockerfile"},
        "command": arguments,
        "environment": environment,
        "read_only": true,
        "tmpfs": ["/tmp"],
        "volumes": ["data:/var/lib/nexus", "blobs:/var/lib/nexus-blobs"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "networks": ["inside", "outside"],
        "restart": "unless-stopped",
        "stop_grace_period": "40s",
        "depends_on": {"postgres": healthy, "redis": healthy, "nats": healthy},
        "healthcheck": {"test": ["CMD", "nexus", "probe"], "interval": "10s", "timeout": "5s", "start_period": "60s", "start_interval": "1s"},
    })
}

fn postgres() -> Value {
    json!({
        "image": "postgres:17-alpine",
        "environment": {
            "POSTGRES_USER": "nexus",
            "POSTGRES_DB": "nexus",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?run ./make-env.sh first}",
        },
        "command": ["postgres", "-c", "max_connections=300"],
        "volumes": ["postgres:/var/lib/postgresql/data"],
        "networks": ["inside"],
        "restart": "unless-stopped",
        "shm_size": "256mb",
        "healthcheck": {"test": ["CMD", "pg_isready", "-U", "nexus", "-d", "nexus"], "interval": "5s", "timeout": "5s", "retries": 10},
    })
}

/// It may forget everything at any time, so it keeps nothing.
fn redis() -> Value {
    json!({
        "image": "redis:7-alpine",
        "environment": {"REDISCLI_AUTH": "${REDIS_PASSWORD:?run ./make-env.sh first}"},
        "command": [
            "sh", "-c",
            "exec redis-server --save '' --appendonly no --maxmemory 256mb --maxmemory-policy allkeys-lru --requirepass \"$$REDISCLI_AUTH\"",
        ],
        "read_only": true,
        "tmpfs": ["/data"],
        "networks": ["inside"],
        "restart": "unless-stopped",
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "5s", "timeout": "5s", "retries": 10},
    })
}

fn nats() -> Value {
    json!({
        "image": "nats:2.12-alpine",
        "environment": {"NATS_PASSWORD": "${NATS_PASSWORD:?run ./make-env.sh first}"},
        "command": ["--config", "/etc/nats/nats.conf"],
        "read_only": true,
        "tmpfs": ["/tmp"],
        "volumes": ["./nats.conf:/etc/nats/nats.conf:ro", "nats:/data"],
        "networks": ["inside"],
        "restart": "unless-stopped",
        "healthcheck": {"test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8222/healthz"], "interval": "5s", "timeout": "5s", "retries": 10},
    })
}

fn nginx(door: &str) -> Value {
    json!({
        "image": "nginxinc/nginx-unprivileged:1.28-alpine",
        "command": ["nginx", "-c", "/etc/nexus-nginx/nginx.conf", "-g", "daemon off;"],
        "read_only": true,
        "tmpfs": ["/tmp", "/var/cache/nginx:uid=101,gid=101"],
        "volumes": [
            "../nginx/nginx.conf:/etc/nexus-nginx/nginx.conf:ro",
            "../nginx/nexus:/etc/nexus-nginx/nexus:ro",
            "../nginx/place-container:/etc/nexus-nginx/place:ro",
            "./tls:/etc/nexus-nginx/tls:ro",
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ports": ["${NEXUS_HTTP_PORT:-80}:8080", "${NEXUS_HTTPS_PORT:-443}:8443"],
        "networks": ["inside", "outside"],
        "restart": "unless-stopped",
        // Comes again with the gateway, whose address it asks for once.
        "depends_on": {door: {"condition": "service_healthy", "restart": true}},
        "healthcheck": {"test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/"], "interval": "10s", "timeout": "5s", "retries": 3},
    })
}
