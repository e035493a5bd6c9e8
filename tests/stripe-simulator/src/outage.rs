//! Faults of whole connections, and the listener that they befall.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
    sync::watch,
    time::Instant,
};

use crate::tls::Flaw;

/// How long an outage lasts that a customer's request brings about: nothing else would end it.
const OF_A_REQUEST: Duration = Duration::from_secs(1);

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// Why no connection comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    Refused,
    Certificate(Flaw),
}

#[derive(Clone, Copy, Debug)]
struct Current {
    outage: Outage,
    until: Option<Instant>,
    /// How many more handshakes have the bad certificate.
    handshakes: Option<u32>,
}

/// A listener that can refuse connections without giving its port away.
pub(crate) struct Listening {
    address: SocketAddr,
    runtime: Handle,
    socket: Mutex<Socket>,
    /// Each start and end of an outage, for those who wait for one.
    current: watch::Sender<Option<Current>>,
}

enum Socket {
    Open(TcpListener),
    /// Bound and not listening: the kernel refuses connections, and nobody else gets the port.
    Refusing(TcpSocket),
    /// For the moment between the two, and in the end.
    Neither,
}

impl Listening {
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        let (address, current) = (listener.local_addr()?, watch::Sender::new(None));
        Ok(Self { address, runtime: Handle::current(), socket: Mutex::new(Socket::Open(listener)), current })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts an outage; when this returns, it is on.
    pub(crate) fn fail(&self, outage: Outage, handshakes: Option<u32>) {
        self.begin(Current { outage, until: None, handshakes });
    }

    /// Starts an outage on behalf of a request; it ends by itself.
    pub(crate) fn fail_for_a_while(&self, outage: Outage, handshakes: Option<u32>) {
        self.begin(Current { outage, until: Some(Instant::now() + OF_A_REQUEST), handshakes });
    }

    fn begin(&self, current: Current) {
        match current.outage {
            Outage::Refused => self.change_socket(refusing),
            Outage::Certificate(_) => self.change_socket(open),
        }
        // After the change: whoever waits looks at the socket anew.
        self.current.send_replace(Some(current));
    }

    /// Ends the outage, if there is one.
    pub(crate) fn recover(&self) {
        self.change_socket(open);
        self.current.send_replace(None);
    }

    /// Gives the port away.
    pub(crate) fn close(&self) {
        *self.socket() = Socket::Neither;
    }

    fn change_socket(&self, change: fn(Socket, SocketAddr) -> io::Result<Socket>) {
        let _runtime = self.runtime.enter();
        let mut socket = self.socket();
        let before = std::mem::replace(&mut *socket, Socket::Neither);
        // Somebody else took the port in between: then it refuses nothing of ours, and serves nothing either.
        *socket = change(before, self.address).unwrap_or(Socket::Neither);
    }

    fn socket(&self) -> MutexGuard<'_, Socket> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a connection, through outages.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        let mut changes = self.current.subscribe();
        loop {
            let over = changes.borrow_and_update().and_then(|current| current.until);
            let over = async {
                match over {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = std::future::poll_fn(|cx| self.poll_accept(cx)) => return accepted,
                () = over => self.recover(),
                // The sender is ours, so it is there.
                _ = changes.changed() => {}
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &*self.socket() {
            Socket::Open(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(stream))
            }
            Socket::Refusing(_) | Socket::Neither => Poll::Pending,
        }
    }

    /// What is wrong with the next connection's certificate; counts it.
    pub(crate) fn flaw_of_handshake(&self) -> Option<Flaw> {
        let mut flaw = None;
        self.current.send_if_modified(|current| {
            if let Some(Current { outage: Outage::Certificate(found), handshakes, .. }) = current {
                flaw = handshakes.is_none_or(|left| left > 0).then_some(*found);
                *handshakes = handshakes.map(|left| left.saturating_sub(1));
            }
            false
        });
        flaw
    }

    /// Whether an outage is on that ends connections which had come to be before it.
    pub(crate) fn is_failing(&self) -> bool {
        self.current.borrow().is_some_and(|current| current.handshakes != Some(0))
    }

    /// Returns when another outage begins than the one that is on, if one is.
    pub(crate) fn failing(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.current.subscribe();
        async move { while changes.changed().await.is_ok() && changes.borrow_and_update().is_none() {} }
    }
}

fn refusing(before: Socket, address: SocketAddr) -> io::Result<Socket> {
    if matches!(before, Socket::Refusing(_)) {
        return Ok(before);
    }
    drop(before);
    bound(address).map(Socket::Refusing)
}

fn open(before: Socket, address: SocketAddr) -> io::Result<Socket> {
    match before {
        Socket::Open(_) => Ok(before),
        Socket::Refusing(socket) => socket.listen(BACKLOG).map(Socket::Open),
        Socket::Neither => bound(address)?.listen(BACKLOG).map(Socket::Open),
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the listener before, which linger, do not keep it from the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
