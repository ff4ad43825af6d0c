//! The commands that speak to a gateway under TLS: they believe its certificate because the configuration names it, or because
//! of an authority that they are told of, and no other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::program::{Running, nexus, nexus_with, stderr, stdout};

/// A certificate for this machine from an authority that nobody knows, in files.
pub(crate) struct Certificate {
    authority: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
}

impl Certificate {
    /// Makes an authority and lets it issue.
    pub(crate) fn issue(folder: &Path, name: &str) -> Self {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let write = |kind: &str, label: &str, der: &[u8]| {
            let path = folder.join(format!("{name}-{kind}.pem"));
            std::fs::write(&path, pem(label, der)).unwrap();
            path
        };
        Self {
            authority: write("authority", "CERTIFICATE", authority_certificate.der()),
            chain: write("chain", "CERTIFICATE", certificate.der()),
            key: write("key", "PRIVATE KEY", &key.serialize_der()),
        }
    }

    /// What makes the gateway show it.
    pub(crate) fn settings(&self) -> String {
        format!("[gateway.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", self.chain.display(), self.key.display())
    }
}

/// The demo of a system whose gateway shows this certificate: its port, its e-mail address, its password.
fn demo(running: &mut Running) -> (String, String, String) {
    let line = running.wait_for("Demo: sign in as", Duration::from_mins(1));
    let (email, rest) = line.split_once("as ").unwrap().1.split_once(" with the password ").unwrap();
    let password = rest.split(' ').next().unwrap().to_owned();
    (running.address().rsplit(':').next().unwrap().to_owned(), email.to_owned(), password)
}

fn speaks_to_its_gateway(arguments: &[&str]) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let certificate = Certificate::issue(folder.path(), "gateway");
    std::fs::write(folder.path().join("nexus.toml"), certificate.settings()).unwrap();
    let mut running = Running::up(folder.path(), arguments);
    let (port, email, password) = demo(&mut running);
    let end = running.wait_for("The demo", Duration::from_mins(8));
    assert!(end.contains("is complete: 3 clips"), "{end}");
    let listen = ["--listen", &format!("127.0.0.1:{port}")];
    for probe in [["probe"].as_slice(), &["probe", "--live"]] {
        let probed = nexus(folder.path(), &[probe, &listen].concat());
        assert!(probed.status.success(), "{probe:?}: {}", stderr(&probed));
    }

    let url = format!("https://localhost:{port}");
    let token = |arguments: &[&str]| {
        let arguments = [&["token", "--email", &email], arguments].concat();
        nexus_with(folder.path(), &arguments, &[("NEXUS_PASSWORD", &password)], "")
    };
    let authority = certificate.authority.to_str().unwrap();
    for good in [listen.as_slice(), &["--url", &url, "--ca", authority]] {
        let output = token(good);
        assert!(output.status.success(), "{good:?}: {}", stderr(&output));
        assert_eq!(stdout(&output).trim().split('.').count(), 3);
    }
    let unknown = token(&["--url", &url]);
    assert!(unknown.status.code() == Some(1) && stderr(&unknown).contains("--ca"), "{}", stderr(&unknown));
    let other_name = token(&["--url", &format!("https://127.0.0.1:{port}"), "--ca", authority]);
    assert_eq!(other_name.status.code(), Some(1), "the certificate is for localhost");

    // Another server has taken the port: it can't show what this configuration names.
    let other = Certificate::issue(folder.path(), "other");
    std::fs::write(folder.path().join("nexus.toml"), other.settings()).unwrap();
    for refused in [nexus(folder.path(), &[&["probe"], listen.as_slice()].concat()), token(&listen)] {
        assert!(refused.status.code() == Some(1), "{}", stdout(&refused));
        assert!(stderr(&refused).contains("does not show the certificate of"), "{}", stderr(&refused));
    }
    assert_eq!(running.stop().code, Some(0));
}

#[test]
fn under_tls_the_demo_is_made_and_probe_and_token_believe_the_configured_certificate_alone() {
    speaks_to_its_gateway(&["--demo"]);
}

#[test]
fn the_same_where_each_service_is_a_process_of_its_own() {
    speaks_to_its_gateway(&["--demo", "--isolate"]);
}
