//! A client of a running system, through the same door as every other client.

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use nexus_kernel::config::Secret;
use nexus_kernel::problem::ProblemDetails;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest reply, in bytes.
const MAX_REPLY: usize = 8 << 20;

/// A running system.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Api {
    /// The system at this address.
    pub(crate) fn at(url: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().with_context(|| format!("`{url}` is no address; expected http://host:port"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            bail!("`{url}` can't be called from here: give the gateway's own address, as http://127.0.0.1:3000");
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, base: base.to_owned() })
    }

    /// A request to it.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let inner = Request::builder().method(method).uri(format!("{}{path}", self.base));
        Call { api: self, inner, body: Bytes::new() }
    }
}

/// A request in the making.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    api: &'a Api,
    inner: http::request::Builder,
    body: Bytes,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &Secret) -> Self {
        self.header("authorization", &format!("Bearer {}", token.expose()))
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> anyhow::Result<Self> {
        self.body = serde_json::to_vec(body)?.into();
        Ok(self.header("content-type", "application/json"))
    }

    pub(crate) fn bytes(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Sends it; a reply that tells of a problem is an error with what the problem says.
    pub(crate) async fn send(self) -> anyhow::Result<Reply> {
        let reply = self.exchange().await?;
        if reply.status.is_client_error() || reply.status.is_server_error() {
            return Err(reply.problem());
        }
        Ok(reply)
    }

    /// Sends it; every status is a reply.
    pub(crate) async fn exchange(self) -> anyhow::Result<Reply> {
        let request = self.inner.body(Full::new(self.body)).context("the request")?;
        let base = &self.api.base;
        let unreachable = || format!("nothing answers at {base}; start the system with `nexus up`, or name another with --url");
        let response = self.api.client.request(request).await.with_context(unreachable)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_REPLY).collect().await.map_err(|error| anyhow!("the reply broke off: {error}"))?;
        Ok(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}

impl Reply {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the reply is not what this version of nexus expects")
    }

    /// What a refusal says.
    pub(crate) fn problem(&self) -> anyhow::Error {
        match serde_json::from_slice::<ProblemDetails>(&self.body) {
            Ok(problem) if problem.detail.is_empty() => anyhow!("{} ({})", problem.title, problem.code),
            Ok(problem) => anyhow!("{} ({})", problem.detail, problem.code),
            Err(_) => anyhow!("the answer was {}", self.status),
        }
    }
}
