//! Mail with a mail server: a small one that speaks as much SMTP (RFC 5321) as a client needs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_testkit::{Backend, eventually};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::on_each_database;
use crate::support::{PASSWORD, outcome, ready_with, register, token_of, verify};

on_each_database!(
    mail_goes_to_the_mail_server_and_nowhere_else,
    mail_waits_for_a_mail_server_that_is_away,
    a_mail_that_the_server_refuses_is_tried_again,
    a_wrong_mail_server_is_named_by_readiness,
);

/// What the server has taken, and how many mails it refuses first.
#[derive(Debug, Default)]
struct Server {
    taken: Mutex<Vec<String>>,
    refusals: Mutex<u32>,
}

impl Server {
    fn refusing(refusals: u32) -> Arc<Self> {
        Arc::new(Self { refusals: Mutex::new(refusals), ..Self::default() })
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&self).converse(stream));
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let reply: &[u8] = match line.split(' ').next().unwrap_or_default() {
                "EHLO" => b"250 test\r\n",
                "RCPT" if self.refuses() => b"550 not today\r\n",
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    let mut mail = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        mail.push_str(&line);
                        mail.push('\n');
                    }
                    self.taken.lock().unwrap().push(mail);
                    b"250 taken\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            if write.write_all(reply).await.is_err() {
                return;
            }
        }
    }

    fn refuses(&self) -> bool {
        let mut left = self.refusals.lock().unwrap();
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        refuses
    }

    async fn mail(&self) -> String {
        eventually("a mail arrives", async || self.taken.lock().unwrap().first().cloned()).await
    }
}

async fn mail_goes_to_the_mail_server_and_nowhere_else(backend: Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let server = Server::refusing(0);
    tokio::spawn(Arc::clone(&server).serve(listener));
    let (kit, owner) = ready_with(backend, |config| config.mail.smtp = url.as_str().into()).await;
    let _ = register(&kit, "grace@example.com", PASSWORD).await.expect(202);
    let mail = server.mail().await;
    assert!(mail.contains("To: grace@example.com") && mail.contains("Subject: Verify your e-mail address"), "{mail}");
    let off = kit.get("/api/users/mailbox").bearer(kit.token(&owner)).send().await.expect(404);
    assert_eq!(off.code(), "mailbox-off");
    let token = token_of(&serde_json::json!({"text": mail.replace("=\n", "").replace("=3D", "=")}));
    let _ = verify(&kit, &token).await.expect(204);
    assert_eq!(outcome(&kit, "grace@example.com", PASSWORD).await, "valid");
}

async fn mail_waits_for_a_mail_server_that_is_away(backend: Backend) {
    // A port that was free a moment ago: nobody listens there yet.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("smtp://{address}");
    let (kit, _) = ready_with(backend, |config| config.mail.smtp = url.as_str().into()).await;
    let _ = register(&kit, "grace@example.com", PASSWORD).await.expect(202);
    let server = Server::refusing(0);
    tokio::spawn(Arc::clone(&server).serve(TcpListener::bind(address).await.unwrap()));
    arrives_once(&kit, &server).await;
}

async fn a_mail_that_the_server_refuses_is_tried_again(backend: Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let server = Server::refusing(2);
    tokio::spawn(Arc::clone(&server).serve(listener));
    let (kit, _) = ready_with(backend, |config| config.mail.smtp = url.as_str().into()).await;
    let _ = register(&kit, "grace@example.com", PASSWORD).await.expect(202);
    arrives_once(&kit, &server).await;
}

/// Lets time pass and the job look, until the mail has arrived; it does not come a second time.
async fn arrives_once(kit: &nexus_testkit::Testkit, server: &Server) {
    eventually("the mail arrives after all", async || {
        kit.clock.advance(Duration::from_mins(1));
        kit.context("user-auth").wake("send-mail");
        server.taken.lock().unwrap().first().cloned()
    })
    .await;
    // A second mail comes after whatever was left of the first.
    let _ = register(kit, "linus@example.com", PASSWORD).await.expect(202);
    eventually("the next mail arrives", async || {
        kit.context("user-auth").wake("send-mail");
        let taken = server.taken.lock().unwrap();
        taken.iter().any(|mail| mail.contains("To: linus@example.com")).then_some(())
    })
    .await;
    let taken = server.taken.lock().unwrap();
    assert_eq!(taken.iter().filter(|mail| mail.contains("To: grace@example.com")).count(), 1);
}

async fn a_wrong_mail_server_is_named_by_readiness(backend: Backend) {
    let (kit, _) =
        ready_with(backend, |config| config.mail.smtp = "carrier-pigeon://user:hunter2@localhost".into()).await;
    let ready = kit.request_to("user-auth", http::Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("mail.smtp") && !ready.text().contains("hunter2"), "{}", ready.text());
}
