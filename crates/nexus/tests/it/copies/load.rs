//! A system's users, over HTTP: they remember what they were told to be done.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(super) const EMAIL: &str = "ada@example.com";
pub(super) const SIGN_IN: &str = "correct horse battery";
/// How long the slowest thing may take: transcodes run beside other tests.
const PATIENCE: Duration = Duration::from_mins(5);

/// How large an upload is, and its parts.
pub(super) const UPLOAD: usize = 200_000;
const PART: usize = 5_000;
/// How many uploads are begun: a person may have a hundred.
const MOST_UPLOADS: usize = 90;

/// A reply.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct User {
    address: String,
    token: Arc<Mutex<(String, Instant)>>,
}

impl User {
    /// Makes the owner's account of a new system.
    pub(super) fn set_up(address: &str, setup_token: &str) {
        let owner = json!({
            "token": setup_token, "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": SIGN_IN,
        });
        let reply = send(address, "POST", "/api/users/setup", "", owner.to_string().as_bytes()).unwrap();
        assert_eq!(reply.status, 201, "{}", reply.json());
    }

    /// Signs in.
    pub(super) fn sign_in(address: &str) -> Self {
        let token = Arc::new(Mutex::new((token(address), Instant::now())));
        Self { address: address.to_owned(), token }
    }

    /// A request; `None` when the system did not answer.
    pub(super) fn try_send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Reply> {
        let bearer = {
            let mut token = self.token.lock().unwrap();
            // A token is good for five minutes.
            if token.1.elapsed() > Duration::from_mins(3) {
                *token = (self::token(&self.address), Instant::now());
            }
            token.0.clone()
        };
        send(&self.address, method, path, &format!("authorization: Bearer {bearer}\r\n{headers}"), body)
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.try_send("GET", path, "", b"").expect("the system answers")
    }

    /// Makes a content item; its id once that is acknowledged.
    pub(super) fn write(&self, title: &str) -> Option<String> {
        let reply = self.try_send("POST", "/api/content", "", json!({"title": title}).to_string().as_bytes())?;
        (reply.status == 201).then(|| reply.json()["id"].as_str().unwrap().to_owned())
    }

    /// Begins an upload; its path.
    pub(super) fn begin_upload(&self, name: &str, size: usize) -> Option<String> {
        use base64::Engine;
        let name = base64::prelude::BASE64_STANDARD.encode(name);
        let headers = format!("tus-resumable: 1.0.0\r\nupload-length: {size}\r\nupload-metadata: filename {name}\r\n");
        let reply = self.try_send("POST", "/api/dsp/upload/files", &headers, b"")?;
        let location = reply.header("location").filter(|_| reply.status == 201)?;
        Some(location[location.find("/api/")?..].to_owned())
    }

    /// Sends a part of one; the offset that is acknowledged.
    pub(super) fn send_part(&self, upload: &str, offset: usize, bytes: &[u8]) -> Option<usize> {
        let headers = format!(
            "tus-resumable: 1.0.0\r\nupload-offset: {offset}\r\ncontent-type: application/offset+octet-stream\r\n"
        );
        let reply = self.try_send("PATCH", upload, &headers, bytes)?;
        reply.header("upload-offset").filter(|_| reply.status == 204)?.parse().ok()
    }

    /// Where an upload is.
    pub(super) fn offset(&self, upload: &str) -> Option<usize> {
        let reply = self.try_send("HEAD", upload, "tus-resumable: 1.0.0\r\n", b"")?;
        reply.header("upload-offset")?.parse().ok()
    }

