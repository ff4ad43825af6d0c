//! Clients that keep their connections and ask again and again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nexus_testkit::eventually;

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(30);

/// A steady load.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// So many clients that send this request to this address until the end, each with pauses of its own, and that expect
    /// this status.
    pub(crate) fn start(address: &str, path: &str, token: Option<&str>, expected: u16, clients: u64) -> Self {
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{bearer}\r\n");
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |number| {
            let (address, request) = (address.to_owned(), request.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let asking = Asking { address, request, expected, pause: Duration::from_millis(20 + number % 4) };
            std::thread::spawn(move || asking.run(&stop, &answered))
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, answered, clients }
    }

    /// Waits for more answers.
    pub(crate) async fn goes_on(&self, what: &str) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually(what, async || (self.answered.load(Ordering::Relaxed) > before + 100).then_some(())).await;
    }

    /// Ends it; everything but a reply with the expected status to each request.
    pub(crate) fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect()
    }
}

/// What a client does.
struct Asking {
    address: String,
    request: String,
    expected: u16,
    pause: Duration,
}

impl Asking {
    fn run(&self, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
        let mut failed = Vec::new();
        let mut connection = None;
        while !stop.load(Ordering::Relaxed) {
            match exchange(&mut connection, &self.address, &self.request) {
                Ok((status, _)) if status == self.expected => {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok((status, body)) => failed.push(format!("{status}: {body}")),
                Err(error) => {
                    failed.push(error.to_string());
                    connection = None;
                }
            }
            std::thread::sleep(self.pause);
        }
        failed
    }
}

/// One request, on the connection that there is or on a new one; a server may say that it is the connection's last. The status
/// and the body.
fn exchange(
    connection: &mut Option<BufReader<TcpStream>>,
    address: &str,
    request: &str,
) -> std::io::Result<(u16, String)> {
    if connection.is_none() {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(REPLY))?;
        stream.set_nodelay(true)?;
        *connection = Some(BufReader::new(stream));
    }
    let stream = connection.as_mut().expect("it was made above");
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut status, mut length, mut last) = (0, 0, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or(0);
        } else if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().unwrap_or(0);
        } else if line == "connection: close" {
            last = true;
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if last {
        *connection = None;
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
