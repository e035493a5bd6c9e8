//! An HTTP/2 client that writes each frame by itself, so that it can break rules that a library keeps (RFC 9113).

use std::{fmt::Display, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// The flag of an acknowledgement.
pub(crate) const ACK: u8 = 1;
/// The flag of the last frame of a stream.
pub(crate) const END_STREAM: u8 = 1;
/// The flag of the last frame of a header block.
pub(crate) const END_HEADERS: u8 = 4;

/// What a client sends first, before its SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection.
pub(crate) struct RawClient(TcpStream);

/// A received frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl RawClient {
    /// Connects, and sends the preface with the default settings.
    pub(crate) async fn connect(address: impl Display) -> Self {
        Self::connect_with(address, &[]).await
    }

    /// Connects, and sends the preface with these settings.
    pub(crate) async fn connect_with(address: impl Display, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(address.to_string()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self(stream);
        client.0.write_all(PREFACE).await.unwrap();
        client.send(SETTINGS, 0, 0, settings).await;
        client
    }

    /// Sends a frame. If the connection is closed, only the next attempt to receive one shows it.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        drop(self.0.write_all(&encoded(kind, flags, stream, payload)).await);
    }

    /// Sends the headers of a gRPC call, without the end of the stream.
    pub(crate) async fn call(&mut self, stream: u32, path: &str, token: &str) {
        self.send(HEADERS, END_HEADERS, stream, &call_headers(path, token)).await;
    }

    /// Sends headers unchanged, without the end of the stream.
    pub(crate) async fn send_headers<'a>(
        &mut self,
        stream: u32,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) {
        self.send(HEADERS, END_HEADERS, stream, &header_block(headers)).await;
    }

    /// Returns the next frame of a kind, or `None` when the connection is closed.
    pub(crate) async fn receive(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = timeout(Duration::from_secs(30), self.frame()).await.expect("no frame arrives")?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Waits until everything that was sent so far has been read.
    pub(crate) async fn answered(&mut self) {
        assert!(self.is_answered().await, "the connection is closed");
    }

    /// Does the same, and returns whether the connection is still open.
    pub(crate) async fn is_answered(&mut self) -> bool {
        self.send(PING, 0, 0, b"question").await;
        loop {
            match self.receive(PING).await {
                None => return false,
                Some(ping) if ping.payload == b"question" => return true,
                Some(_) => {}
            }
        }
    }

    /// Returns the next frame, or `None` when the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, stream: u32::from_be_bytes(stream), payload })
    }
}

/// Returns the headers of a gRPC call without a token.
pub(crate) fn grpc_headers(path: &str) -> [(&str, &str); 6] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// Returns a frame.
pub(crate) fn encoded(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the header block of a gRPC call.
pub(crate) fn call_headers(path: &str, token: &str) -> Vec<u8> {
    let authorization = format!("Bearer {token}");
    let headers = grpc_headers(path).into_iter().chain([("authorization", &*authorization)]);
    header_block(headers.map(|(name, value)| (name, value.as_bytes())))
}

/// Returns a header block whose fields are literals without indexing (RFC 7541, section 6.2.2).
pub(crate) fn header_block<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        literal(&mut block, name.as_bytes());
        literal(&mut block, value);
    }
    block
}

/// Appends a string: its length as an integer with a prefix of 7 bits, and its bytes.
pub(crate) fn literal(block: &mut Vec<u8>, text: &[u8]) {
    match text.len().checked_sub(127) {
        None => block.push(u8::try_from(text.len()).unwrap()),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(u8::try_from(rest % 128 + 128).unwrap());
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend(text);
}
