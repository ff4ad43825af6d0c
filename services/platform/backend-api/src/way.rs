//! Where a request goes, told by its path alone.

use nexus_kernel::registry::{Access, Registry, ServiceEntry};

use crate::path;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a service, because of this prefix.
    Service { entry: &'static ServiceEntry, prefix: &'static str },
    /// To the gateway's own routes, for people who are signed in.
    System,
    /// To what every service answers about itself.
    Health,
    /// To the figures of all services, for the machine's own network.
    Metrics,
    /// To the API's document and its page.
    Documents,
    /// To the console.
    Console,
    /// Nowhere: it looks like a part of the API, and nothing answers there.
    Nothing,
    /// Nowhere, because the path is not taken.
    Refused(&'static str),
}

impl Way {
    pub(crate) fn of(request_path: &str) -> Self {
        if let Some(why) = path::objection(request_path) {
            return Self::Refused(why);
        }
        if let Some((prefix, entry)) = Registry::built_in().route_with_prefix(request_path) {
            return Self::Service { entry, prefix };
        }
        match request_path {
            "/health" | "/health/live" | "/health/ready" => Self::Health,
            "/metrics" => Self::Metrics,
            "/openapi.json" => Self::Documents,
            _ => Self::by_first_segments(request_path),
        }
    }

    fn by_first_segments(request_path: &str) -> Self {
        let mut segments = request_path.split('/').skip(1);
        match (segments.next(), segments.next()) {
            (Some("api"), Some("system")) => Self::System,
            (Some("api-docs"), _) => Self::Documents,
            (Some("api" | "internal" | ".well-known"), _) => Self::Nothing,
            _ => Self::Console,
        }
    }

    /// Who may go there.
    pub(crate) fn access(&self) -> Access {
        match self {
            Self::Service { entry, .. } => entry.access,
            Self::System => Access::Required,
            _ => Access::Public,
        }
    }

    /// What stands for the path in logs and figures.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Service { prefix, .. } => prefix,
            Self::System => "/api/system",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::Documents => "/api-docs",
            Self::Console => "console",
            Self::Nothing | Self::Refused(_) => "unmatched",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_way() {
        for (path, label) in [
            ("/api/content/1", "/api/content"),
            ("/api/auth/verify", "/api/auth/verify"),
            ("/api/auth/login", "/api/auth"),
            ("/api/system/services", "/api/system"),
            ("/health/ready", "/health"),
            ("/metrics", "/metrics"),
            ("/api-docs", "/api-docs"),
            ("/openapi.json", "/api-docs"),
            ("/", "console"),
            ("/setup", "console"),
            ("/apiary", "console"),
            ("/api", "unmatched"),
            ("/api/no-such-thing", "unmatched"),
            ("/internal/stats", "unmatched"),
            ("/.well-known/none", "unmatched"),
            ("/api/content/../../internal/stats", "unmatched"),
        ] {
            assert_eq!(Way::of(path).label(), label, "{path}");
        }
    }
}
