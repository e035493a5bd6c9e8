//! A client that keeps no rule.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use futures_util::future::join_all;
use prost::Message as _;
use tokio::{
    io::{AsyncWriteExt as _, copy, sink},
    net::TcpStream,
    runtime::Builder,
    sync::oneshot,
    time::sleep,
};

use super::super::stage::Stage;
use super::Abuse;
use crate::support::{
    Issuer,
    http2::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, call_headers, encoded},
    raw_call::{OPEN, frame},
    world::home,
};

/// What a client does after it has sent its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// Sends the next ones as soon as possible, and reads what the service answers.
    Repeat,
    /// Sends the next ones as soon as possible, and reads nothing.
    RepeatUnread,
    /// Keeps the connection open for [`HOLD`].
    Hold,
    /// Disconnects.
    Disconnect,
}

/// Longer than a message may take.
const HOLD: Duration = Duration::from_secs(3);

/// At least so many bytes are sent together, as a fast client would.
const BATCH: usize = 8 * 1024;

/// What is abused, and what a client needs for it.
pub(super) struct Target {
    address: SocketAddr,
    /// How long a client waits before it sends more.
    pause: Duration,
    /// The token of an owner who does nothing else.
    pub(super) token: String,
    /// A token with a key ID that is not in the key set.
    pub(super) unknown_token: String,
}

impl Target {
    pub(super) fn new(stage: &Stage, pause: Duration) -> Self {
        let unknown = Issuer::new("unknown");
        Self {
            address: stage.serving.address,
            pause,
            token: stage.world.olivia(),
            unknown_token: unknown.token("olivia", "acme", "owner"),
        }
    }

    /// Returns the headers of a call with a valid token.
    pub(super) fn call(&self, number: u32) -> Vec<u8> {
        call(&self.token, number)
    }

    /// Opens a connection, and abuses it until it is closed.
    ///
    /// # Errors
    /// If the service closes it.
    async fn connect(&self, abuse: &Abuse) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        if let Some(settings) = abuse.settings {
            stream.write_all(&[PREFACE, &encoded(SETTINGS, 0, 0, settings)].concat()).await?;
        }
        let (mut reader, mut writer) = stream.into_split();
        let read = async move { copy(&mut reader, &mut sink()).await.map(drop) };
        match abuse.then {
            Then::Disconnect => writer.write_all(&(abuse.bytes)(self, 0)).await,
            Then::Hold => {
                writer.write_all(&(abuse.bytes)(self, 0)).await?;
                tokio::select! {
                    closed = read => closed,
                    () = sleep(HOLD) => Ok(()),
                }
            }
            Then::RepeatUnread => self.repeat(abuse, &mut writer).await,
            Then::Repeat => tokio::select! {
                closed = read => closed,
                closed = self.repeat(abuse, &mut writer) => closed,
            },
        }
    }

    async fn repeat(&self, abuse: &Abuse, writer: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
        let mut batch = Vec::new();
        for number in 0.. {
            batch.extend((abuse.bytes)(self, number));
            if batch.len() >= BATCH {
                writer.write_all(&batch).await?;
                batch.clear();
                sleep(self.pause).await;
            }
        }
        Ok(())
    }
}

/// Clients on a thread of their own, so that they do not delay the calls of others. They end when it is dropped.
pub(super) struct Clients {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    connections: Arc<AtomicUsize>,
}

impl Clients {
    pub(super) fn start(abuse: &'static Abuse, target: Target) -> Self {
        let (stop, stopped) = oneshot::channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let clients = (0..abuse.clients).map(|_| async {
                loop {
                    count.fetch_add(1, Ordering::Relaxed);
                    // It fails when the service closes the connection.
                    drop(target.connect(abuse).await);
                }
            });
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    never = join_all(clients) => drop::<Vec<()>>(never),
                }
            });
        });
        Self { stop, thread, connections }
    }

    /// Closes their connections, and returns how many they opened.
    pub(super) fn stop(self) -> usize {
        drop(self.stop);
        self.thread.join().unwrap();
        self.connections.load(Ordering::Relaxed)
    }
}

/// Returns a whole call.
pub(super) fn whole_call(token: &str, number: u32) -> Vec<u8> {
    let message = frame(0, &home().encode_to_vec());
    [call(token, number), encoded(DATA, END_STREAM, stream(number), &message)].concat()
}

/// Returns the headers of a call.
fn call(token: &str, number: u32) -> Vec<u8> {
    encoded(HEADERS, END_HEADERS, stream(number), &call_headers(OPEN, token))
}

/// The ID of a client's stream with this number, from 0.
pub(super) const fn stream(number: u32) -> u32 {
    1 + 2 * number
}
