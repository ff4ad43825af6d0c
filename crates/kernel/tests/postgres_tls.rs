//! The way to PostgreSQL, encrypted: a server of the test's own that shows a certificate of an authority of the test's own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::Clock;
use nexus_kernel::config::Config;
use nexus_kernel::runtime::store_of;
use nexus_kernel::store::{Store, StoreError};
use nexus_testkit::eventually;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A server with `ssl=on`, whose certificate is for `localhost` only.
struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Server {
    fn start() -> Self {
        // PostgreSQL refuses to run as root, and its user can't read root's folders.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        certify(folder.path(), &data);
        give_to_postgres(folder.path());
        let pgdata = data.join("cluster");
        let rules = ["-U", "postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "-D"];
        let made = as_postgres("initdb").args(rules).arg(&pgdata).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let setting = |name: &str, value: &Path| format!("{name}={}", value.display());
        let process = as_postgres("postgres")
            .arg("-D")
            .arg(&pgdata)
            .args(["-p", &port.to_string(), "-c", "ssl=on", "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &setting("ssl_cert_file", &data.join("server.pem"))])
            .args(["-c", &setting("ssl_key_file", &data.join("server.key"))])
            .args(["-c", &setting("unix_socket_directories", &data), "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, port, process }
    }

    /// A store on it, as a configuration names it.
    async fn store(&self, host: &str, mode: &str, authorities: &str) -> Result<Store, StoreError> {
        let mut config = Config::default();
        config.store.postgres = format!("postgres://postgres@{host}:{}/postgres?{mode}", self.port).as_str().into();
        if !authorities.is_empty() {
            config.store.ca = self.folder.path().join(authorities);
        }
        Store::open(store_of(&config, "test"), "test", Clock::system()).await
    }

    async fn encryption(&self, host: &str, mode: &str, authorities: &str) -> Result<Option<String>, StoreError> {
        self.store(host, mode, authorities).await?.encryption().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server ends its own processes; `runuser` hands the signal on.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

fn as_postgres(name: &str) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program(name));
        command
    } else {
        Command::new(program(name))
    };
    command.current_dir("/");
    command
}

fn give_to_postgres(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        let given = Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder.join("data")).status().unwrap();
        assert!(given.success());
    }
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Two authorities, and the server's certificate by the first.
fn certify(folder: &Path, data: &Path) {
    let [authority, _] = ["ca.pem", "other.pem"].map(|file| {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join(file), pem("CERTIFICATE", issuer.der())).unwrap();
        issuer
    });
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    std::fs::write(data.join("server.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    let file = data.join("server.key");
    std::fs::write(&file, pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_says_whether_the_way_is_encrypted_and_whom_to_believe() {
    let server = Server::start();
    eventually("PostgreSQL to answer", async || server.encryption("localhost", "sslmode=disable", "").await.ok()).await;
    assert_eq!(server.encryption("localhost", "sslmode=disable", "").await, Ok(None));
    for (host, mode, authorities) in [
        ("localhost", "", ""),
        ("localhost", "sslmode=prefer", ""),
        ("127.0.0.1", "sslmode=require", ""),
        ("localhost", "sslmode=require", "ca.pem"),
        ("localhost", "sslmode=verify-full", "ca.pem"),
    ] {
        let encryption = server.encryption(host, mode, authorities).await;
        assert_eq!(encryption, Ok(Some("TLSv1.3".to_owned())), "{host} {mode} {authorities}");
    }
    for (host, mode, authorities) in [
        // Not the server's name, not its authority, none that the system knows.
        ("127.0.0.1", "sslmode=verify-full", "ca.pem"),
        ("localhost", "sslmode=verify-full", "other.pem"),
        ("localhost", "sslmode=require", "other.pem"),
        ("localhost", "sslmode=verify-full", ""),
    ] {
        let refused = server.encryption(host, mode, authorities).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{host} {mode} {authorities}: {refused:?}");
    }
    let missing = server.store("localhost", "sslmode=verify-full", "missing.pem").await;
    assert!(matches!(missing, Err(StoreError::Config(_))));
    // A whole store works over it.
    let store = server.store("localhost", "sslmode=verify-full", "ca.pem").await.unwrap();
    store.migrate(&[]).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
}