    /// Waits until a reply is as it should be.
    pub(super) fn wait_for(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.get(path).json();
            if good(&found) {
                return found;
            }
            assert!(Instant::now() < until, "{path} stays at {found}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Uploads a film and publishes it; its id, once it can be played.
    pub(super) fn publish_film(&self, film: &[u8]) -> String {
        let upload = self.begin_upload("film.mp4", film.len()).unwrap();
        assert_eq!(self.send_part(&upload, 0, film), Some(film.len()));
        let id = upload.rsplit('/').next().unwrap();
        let seen = self.wait_for(&format!("/api/dsp/upload/uploads/{id}"), |upload| upload["content_id"].is_string());
        let content = format!("/api/content/{}", seen["content_id"].as_str().unwrap());
        self.wait_for(&content, |content| content["media"]["state"] == "ready");
        let tag = self.get(&content).header("etag").unwrap().to_owned();
        let public = json!({"visibility": "public"}).to_string();
        let changed = self.try_send("PATCH", &content, &format!("if-match: {tag}\r\n"), public.as_bytes()).unwrap();
        assert_eq!(changed.status, 200, "{}", changed.json());
        assert_eq!(self.try_send("POST", &format!("{content}/publish"), "", b"").unwrap().status, 200);
        seen["content_id"].as_str().unwrap().to_owned()
    }

    /// Every file that a player of the film reads, in its order.
    pub(super) fn play(&self, content: &str) -> Vec<(String, Vec<u8>)> {
        let playback = self.wait_for(&format!("/api/stream/{content}/playback"), |reply| reply["hls_url"].is_string());
        let url = playback["hls_url"].as_str().unwrap();
        let master = &url[url.find("/api/").unwrap()..];
        let (mut files, mut open) = (Vec::new(), vec![master.to_owned()]);
        while let Some(path) = open.pop() {
            let reply = self.get(&path);
            assert_eq!(reply.status, 200, "{path}");
            if path.rsplit_once('.').is_some_and(|(_, kind)| kind == "m3u8") {
                let text = String::from_utf8(reply.body.clone()).unwrap();
                let folder = &path[..=path.rfind('/').unwrap()];
                let quoted = text.split("URI=\"").skip(1).filter_map(|rest| rest.split('"').next());
                let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                open.extend(lines.chain(quoted).map(|name| format!("{folder}{name}")));
            }
            files.push((path, reply.body));
        }
        files.sort();
        assert!(files.len() > 4, "{:?}", files.iter().map(|(path, _)| path).collect::<Vec<_>>());
        files
    }
}

fn token(address: &str) -> String {
    let credentials = json!({"email": EMAIL, "password": SIGN_IN, "refresh_token": "body"});
    let reply = send(address, "POST", "/api/auth/login", "", credentials.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

fn send(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Reply> {
    let kind = if headers.contains("content-type") { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}{kind}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    let end = reply.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = String::from_utf8(reply[..end].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = reply[end + 4..].to_vec();
    Some(Reply { status, head, body: if chunked { dechunked(&body)? } else { body } })
}

fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|part| part == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?, 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// What was acknowledged.
#[derive(Debug, Default, Clone)]
pub(super) struct Acknowledged {
    /// Content items, by id and title.
    pub(super) content: Vec<(String, String)>,
    /// Uploads, by path, with the offset that was acknowledged last.
    pub(super) uploads: Vec<(String, usize)>,
}

impl Acknowledged {
    /// How many bytes of uploads.
    fn received(&self) -> usize {
        self.uploads.iter().map(|(_, offset)| offset).sum()
    }
}

/// People who write as fast as they are answered.
pub(super) struct Load {
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(user: &User) -> Self {
        let (acknowledged, stop) = (Arc::<Mutex<Acknowledged>>::default(), Arc::new(AtomicBool::new(false)));
        let writer = |number: usize| {
            let (user, all, stop) = (user.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
            std::thread::spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if number == 0 { upload(&user, round, &all) } else { write(&user, number, round, &all) }
                }
            })
        };
        let writers = (0..3).map(writer).collect();
        Self { acknowledged, stop, writers }
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Waits until that many more items were acknowledged than before, and more of uploads.
    pub(super) fn wait_for_more(&self, before: &Acknowledged, more: usize) {
        let until = Instant::now() + PATIENCE;
        let goes_on = || {
            let now = self.acknowledged();
            let uploads = now.received() > before.received() || now.uploads.len() == MOST_UPLOADS;
            now.content.len() >= before.content.len() + more && uploads
        };
        while !goes_on() {
            assert!(Instant::now() < until, "nobody is answered");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.join().unwrap();
        }
        Arc::try_unwrap(self.acknowledged).unwrap().into_inner().unwrap()
    }
}

fn write(user: &User, number: usize, round: usize, all: &Mutex<Acknowledged>) {
    let title = format!("item {round} of writer {number}");
    if let Some(id) = user.write(&title) {
        all.lock().unwrap().content.push((id, title));
    }
}

/// An upload in many parts, of which the last never comes.
fn upload(user: &User, round: usize, all: &Mutex<Acknowledged>) {
    if all.lock().unwrap().uploads.len() == MOST_UPLOADS {
        return std::thread::sleep(Duration::from_millis(20));
    }
    let Some(path) = user.begin_upload(&format!("upload {round}"), UPLOAD) else { return };
    all.lock().unwrap().uploads.push((path.clone(), 0));
    for part in 0..UPLOAD / PART - 1 {
        let Some(offset) = user.send_part(&path, part * PART, &[b'x'; PART]) else { return };
        let mut all = all.lock().unwrap();
        let known = all.uploads.iter_mut().find(|(known, _)| *known == path).unwrap();
        known.1 = offset;
    }
}

/// Two seconds of moving pictures with sound.
pub(super) fn film(folder: &Path) -> Vec<u8> {
    let file = folder.join("film.mp4");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:v", "libx264", "-preset", "ultrafast"])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&file)
        .status();
    assert!(made.expect("ffmpeg is there").success());
    std::fs::read(file).unwrap()
}
