//! Connection faults, and a listener that supports them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
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

/// Duration of an outage that a request for a faulty customer starts. Nothing else would end it.
const REQUEST_OUTAGE: Duration = Duration::from_secs(1);

/// Limit of connections waiting to be accepted.
const BACKLOG: u32 = 1024;

/// The way in which new connections fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    Refused,
    Certificate(Flaw),
}

#[derive(Clone, Copy, Debug)]
struct CurrentOutage {
    outage: Outage,
    until: Option<Instant>,
    /// Number of further handshakes that get the invalid certificate; `None` means all.
    handshakes: Option<u32>,
}

/// A listener that can refuse connections without releasing its port.
pub(crate) struct Listener {
    address: SocketAddr,
    runtime: Handle,
    socket: Mutex<Socket>,
    /// The number of connections that were accepted.
    accepted: AtomicUsize,
    /// The current outage. Receivers are notified of each start and end.
    current: watch::Sender<Option<CurrentOutage>>,
}

enum Socket {
    Open(TcpListener),
    /// Bound but not listening: the kernel refuses connections, and no other process can bind the port.
    Refusing(TcpSocket),
    /// No socket: during a change, after a failed change, and after `close`.
    Closed,
}

impl Listener {
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        let (address, current) = (listener.local_addr()?, watch::Sender::new(None));
        let (socket, accepted) = (Mutex::new(Socket::Open(listener)), AtomicUsize::new(0));
        Ok(Self { address, runtime: Handle::current(), socket, accepted, current })
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts an outage, which is in effect when this method returns.
    pub(crate) fn fail(&self, outage: Outage, handshakes: Option<u32>) {
        self.begin(CurrentOutage { outage, until: None, handshakes });
    }

    /// Starts an outage that ends automatically after [`REQUEST_OUTAGE`].
    pub(crate) fn fail_temporarily(&self, outage: Outage, handshakes: Option<u32>) {
        self.begin(CurrentOutage { outage, until: Some(Instant::now() + REQUEST_OUTAGE), handshakes });
    }

    fn begin(&self, current: CurrentOutage) {
        match current.outage {
            Outage::Refused => self.change_socket(refuse),
            Outage::Certificate(_) => self.change_socket(listen),
        }
        // Notify after the change, because `accept` then polls the socket again.
        self.current.send_replace(Some(current));
    }

    /// Ends the current outage, if any.
    pub(crate) fn recover(&self) {
        self.change_socket(listen);
        self.current.send_replace(None);
    }

    /// Releases the port.
    pub(crate) fn close(&self) {
        *self.socket() = Socket::Closed;
    }

    fn change_socket(&self, change: fn(Socket, SocketAddr) -> io::Result<Socket>) {
        let _runtime = self.runtime.enter();
        let mut socket = self.socket();
        let before = std::mem::replace(&mut *socket, Socket::Closed);
        // The change fails if another process takes the port in the meantime. Then there is nothing left to serve.
        *socket = change(before, self.address).unwrap_or(Socket::Closed);
    }

    fn socket(&self) -> MutexGuard<'_, Socket> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a connection, across outages.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        let mut changes = self.current.subscribe();
        loop {
            let until = changes.borrow_and_update().and_then(|current| current.until);
            let expired = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = std::future::poll_fn(|cx| self.poll_accept(cx)) => return accepted,
                () = expired => self.recover(),
                // Cannot fail: `self` owns the sender.
                _ = changes.changed() => {}
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &*self.socket() {
            Socket::Open(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                self.accepted.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Ok(stream))
            }
            Socket::Refusing(_) | Socket::Closed => Poll::Pending,
        }
    }

    /// Returns the flaw of the certificate for the next connection, and counts the handshake.
    pub(crate) fn next_handshake_flaw(&self) -> Option<Flaw> {
        let mut flaw = None;
        self.current.send_if_modified(|current| {
            if let Some(CurrentOutage { outage: Outage::Certificate(found), handshakes, .. }) = current {
                flaw = handshakes.is_none_or(|left| left > 0).then_some(*found);
                *handshakes = handshakes.map(|left| left.saturating_sub(1));
            }
            false
        });
        flaw
    }

    /// Returns whether an outage is in effect that also breaks connections opened before it.
    pub(crate) fn is_failing(&self) -> bool {
        self.current.borrow().is_some_and(|current| current.handshakes != Some(0))
    }

    /// Resolves when the next outage starts. The current one does not count.
    pub(crate) fn next_outage(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.current.subscribe();
        async move { while changes.changed().await.is_ok() && changes.borrow_and_update().is_none() {} }
    }
}

fn refuse(before: Socket, address: SocketAddr) -> io::Result<Socket> {
    if matches!(before, Socket::Refusing(_)) {
        return Ok(before);
    }
    drop(before);
    bind(address).map(Socket::Refusing)
}

fn listen(before: Socket, address: SocketAddr) -> io::Result<Socket> {
    match before {
        Socket::Open(_) => Ok(before),
        Socket::Refusing(socket) => socket.listen(BACKLOG).map(Socket::Open),
        Socket::Closed => bind(address)?.listen(BACKLOG).map(Socket::Open),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Without this, lingering connections of the previous listener make the bind fail.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
