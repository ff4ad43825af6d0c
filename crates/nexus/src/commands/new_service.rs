//! `nexus new-service`: the skeleton of a service that services.toml declares, complete enough to compile and answer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use nexus_kernel::registry::{Registry, ServiceEntry};

pub(super) fn run(name: &str, root: &Path) -> anyhow::Result<ExitCode> {
    let Some(entry) = Registry::built_in().service(name) else {
        bail!("services.toml declares no service `{name}`; add it there first, with its port and routes");
    };
    if !root.join("services.toml").is_file() {
        bail!("run this at the root of the repository, where services.toml is");
    }
    let folder = root.join("services").join(&entry.domain).join(name);
    if folder.exists() {
        bail!("{} exists already", folder.display());
    }
    for (file, content) in skeleton(entry) {
        let path = folder.join(file);
        let parent = path.parent().context("every file of the skeleton has a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    let library = name.replace('-', "_");
    super::print(&format!(
        "Made {folder}. What is left:\n\
         1. crates/nexus/Cargo.toml: add `{name} = {{ path = \"../../services/{domain}/{name}\" }}`\n\
         2. crates/nexus/src/compose.rs: add `{library}::service` to SERVICES, once the service does its real job\n\
         3. write its domain in src/<noun>.rs, its queries in src/store.rs, its tests in tests/\n",
        folder = folder.display(),
        domain = entry.domain,
    ))
}

fn skeleton(entry: &ServiceEntry) -> Vec<(&'static str, String)> {
    let route = entry.routes.first().map_or("/api", String::as_str);
    let substitute = |template: &str| {
        template
            .replace("{{name}}", &entry.name)
            .replace("{{library}}", &entry.name.replace('-', "_"))
            .replace("{{purpose}}", &entry.purpose)
            .replace("{{route}}", route)
    };
    vec![
        ("Cargo.toml", substitute(CARGO)),
        ("src/lib.rs", substitute(LIB)),
        ("src/routes.rs", substitute(ROUTES)),
        ("policies.cedar", substitute(POLICIES)),
    ]
}

const CARGO: &str = r#"[package]
name = "{{name}}"
description = "{{purpose}}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
axum.workspace = true
nexus-kernel.workspace = true
serde.workspace = true
utoipa.workspace = true
utoipa-axum.workspace = true
"#;

const LIB: &str = r#"//! {{purpose}}.

mod routes;

use nexus_kernel::Service;

/// The service's definition.
pub fn service() -> Service {
    Service::new("{{name}}").policies(include_str!("../policies.cedar")).routes(routes::router())
}
"#;

const ROUTES: &str = r#"//! HTTP: parse, call the domain, reply.

use axum::Json;
use axum::extract::State;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(about))
}

/// What this service is.
#[derive(Debug, Serialize, ToSchema)]
struct About {
    /// Its purpose, in one line.
    purpose: &'static str,
}

/// Says what this service is.
#[utoipa::path(
    get,
    path = "{{route}}/about",
    operation_id = "{{library}}_about",
    tag = "{{name}}",
    responses((status = 200, body = About))
)]
async fn about(State(context): State<Context>, principal: Principal) -> Result<Json<About>, Problem> {
    context.authorize(&principal, "read", &Resource::all("About", principal.tenant))?;
    Ok(Json(About { purpose: "{{purpose}}" }))
}
"#;

const POLICIES: &str = r#"// Every person of the organisation may read what this service is.
permit (principal in Role::"member", action == Action::"read", resource is About);
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled_for_every_declared_service() {
        for entry in &Registry::built_in().services {
            for (file, content) in skeleton(entry) {
                assert!(!content.contains("{{"), "{}/{file}: {content}", entry.name);
            }
        }
    }
}
