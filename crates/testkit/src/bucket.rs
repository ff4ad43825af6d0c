//! A bucket for one test.

use nexus_kernel::config::{BlobConfig, Config};
use uuid::Uuid;

/// The server and the bucket that tests use when `NEXUS_TEST_S3` is not set.
const STANDARD: &str = "http://127.0.0.1:59000/nexus-test";

/// A place of the test's own in a bucket of the S3 server that `NEXUS_TEST_S3` names; what it is in there is forgotten when
/// that server stops.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Where the S3 API is.
    pub endpoint: String,
    /// The place: `s3://bucket/prefix`.
    pub url: String,
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

impl Bucket {
    /// A new, empty place.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn of_this_test() -> Self {
        let server = std::env::var("NEXUS_TEST_S3").unwrap_or_else(|_| STANDARD.to_owned());
        let (endpoint, bucket) = server.rsplit_once('/').expect("NEXUS_TEST_S3 ends with /<bucket>");
        let address = endpoint.strip_prefix("http://").expect("NEXUS_TEST_S3 begins with http://");
        let reached = tokio::net::TcpStream::connect(address).await;
        reached.expect("an S3 server answers at NEXUS_TEST_S3; `scripts/test-services.sh start` starts one");
        Self {
            endpoint: endpoint.to_owned(),
            url: format!("s3://{bucket}/{}", Uuid::now_v7()),
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
        }
    }

    /// The configuration of a cloud whose blobs are kept here.
    pub fn blobs(self) -> BlobConfig {
        BlobConfig {
            url: self.url,
            endpoint: self.endpoint,
            access_key_id: self.access_key_id.as_str().into(),
            secret_access_key: self.secret_access_key.as_str().into(),
            ..Config::default().blobs
        }
    }
}
