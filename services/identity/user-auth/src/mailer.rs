//! Sends mail: a job takes it from the store, so that none is lost while the mail server is away, and no request waits for it.
//! Without a mail server it stays in the store, as the development mailbox.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use nexus_kernel::config::MailConfig;
use nexus_kernel::{Context, Problem, backoff};

use crate::mail::Mail;
use crate::store::{self, DueMail};

/// The job's name.
pub(crate) const JOB: &str = "send-mail";
/// The most mails that are read at once.
const BATCH: i64 = 50;
/// How long the mail server may take for one mail.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait between two attempts to send a mail.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The way out, as configured.
#[derive(Debug)]
pub(crate) enum Mailer {
    /// There is no mail server.
    Mailbox,
    /// Mail goes to a server.
    Smtp(Box<Smtp>),
    /// The configuration can't be understood: why.
    Misconfigured(String),
}

/// A mail server and the sender.
#[derive(Debug)]
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// The way out that the configuration names.
    pub(crate) fn new(config: &MailConfig) -> Self {
        if config.smtp.expose().is_empty() {
            return Self::Mailbox;
        }
        let from = config.from.parse().map_err(|error| format!("mail.from is no sender: {error}"));
        // The error of the URL is not shown, as the URL holds a password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.smtp.expose())
            .map_err(|_| "mail.smtp must be smtp://, smtp://...?tls=required or smtps://".to_owned());
        match (transport, from) {
            (Ok(transport), Ok(from)) => {
                let transport = transport.timeout(Some(TIMEOUT)).build();
                Self::Smtp(Box::new(Smtp { transport, from }))
            }
            (Err(why), _) | (_, Err(why)) => Self::Misconfigured(why),
        }
    }

    /// Whether the configuration can be understood.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Misconfigured(why) => Err(why.clone()),
            Self::Mailbox | Self::Smtp(_) => Ok(()),
        }
    }

    /// Whether mail stays in the development mailbox.
    pub(crate) fn is_mailbox(&self) -> bool {
        matches!(self, Self::Mailbox)
    }
}

impl Smtp {
    /// The same mail has the same Message-ID at every attempt, so that receivers recognise one that comes twice.
    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let to = mail.to.as_str().parse().map_err(|error| format!("the address: {error}"))?;
        Message::builder()
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| error.to_string())
    }

    async fn send(&self, mail: &Mail) -> Result<(), String> {
        let message = self.message(mail)?;
        self.transport.send(message).await.map(drop).map_err(|error| error.to_string())
    }
}

/// Sends every mail that is due.
pub(crate) async fn send_due(context: Context) -> Result<(), Problem> {
    let mailer = context.state::<Mailer>();
    let Mailer::Smtp(smtp) = mailer.as_ref() else { return Ok(()) };
    loop {
        let due = store::due_mails(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for mail in &due {
            attempt(&context, smtp, mail).await?;
        }
    }
}

/// The next attempt is put down before this one, so that two processes do not send the same mail. Whatever the server
/// answers, the mail is tried again for as long as its link is good: a refusal may be the mend of a wrong password away.
async fn attempt(context: &Context, smtp: &Smtp, due: &DueMail) -> Result<(), Problem> {
    let next = context.clock.now().plus(backoff(due.attempts, LONGEST_WAIT).max(TIMEOUT));
    if !store::claim_mail(context, due, next).await? {
        return Ok(());
    }
    match smtp.send(&due.mail).await {
        Ok(()) => store::mail_sent(context, due).await?,
        Err(error) => {
            tracing::warn!(mail = %due.mail.id, attempts = due.attempts + 1, error, "a mail could not be sent yet");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_contracts::user_auth::EmailAddress;
    use nexus_kernel::{Clock, Ids, Timestamp};

    use super::*;
    use crate::mail::MailId;

    fn config(smtp: &str, from: &str) -> MailConfig {
        MailConfig { smtp: smtp.into(), from: from.to_owned() }
    }

    #[test]
    fn the_configuration_decides_and_a_wrong_one_is_named_without_its_password() {
        assert!(Mailer::new(&config("", "nonsense")).is_mailbox());
        assert!(Mailer::new(&config("smtp://localhost:25", "Nexus <no-reply@example.com>")).check().is_ok());
        assert!(Mailer::new(&config("smtps://user:pass@localhost", "no-reply@example.com")).check().is_ok());
        assert!(Mailer::new(&config("smtp://localhost", "nonsense")).check().unwrap_err().contains("mail.from"));
        let wrong = Mailer::new(&config("http://user:hunter2@localhost", "no-reply@example.com")).check().unwrap_err();
        assert!(wrong.contains("mail.smtp") && !wrong.contains("hunter2"));
    }

    #[tokio::test]
    async fn a_mail_is_plain_text_with_a_stable_id() {
        let Mailer::Smtp(smtp) = Mailer::new(&config("smtp://localhost", "Nexus <no-reply@example.com>")) else {
            panic!("there is a server")
        };
        let mail = Mail {
            id: MailId(Ids::new(Clock::system()).next()),
            to: EmailAddress::normalised("ada@example.com"),
            subject: "Hello".to_owned(),
            text: "Open\r\n.\r\nthis".to_owned(),
            created_at: Timestamp::from_micros(0),
        };
        let text = String::from_utf8(smtp.message(&mail).unwrap().formatted()).unwrap();
        for line in
            [&format!("Message-ID: <{}@example.com>", mail.id), "To: ada@example.com", "Subject: Hello", "text/plain"]
        {
            assert!(text.contains(line), "{text}");
        }
    }
}
