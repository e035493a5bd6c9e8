//! An egress proxy whose behavior the test chooses, also one that breaks the rules.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What the proxy does with a connection.
#[derive(Clone)]
pub(crate) enum Behavior {
    /// Connects to the server, as it should.
    Relay,
    /// Does the same after TLS with the client.
    RelayOverTls(TlsAcceptor),
    /// Closes it without a response.
    Close,
    /// Sends this instead, and keeps it open.
    Respond(&'static str),
    /// Sends the first text, and then the second one again and again.
    RespondForever(&'static str, &'static str),
    /// Says that it connects, and answers the client's TLS itself.
    Intercept(TlsAcceptor),
}

pub(crate) struct Proxy {
    pub(crate) address: String,
    behavior: watch::Sender<Behavior>,
    /// The head of each request.
    requests: watch::Sender<Vec<String>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (behavior, requests) = (watch::channel(behavior).0, watch::channel(Vec::new()).0);
        let (behaviors, log) = (behavior.subscribe(), requests.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let stream = listener.accept().await.unwrap().0;
                let (mut behaviors, log) = (behaviors.clone(), log.clone());
                connections.spawn(async move {
                    let behavior = behaviors.borrow_and_update().clone();
                    tokio::select! {
                        () = serve(stream, behavior, &log) => {}
                        _ = behaviors.changed() => {}
                    }
                });
            }
        });
        Self { address, behavior, requests, _tasks: tasks }
    }

    /// Closes all connections, and treats new ones in this way.
    pub(crate) fn behave(&self, behavior: Behavior) {
        self.behavior.send_replace(behavior);
    }

    /// Returns the heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }
}

async fn serve(mut stream: TcpStream, behavior: Behavior, log: &watch::Sender<Vec<String>>) {
    match behavior {
        Behavior::Relay => relay(stream, log).await,
        Behavior::RelayOverTls(acceptor) => relay(acceptor.accept(stream).await.unwrap(), log).await,
        Behavior::Close => {}
        Behavior::Respond(text) => {
            read_head(&mut stream, log).await;
            stream.write_all(text.as_bytes()).await.unwrap();
            std::future::pending().await
        }
        Behavior::RespondForever(beginning, text) => {
            read_head(&mut stream, log).await;
            stream.write_all(beginning.as_bytes()).await.unwrap();
            while stream.write_all(text.repeat(1_000).as_bytes()).await.is_ok() {}
        }
        Behavior::Intercept(acceptor) => {
            read_head(&mut stream, log).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut received = Vec::new();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                drop(stream.read_to_end(&mut received).await);
            }
            assert!(received.is_empty(), "the proxy could read a request");
        }
    }
}

async fn relay(mut stream: impl AsyncRead + AsyncWrite + Unpin, log: &watch::Sender<Vec<String>>) {
    let head = read_head(&mut stream, log).await;
    let server = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
    let Ok(mut server) = TcpStream::connect(server).await else {
        return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap();
    };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n").await.unwrap();
    drop(copy_bidirectional(&mut stream, &mut server).await);
}

/// Reads and records the head of a request.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), log: &watch::Sender<Vec<String>>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    log.send_modify(|log| log.push(head.clone()));
    head
}

/// Returns an acceptor for a configuration of a server.
pub(crate) fn acceptor(config: rustls::ServerConfig) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config))
}
