//! An operator's side of the supervisor's socket.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::protocol::{Hello, MAX_LINE, Reply, Request, Role, VERSION, line};
use super::socket;

/// Asks the supervisor of this data folder. What it says on the way goes to `progress`; the last reply is returned.
pub(crate) async fn ask(data: &Path, request: &Request, mut progress: impl FnMut(&str)) -> anyhow::Result<Reply> {
    let path = socket(data);
    let stream = match UnixStream::connect(&path).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => bail!(
            "no supervisor runs on the data folder {}: start the system with `nexus up --isolate`, or name its folder with --data",
            data.display()
        ),
        connected => connected.with_context(|| format!("connecting to {}", path.display()))?,
    };
    let (read, mut write) = stream.into_split();
    let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_LINE));
    let opening = [line(&Hello { version: VERSION, role: Role::Operator }), line(request)].concat();
    write.write_all(opening.as_bytes()).await.context("the supervisor went away")?;
    while let Some(text) = lines.next().await {
        match serde_json::from_str(&text.context("the supervisor went away")?).context("the supervisor's reply")? {
            Reply::Progress(text) => progress(&text),
            Reply::Refused(reason) => bail!(reason),
            last => return Ok(last),
        }
    }
    bail!("the supervisor went away before it was done")
}
