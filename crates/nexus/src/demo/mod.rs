//! `nexus up --demo`: an organisation to look at, made through the system's own HTTP API, with media made on the spot.

mod clips;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, StatusCode};
use nexus_kernel::config::{Config, Secret};
use serde_json::{Value, json};

use crate::api::{Api, Call, Reply};
use crate::sign_in::sign_in;
use clips::{CLIPS, Clip};

/// The demo's owner.
const EMAIL: &str = "ada@demo.example";
/// How often the making of a clip is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// After this long a clip that is not ready is given up.
const PATIENCE: Duration = Duration::from_mins(10);

/// The demo's owner, signed in.
pub(crate) struct Demo {
    api: Api,
    password: Secret,
    token: Secret,
}

impl Demo {
    /// Makes the organisation and its owner.
    pub(crate) async fn set_up(api: Api, setup_token: &Secret, password: Secret) -> anyhow::Result<Self> {
        let owner = json!({
            "token": setup_token,
            "organisation": "Lighthouse Pictures",
            "name": "Ada Harbour",
            "email": EMAIL,
            "password": password,
        });
        api.call(Method::POST, "/api/users/setup").json(&owner)?.send().await.context("making the demo's owner")?;
        let token = sign_in(&api, EMAIL, &password).await?;
        Ok(Self { api, password, token })
    }

    /// What to tell the person at the terminal, once.
    pub(crate) fn greeting(&self) -> String {
        format!("Demo: sign in as {EMAIL} with the password {} (it is shown only now)\n", self.password.expose())
    }

    /// Makes the clips and brings each to where it belongs; says how many there are.
    pub(crate) async fn make_media(&mut self, config: &Config) -> anyhow::Result<usize> {
        let folder = config.data.join("work").join("demo");
        tokio::fs::create_dir_all(&folder).await.with_context(|| format!("making {}", folder.display()))?;
        let made = self.make_in(config, &folder).await;
        tokio::fs::remove_dir_all(&folder).await.with_context(|| format!("removing {}", folder.display()))?;
        made
    }

    async fn make_in(&mut self, config: &Config, folder: &Path) -> anyhow::Result<usize> {
        for clip in &CLIPS {
            let file = clip.render(&config.media.ffmpeg, folder).await?;
            let bytes = tokio::fs::read(&file).await.with_context(|| format!("reading {}", file.display()))?;
            self.bring(clip, bytes.into()).await.with_context(|| format!("bringing in `{}`", clip.title))?;
        }
        Ok(CLIPS.len())
    }

    async fn bring(&mut self, clip: &Clip, bytes: Bytes) -> anyhow::Result<()> {
        let upload = self.upload(clip, bytes).await?;
        let content = self.content_of(&upload).await?;
        let path = format!("/api/content/{content}");
        self.wait_until_ready(&path).await?;
        let reply = self.send(|api| Ok(api.call(Method::GET, &path))).await?;
        let tag = header(&reply, "etag")?;
        let changes = json!({"title": clip.title, "description": clip.description, "visibility": clip.visibility});
        self.send(|api| api.call(Method::PATCH, &path).header("if-match", &tag).json(&changes)).await?;
        if clip.published {
            self.send(|api| Ok(api.call(Method::POST, &format!("{path}/publish")))).await?;
        }
        Ok(())
    }

    /// Sends the file as a tus client does; the id of the upload.
    async fn upload(&mut self, clip: &Clip, bytes: Bytes) -> anyhow::Result<String> {
        let (length, metadata) = (bytes.len().to_string(), clip.upload_metadata());
        let created = self
            .send(|api| {
                let call = api.call(Method::POST, "/api/dsp/upload/files").header("tus-resumable", "1.0.0");
                Ok(call.header("upload-length", &length).header("upload-metadata", &metadata))
            })
            .await?;
        let location = header(&created, "location")?;
        let path = location.find("/api/").map_or(location.as_str(), |start| &location[start..]).to_owned();
        self.send(|api| {
            let call = api.call(Method::PATCH, &path).header("tus-resumable", "1.0.0").header("upload-offset", "0");
            Ok(call.header("content-type", "application/offset+octet-stream").bytes(bytes.clone()))
        })
        .await?;
        path.rsplit('/').next().map(str::to_owned).context("the upload has no id")
    }

    async fn content_of(&mut self, upload: &str) -> anyhow::Result<String> {
        let path = format!("/api/dsp/upload/uploads/{upload}");
        self.wait_for(&path, |upload| match (upload["content_id"].as_str(), upload["state"].as_str()) {
            (Some(content), _) => Ok(Some(content.to_owned())),
            (None, Some("refused")) => bail!("the upload was refused: {}", upload["error"]),
            _ => Ok(None),
        })
        .await
    }

    async fn wait_until_ready(&mut self, path: &str) -> anyhow::Result<()> {
        self.wait_for(path, |content| match content["media"]["state"].as_str() {
            Some("ready") => Ok(Some(())),
            Some("failed") => bail!("it can't be made ready: {}", content["media"]["error"]),
            _ => Ok(None),
        })
        .await
    }

    async fn wait_for<T>(
        &mut self,
        path: &str,
        done: impl Fn(&Value) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < end {
            let now: Value = self.send(|api| Ok(api.call(Method::GET, path))).await?.json()?;
            if let Some(found) = done(&now)? {
                return Ok(found);
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("it took longer than {} s", PATIENCE.as_secs())
    }

    /// Sends a request as the owner; signs in again when the token has ended meanwhile.
    async fn send(&mut self, call: impl Fn(&Api) -> anyhow::Result<Call<'_>>) -> anyhow::Result<Reply> {
        let reply = call(&self.api)?.bearer(&self.token).exchange().await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            self.token = sign_in(&self.api, EMAIL, &self.password).await?;
            return call(&self.api)?.bearer(&self.token).send().await;
        }
        if reply.status.is_success() { Ok(reply) } else { Err(reply.problem()) }
    }
}

fn header(reply: &Reply, name: &str) -> anyhow::Result<String> {
    let value = reply.headers.get(name).and_then(|value| value.to_str().ok());
    value.map(str::to_owned).with_context(|| format!("the reply has no {name}"))
}
