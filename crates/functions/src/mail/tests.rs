//! Mail over the wire, to a small SMTP server on loopback.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// Takes mail until the test ends; answers RCPT with `recipient`. Gives port and taken mails.
async fn server(recipient: &'static str) -> (u16, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, taken) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(session(stream, recipient, sender.clone()));
        }
    });
    (port, taken)
}

async fn session(stream: TcpStream, recipient: &str, taken: UnboundedSender<String>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink ESMTP\r\n").await.expect("greeting");
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let reply = match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-sink\r\n250 8BITMIME",
            "RCPT" => recipient,
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.expect("reply");
                taken.send(data(&mut stream).await).expect("the test listens");
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        let reply = format!("{reply}\r\n");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

async fn data(stream: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n.\r\n") {
        stream.read_line(&mut text).await.expect("data");
    }
    text
}

fn config(port: u16) -> Config {
    Config {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::Plain,
        login: None,
        from: "Stationmaster <noreply@example.com>".to_owned(),
        timeout: Duration::from_secs(5),
    }
}

fn mail() -> Mail {
    Mail {
        to: vec!["Ada <ada@example.com>".to_owned(), "bob@example.com".to_owned()],
        subject: "Grüße".to_owned(),
        text: "Hello\n.\nbye".to_owned(),
        html: None,
    }
}

#[tokio::test]
async fn a_mail_arrives_with_the_same_id_on_a_repeat() {
    let (port, mut taken) = server("250 fine").await;
    let mailer = Mailer::new(&config(port)).expect("settings");
    let id = mailer.send(&mail(), "run/do/3/1").await.expect("sent");
    assert_eq!(mailer.send(&mail(), "run/do/3/1").await.expect("sent"), id);
    assert_ne!(mailer.send(&mail(), "run/do/3/2").await.expect("sent"), id);
    let first = taken.recv().await.expect("taken");
    assert!(first.contains(&format!("Message-ID: {id}\r\n")), "{first}");
    assert!(first.contains("From: Stationmaster <noreply@example.com>\r\n"), "{first}");
    assert!(first.contains("Hello\r\n..\r\nbye"), "{first}");
}

#[tokio::test]
async fn html_goes_beside_the_text() {
    let (port, mut taken) = server("250 fine").await;
    let mailer = Mailer::new(&config(port)).expect("settings");
    let both = Mail { html: Some("<p>Hello</p>".to_owned()), ..mail() };
    mailer.send(&both, "k").await.expect("sent");
    let text = taken.recv().await.expect("taken");
    assert!(text.contains("multipart/alternative") && text.contains("<p>Hello</p>"), "{text}");
}

#[tokio::test]
async fn refusals_for_good_are_told_from_those_for_now() {
    let (port, _taken) = server("550 no such user").await;
    let error = Mailer::new(&config(port)).expect("settings").send(&mail(), "k").await;
    assert!(matches!(error, Err(Error::Permanent(_))), "{error:?}");
    let (port, _taken) = server("451 try later").await;
    let error = Mailer::new(&config(port)).expect("settings").send(&mail(), "k").await;
    assert!(matches!(error, Err(Error::Transient(_))), "{error:?}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let port = closed.local_addr().expect("bound").port();
    drop(closed);
    let error = Mailer::new(&config(port)).expect("settings").send(&mail(), "k").await;
    assert!(matches!(error, Err(Error::Transient(_))), "{error:?}");
}

#[tokio::test]
async fn wrong_mails_and_settings_are_named() {
    let mailer = Mailer::new(&config(25)).expect("settings");
    for (wrong, word) in [
        (Mail { to: vec![], ..mail() }, "`to`"),
        (Mail { to: vec!["nobody".to_owned()], ..mail() }, "nobody"),
        (Mail { subject: "a\r\nBcc: x@example.com".to_owned(), ..mail() }, "`subject`"),
    ] {
        let error = mailer.send(&wrong, "k").await.expect_err(word);
        assert!(matches!(&error, Error::Mail(text) if text.contains(word)), "{error}");
    }
    let password = Reference::Env("PATH".to_owned());
    let plain = Config { login: Some(("me".to_owned(), password)), ..config(25) };
    assert!(matches!(Mailer::new(&plain), Err(Error::Config(_))));
    let sender = Config { from: "?".to_owned(), ..config(25) };
    assert!(matches!(Mailer::new(&sender), Err(Error::Config(_))));
}
