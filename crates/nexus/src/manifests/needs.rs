//! What a service needs of its surroundings beyond what all need: files, mail, processor and memory.

/// The needs of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// It reads or writes blobs.
    pub(super) blobs: bool,
    /// It sends e-mail.
    pub(super) mail: bool,
    /// It keeps the key that opens all others.
    pub(super) master_key: bool,
    /// What is set aside for it.
    pub(super) request: Share,
    /// The most memory that it may take.
    pub(super) memory_limit: &'static str,
    /// The most that it may keep in its folder for work.
    pub(super) work: &'static str,
}

/// A part of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) cpu: &'static str,
    pub(super) memory: &'static str,
}

/// What a service that holds no files needs. Each of them, alone in a process on PostgreSQL, NATS and Redis and asked some, had
/// 9 to 10 MB of its own (`RssAnon`), and 58 MB of the program's file in a debug build, which is larger than a release
/// (docs/operations/scale.md says how to measure it again).
const USUAL: Needs = Needs {
    blobs: false,
    mail: false,
    master_key: false,
    request: Share { cpu: "50m", memory: "64Mi" },
    memory_limit: "256Mi",
    work: "256Mi",
};

/// The needs of the service of this name.
pub(super) fn of(service: &str) -> Needs {
    match service {
        // Everything goes through it.
        "backend-api" => Needs { request: Share { cpu: "200m", memory: "96Mi" }, memory_limit: "512Mi", ..USUAL },
        // Each password that is tried takes 19 MiB for a moment (Argon2id).
        "user-auth" => {
            Needs { mail: true, request: Share { cpu: "100m", memory: "96Mi" }, memory_limit: "512Mi", ..USUAL }
        }
        // Making the master key of the passphrase takes 64 MiB for a moment (Argon2id).
        "key-service" => Needs { master_key: true, ..USUAL },
        "puabo-dsp-upload-mgr" => Needs { blobs: true, work: "20Gi", ..USUAL },
        "streaming-service-v2" => {
            Needs { blobs: true, request: Share { cpu: "100m", memory: "64Mi" }, memory_limit: "512Mi", ..USUAL }
        }
        // ffmpeg runs in it: one transcode of 1080p takes some 500 MB.
        "streamcore" => Needs {
            blobs: true,
            request: Share { cpu: "500m", memory: "512Mi" },
            memory_limit: "2Gi",
            work: "50Gi",
            ..USUAL
        },
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nexus_kernel::registry::Registry;

    use super::*;
    use crate::compose;

    fn source(folder: &Path) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                text.push_str(&source(&path));
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
            }
        }
        text
    }

    #[test]
    fn who_uses_files_sends_mail_or_keeps_keys_is_given_the_means_and_nobody_else() {
        for name in compose::names() {
            let domain = &Registry::built_in().service(name).unwrap().domain;
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services");
            let text = source(&root.join(domain).join(name).join("src"));
            assert_eq!(text.contains(".blobs"), of(name).blobs, "{name} and blobs");
            assert_eq!(text.contains("config.mail"), of(name).mail, "{name} and mail");
            assert_eq!(text.contains("config.keys"), of(name).master_key, "{name} and the master key");
        }
    }
}
