//! A server in front of the simulator that can replace all bytes of a response, to break rules that a library keeps.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Templates of the responses to reading a customer and to creating a session, and the address of the simulator.
#[derive(Default)]
struct Shared {
    customer: Option<String>,
    session: Option<String>,
    simulator: String,
}

pub(super) struct Relay {
    pub(super) url: String,
    shared: Arc<Mutex<Shared>>,
    serving: JoinHandle<()>,
}

impl Relay {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let serving = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(relay(stream, Arc::clone(&shared)));
                }
            }
        });
        Self { url, shared, serving }
    }

    /// Sets the simulator, and the templates: `None` for the correct response.
    pub(super) fn set(&self, simulator: &str, customer: Option<String>, session: Option<String>) {
        let simulator = simulator.trim_start_matches("http://").to_owned();
        *self.shared.lock().unwrap() = Shared { customer, session, simulator };
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves one request, and then closes the connection.
async fn relay(mut client: TcpStream, shared: Arc<Mutex<Shared>>) {
    let request = read_message(&mut client).await;
    let (template, simulator) = {
        let shared = shared.lock().unwrap();
        let template = if request.starts_with(b"GET") { &shared.customer } else { &shared.session };
        (template.clone(), shared.simulator.clone())
    };
    let mut stripe = TcpStream::connect(simulator).await.unwrap();
    stripe.write_all(&request).await.unwrap();
    let response = read_message(&mut stripe).await;
    let bytes = match template {
        None => response,
        Some(template) => {
            let body = String::from_utf8(response[head_length(&response).unwrap()..].to_vec()).unwrap();
            let (length, chunk) = (body.len().to_string(), format!("{:x}\r\n{body}\r\n", body.len()));
            template.replace("{length}", &length).replace("{chunk}", &chunk).replace("{body}", &body).into_bytes()
        }
    };
    drop(client.write_all(&bytes).await);
    drop(client.shutdown().await);
    // Everything that the client sends is read, because closing earlier would reset the connection.
    drop(client.read_to_end(&mut Vec::new()).await);
}

fn head_length(message: &[u8]) -> Option<usize> {
    Some(message.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4)
}

/// Reads a message with a head, and a body of the length in its head.
async fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        if let Some(head) = head_length(&message) {
            let text = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if message.len() >= head + length.unwrap_or(0_usize) {
                return message;
            }
        }
        if stream.read_buf(&mut message).await.unwrap() == 0 {
            return message;
        }
    }
}
