//! A client of a running system, through the same door as every other client.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nexus_kernel::config::{Config, Secret};
use nexus_kernel::problem::ProblemDetails;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connect::{self, Security, Trust};
use crate::sign_in::near;

/// The largest reply, in bytes.
const MAX_REPLY: usize = 8 << 20;

/// A running system.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    base: Uri,
    security: Security,
}

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Api {
    /// The system of this configuration, as this machine itself reaches the gateway that listens there.
    pub(crate) fn own(config: &Config, listen: SocketAddr) -> anyhow::Result<Self> {
        let certificate = &config.gateway.tls.certificate;
        if certificate.as_os_str().is_empty() {
            return Self::at(&format!("http://{}", near(listen)), None);
        }
        let base = format!("https://{}", near(listen)).parse().context("the gateway's address")?;
        Ok(Self { base, security: Security::Tls(Trust::Only(certificate.clone())) })
    }

    /// The system at this address, whose certificate may be of one of these authorities beside those that the machine knows.
    pub(crate) fn at(url: &str, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let expected = || format!("`{url}` is no address; expected http://host:port or https://host");
        let base: Uri = url.parse().with_context(expected)?;
        let security = match base.scheme_str() {
            Some("http") => Security::None,
            Some("https") => Security::Tls(Trust::Authorities(authorities.map(Path::to_owned))),
            _ => bail!(expected()),
        };
        if base.path() != "/" || base.query().is_some() {
            bail!("`{url}` names a page; the system's address ends with its host and port");
        }
        Ok(Self { base, security })
    }

    /// A request to it.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let host = self.base.authority().map_or("", |authority| authority.as_str());
        let inner = Request::builder().method(method).uri(path).header(header::HOST, host);
        Call { api: self, inner, body: Bytes::new() }
    }

    fn host(&self) -> &str {
        self.base.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    fn port(&self) -> u16 {
        self.base.port_u16().unwrap_or(self.security.standard_port())
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
        let Self { api, inner, body } = self;
        let request = inner.header(header::CONNECTION, "close").body(Full::new(body)).context("the request")?;
        let stream = connect::connect(api.host(), api.port(), &api.security).await.with_context(|| {
            format!("no answer from {}; start the system with `nexus up`, or name another with --url", api.base)
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("the connection")?;
        let mut exchange = pin!(async {
            let (parts, body) = sender.send_request(request).await.context("the connection broke off")?.into_parts();
            let body = Limited::new(body, MAX_REPLY).collect().await;
            let body = body.map_err(|error| anyhow!("the reply broke off: {error}"))?.to_bytes();
            Ok(Reply { status: parts.status, headers: parts.headers, body })
        });
        tokio::select! {
            biased;
            reply = &mut exchange => return reply,
            ended = connection => ended.context("the connection broke off")?,
        }
        exchange.await
    }
}

impl Reply {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the reply is not what this version of nexus expects")
    }

    /// The body as it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
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
