//! Reading on after an answer: what is left of a request's body is read and thrown away before the answer goes out.
//!
//! A server that closes a connection while its client still sends makes the kernel reset it, and a reset can destroy the
//! answer on its way: the client would see a broken connection where it was told `413 Payload too large`. So every body is
//! handed to the handlers in a wrapper that gives the unread rest back, and that rest is read, up to [`MOST`] bytes and for
//! [`PATIENCE`]; beyond them the reset is the client's own doing. Used by `server::router`, around everything.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// The most that is read of an unwanted body, in bytes.
const MOST: usize = 32 << 20;

/// The longest that an unwanted body is read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The middleware.
pub(crate) async fn read_on(request: Request, next: Next) -> Response {
    let asks_first = request.headers().contains_key(header::EXPECT);
    let (back, mut returned) = oneshot::channel();
    let request = request.map(|body| Body::new(OnLoan { body, begun: false, back: Some(back) }));
    let response = next.run(request).await;
    if let Ok((rest, begun)) = returned.try_recv() {
        // A client that asked first and was never told to send sends nothing: the first read would tell it to.
        if begun || !asks_first {
            let _ = tokio::time::timeout(PATIENCE, discard(rest)).await;
        }
    }
    response
}

async fn discard(body: Body) {
    let mut rest = body.into_data_stream();
    let mut read = 0;
    while read < MOST {
        let Some(Ok(bytes)) = rest.next().await else { break };
        read += bytes.len();
    }
}

/// A body that goes back, as far as it is unread, when its reader drops it; and whether anything of it was asked for.
#[derive(Debug)]
struct OnLoan {
    body: Body,
    begun: bool,
    back: Option<oneshot::Sender<(Body, bool)>>,
}

impl HttpBody for OnLoan {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.begun = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for OnLoan {
    fn drop(&mut self) {
        if let Some(back) = self.back.take()
            && !self.body.is_end_stream()
        {
            // Nobody takes it back once the answer is made: then the rest is simply dropped.
            let _ = back.send((std::mem::take(&mut self.body), self.begun));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, middleware::from_fn, routing::post};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// Far more than the buffers of two sockets hold.
    const LARGE: usize = 24 << 20;

    /// The answer of a server that reads nothing, to a client that sends everything before it reads.
    async fn answer(head: &str, body: &[u8]) -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = TcpStream::connect(listener.local_addr()?).await?;
        let refuse = Router::new().route("/", post(async || (StatusCode::PAYLOAD_TOO_LARGE, "too large")));
        let server = tokio::spawn(axum::serve(listener, refuse.layer(from_fn(read_on))).into_future());
        client
            .write_all(format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n\r\n").as_bytes())
            .await?;
        client.write_all(body).await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        server.abort();
        Ok(answer)
    }

    #[tokio::test]
    async fn a_client_that_still_sends_gets_its_answer() {
        let answer = answer(&format!("content-length: {LARGE}"), &vec![b'x'; LARGE]).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.ends_with("too large"), "{answer}");
    }

    #[tokio::test]
    async fn a_client_that_asks_first_is_not_told_to_send() {
        let answer = answer(&format!("content-length: {LARGE}\r\nexpect: 100-continue"), b"").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}
