//! A store in a bucket of S3, or of whatever speaks its protocol.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path as BlobPath;
use object_store::prefix::PrefixStore;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use serde::Deserialize;

use super::http::Connector;
use super::{BlobError, key};
use crate::config::BlobConfig;

/// The scheme of its addresses.
pub(super) const SCHEME: &str = "s3://";
/// How a request that failed is tried again: for at most this long, and this often.
const RETRIES: usize = 6;
const RETRY_LIMIT: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a signed address is good.
const SIGNATURE: Duration = Duration::from_mins(1);
/// How often the list of unfinished uploads is asked for at most; each answer has up to a thousand.
const PAGES: usize = 100;

/// A bucket, for what the store's common interface lacks.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    http: HttpClient,
    prefix: BlobPath,
}

/// A store at `s3://bucket[/prefix]`.
pub(super) fn open(config: &BlobConfig) -> Result<(Arc<dyn ObjectStore>, Bucket), BlobError> {
    let wrong = |reason: String| BlobError::Url { url: config.url.clone(), reason };
    let place = config.url.strip_prefix(SCHEME).unwrap_or_default().trim_end_matches('/');
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        return Err(wrong("expected s3://bucket or s3://bucket/prefix".to_owned()));
    }
    let prefix = if prefix.is_empty() { BlobPath::default() } else { key::parse(prefix)? };
    check_endpoint(&config.endpoint).map_err(wrong)?;
    let connector = Connector::new()?;
    let store = builder(config)
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_retry(RetryConfig {
            backoff: BackoffConfig { init_backoff: FIRST_WAIT, max_backoff: LONGEST_WAIT, base: 2.0 },
            max_retries: RETRIES,
            retry_timeout: RETRY_LIMIT,
        })
        .with_http_connector(connector.clone())
        .build()?;
    let bucket = Bucket { store: Arc::new(store.clone()), http: connector.client(), prefix: prefix.clone() };
    Ok((Arc::new(PrefixStore::new(store, prefix)), bucket))
}

/// With the keys of the configuration, or else with what the machine gives: a role's credentials.
fn builder(config: &BlobConfig) -> AmazonS3Builder {
    let (id, secret) = (config.access_key_id.expose(), config.secret_access_key.expose());
    let builder = match id {
        "" => AmazonS3Builder::from_env(),
        id => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
    };
    match config.endpoint.trim_end_matches('/') {
        "" => builder,
        endpoint => builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://")),
    }
}

/// Plain HTTP is for whoever writes it out.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let speaks = |scheme: &str| endpoint.strip_prefix(scheme).is_some_and(|rest| !rest.trim_matches('/').is_empty());
    if endpoint.is_empty() || speaks("https://") || speaks("http://") {
        Ok(())
    } else {
        Err(format!(
            "blobs.endpoint is `{endpoint}`; expected https://host[:port], or http:// for a network that is trusted"
        ))
    }
}

/// An upload in parts that nobody has finished.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Unfinished {
    key: String,
    upload_id: String,
}

#[derive(Debug, Deserialize)]
struct UnfinishedList {
    #[serde(rename = "Upload", default)]
    uploads: Vec<Unfinished>,
}

impl Bucket {
    /// Ends all uploads in parts below a prefix: what a killed process left has no key, and would be kept for ever.
    pub(super) async fn remove_leftovers(&self, below: &BlobPath) -> Result<(), BlobError> {
        let prefix = self.full(below);
        for _ in 0..PAGES {
            let found = self.unfinished(&prefix).await?;
            if found.is_empty() {
                return Ok(());
            }
            for Unfinished { key, upload_id } in found {
                match self.ask(Method::DELETE, &key::parse(&key)?, &[("uploadId", &upload_id)]).await {
                    Ok(_) | Err(BlobError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Err(BlobError::Answer("it lists uploads again that it has just ended".to_owned()))
    }

    /// How many uploads in parts there are below a prefix.
    #[cfg(test)]
    pub(super) async fn leftovers(&self, below: &BlobPath) -> Result<usize, BlobError> {
        Ok(self.unfinished(&self.full(below)).await?.len())
    }

    fn full(&self, below: &BlobPath) -> String {
        let path: BlobPath = self.prefix.parts().chain(below.parts()).collect();
        format!("{path}/")
    }

    async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>, BlobError> {
        let listed = self.ask(Method::GET, &BlobPath::default(), &[("uploads", ""), ("prefix", prefix)]).await?;
        let found: UnfinishedList = quick_xml::de::from_str(&listed)
            .map_err(|error| BlobError::Answer(format!("the list of unfinished uploads: {error}")))?;
        Ok(found.uploads.into_iter().filter(|upload| upload.key.starts_with(prefix)).collect())
    }

    /// Makes a request that the store's interface does not have; what is answered.
    async fn ask(&self, method: Method, path: &BlobPath, query: &[(&str, &str)]) -> Result<String, BlobError> {
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let url = self.store.signed_url_opts(method.clone(), path, SIGNATURE, &options).await?;
        let failed = |error: &dyn std::fmt::Display| BlobError::Answer(format!("{method} {path}: {error}"));
        let uri: Uri = url.as_str().parse().map_err(|error| failed(&error))?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let reply = self.http.execute(request).await.map_err(|error| failed(&error))?;
        let status = reply.status();
        let text = reply.into_body().bytes().await.map_err(|error| failed(&error))?;
        match status {
            status if status.is_success() => Ok(String::from_utf8_lossy(&text).into_owned()),
            http::StatusCode::NOT_FOUND => Err(BlobError::NotFound(path.to_string())),
            status => Err(failed(&status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(url: &str, endpoint: &str) -> Result<(), BlobError> {
        let config = BlobConfig {
            url: url.to_owned(),
            endpoint: endpoint.to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "id".into(),
            secret_access_key: "secret".into(),
        };
        open(&config).map(drop)
    }

    #[test]
    fn a_bucket_has_a_name_and_an_endpoint_a_scheme() {
        assert!(opened("s3://films", "").is_ok());
        assert!(opened("s3://films/staging/eu/", "http://127.0.0.1:9000").is_ok());
        assert!(matches!(opened("s3://", ""), Err(BlobError::Url { .. })));
        assert!(matches!(opened("s3://films/a/../b", ""), Err(BlobError::InvalidKey(_))));
        for endpoint in ["minio:9000", "ftp://minio", "http://", "https:///"] {
            assert!(matches!(opened("s3://films", endpoint), Err(BlobError::Url { .. })), "{endpoint}");
        }
    }

    #[test]
    fn the_list_of_unfinished_uploads_is_read() {
        let xml = r#"<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Bucket>b</Bucket><Upload><Key>a/b</Key><UploadId>1</UploadId><Owner><ID>x</ID></Owner></Upload>
            <Upload><Key>a/c</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>"#;
        let list: UnfinishedList = quick_xml::de::from_str(xml).unwrap();
        assert_eq!(list.uploads.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["a/b", "a/c"]);
        let none: UnfinishedList =
            quick_xml::de::from_str("<ListMultipartUploadsResult><Bucket>b</Bucket></ListMultipartUploadsResult>")
                .unwrap();
        assert!(none.uploads.is_empty());
    }
}
