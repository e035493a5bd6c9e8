//! A minimal Stripe that costs little, because it shares a processor with the driver. It answers the two requests of a call
//! after a delay, and counts connections. The answers have the members of the strict simulator's, which the test compares.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running fake, on this runtime. Dropping it closes the listener.
pub struct Stripe {
    /// The base URL.
    pub url: String,
    connections: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Stripe {
    /// Starts a fake that answers each request after a delay.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(delay: Duration) -> Result<Self> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(16_384)?;
        let url = format!("http://{}", listener.local_addr()?);
        let connections = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(accept(listener, delay, Arc::clone(&connections)));
        Ok(Self { url, connections, accepting })
    }

    /// Returns how many connections were opened.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, delay: Duration, connections: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            // The contender notices a connection that ends, and its call fails.
            drop(serve(stream, delay).await);
        });
    }
}

async fn serve(mut stream: TcpStream, delay: Duration) -> Result<()> {
    stream.set_nodelay(true)?;
    // The connections of 5,000 calls should not fill the memory.
    let mut buffer = Vec::with_capacity(1_024);
    while stream.read_buf(&mut buffer).await? > 0 {
        let Some((answer, length)) = answer(&buffer)? else { continue };
        buffer.drain(..length);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Returns the answer to a request and the length of the request, or `None` if the request is not complete.
fn answer(bytes: &[u8]) -> Result<Option<(String, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else { return Ok(None) };
    let header = |name| request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let rest = bytes.get(head..).unwrap_or_default();
    let (body, length) = match (header("transfer-encoding"), header("content-length")) {
        (Some(_), _) => match chunks(rest)? {
            Some((body, length)) => (Cow::Owned(body), length),
            None => return Ok(None),
        },
        (None, length) => {
            let length =
                length.map_or(Ok(0), |header| std::str::from_utf8(header.value)?.parse::<usize>().context("length"))?;
            let Some(body) = rest.get(..length) else { return Ok(None) };
            (Cow::Borrowed(body), length)
        }
    };
    let answer = match request.path.and_then(|path| path.strip_prefix("/v1/customers/")) {
        Some(customer) => self::customer(customer.split('?').next().unwrap_or_default())?,
        None => session(&body)?,
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\n\
         stripe-version: 2026-09-30.endive\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    Ok(Some((answer, head + length)))
}

/// Returns a body that was sent in chunks, as Stripe's library for Go does, and the length of the chunks, or `None` if the last
/// one is not there yet.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut start) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(start..).unwrap_or_default();
        let (head, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((head, size))) => (head, usize::try_from(size)?),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => anyhow::bail!("chunk"),
        };
        // Each chunk ends with CR LF, also the last one, which is empty.
        let Some(chunk) = rest.get(head..head + size + 2) else { return Ok(None) };
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
        start += head + size + 2;
        if size == 0 {
            return Ok(Some((body, start)));
        }
    }
}

/// The id of the customer of a tenant.
pub const CUSTOMER: &str = "cus_T";

fn customer(id: &str) -> Result<String> {
    let tenant = format!("tenant-{}", id.strip_prefix(CUSTOMER).context("customer")?);
    Ok(json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": 1_700_000_000, "currency": "usd",
        "customer_account": null, "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": null, "invoice_prefix": "0000000", "invoice_settings": {"custom_fields": null,
        "default_payment_method": null, "footer": null, "rendering_options": null}, "livemode": false,
        "metadata": {"tenant_id": tenant}, "name": null, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    })
    .to_string())
}

fn session(body: &[u8]) -> Result<String> {
    let value = |name| form_urlencoded::parse(body).find_map(|(key, value)| (key == name).then_some(value));
    Ok(json!({
        "id": "bps_1bench", "object": "billing_portal.session", "configuration": "bpc_1bench",
        "created": 1_700_000_000, "customer": value("customer").context("customer")?, "customer_account": null,
        "flow": null, "livemode": false, "locale": value("locale"), "on_behalf_of": null,
        "return_url": value("return_url"),
        "url": "https://billing.stripe.com/p/session/test_0123456789abcdef0123456789abcdef0123456789abcdef",
    })
    .to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use stripe_simulator::{Customer, Mode, Simulator};

    use super::*;

    /// Sends a request, and returns the body of the answer.
    async fn body(base: &str, key: &str, request: &str, form: &str) -> Value {
        let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Replaces each string and number, because these may differ.
    fn shape(value: &Value) -> Value {
        match value {
            Value::String(_) => "string".into(),
            Value::Number(_) => 0.into(),
            Value::Array(elements) => elements.iter().map(shape).collect(),
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    #[test]
    fn request_may_be_chunked_and_arrive_in_parts() {
        let request = "POST /v1/billing_portal/sessions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
                       9\r\ncustomer=\r\n6\r\ncus_T1\r\n0\r\n\r\n";
        for end in 0..request.len() {
            assert!(answer(&request.as_bytes()[..end]).unwrap().is_none(), "{end}");
        }
        let (answer, length) = answer(format!("{request}GET").as_bytes()).unwrap().unwrap();
        assert!(answer.contains(r#""customer":"cus_T1""#) && length == request.len());
    }

    #[tokio::test]
    async fn answers_have_the_members_of_the_simulator() {
        let simulator = Simulator::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        simulator.add_customer(Customer::new("cus_T1").metadata("tenant_id", "tenant-1"));
        let fake = Stripe::start(Duration::ZERO).await.unwrap();
        for (request, form) in [
            ("GET /v1/customers/cus_T1", ""),
            ("POST /v1/billing_portal/sessions", "customer=cus_T1&return_url=https%3A%2F%2Fapp.example.com%2F%3Fa%3D1"),
        ] {
            let expected = body(simulator.base_url(), simulator.secret_key(Mode::Test), request, form).await;
            let answer = body(&fake.url, "sk_test_bench", request, form).await;
            assert_eq!(shape(&answer), shape(&expected));
            for member in ["customer", "return_url", "metadata", "livemode"] {
                assert_eq!(answer[member], expected[member]);
            }
        }
        assert_eq!(fake.connections(), 2);
    }
}
