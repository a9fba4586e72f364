//! A mail server on loopback that speaks SMTP, and can keep its sender waiting.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use crate::house::PATIENCE;

/// A mail as it was sent, headers and all.
#[derive(Debug)]
pub(crate) struct Letter(String);

/// The mail server.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) address: SocketAddr,
    taken: UnboundedReceiver<Letter>,
    answering: watch::Sender<bool>,
}

impl Post {
    /// Opens on a free port.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ((letters, taken), (answering, answers)) = (unbounded_channel(), watch::channel(true));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(session(BufReader::new(stream), letters.clone(), answers.clone()));
            }
        });
        Self { address, taken, answering }
    }

    /// Takes mails from here on, and says so only after [`Self::go_on`].
    pub(crate) fn keep_quiet(&self) {
        self.answering.send_replace(false);
    }

    /// Answers again.
    pub(crate) fn go_on(&self) {
        self.answering.send_replace(true);
    }

    /// The next mail.
    pub(crate) async fn letter(&mut self) -> Letter {
        tokio::time::timeout(PATIENCE, self.taken.recv()).await.expect("a mail is sent").unwrap()
    }

    /// That there is no other mail.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

impl Letter {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }
}

async fn session(
    mut stream: BufReader<TcpStream>,
    letters: UnboundedSender<Letter>,
    mut answers: watch::Receiver<bool>,
) {
    let (mut line, mut reply) = (String::new(), "220 post ESMTP");
    while stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_ok() {
        line.clear();
        if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            return;
        }
        reply = match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-post\r\n250 8BITMIME",
            "QUIT" => "221 bye",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut text).await.unwrap();
                }
                letters.send(Letter(text)).unwrap();
                answers.wait_for(|answering| *answering).await.unwrap();
                "250 taken"
            }
            _ => "250 fine",
        };
    }
}
