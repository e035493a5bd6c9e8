//! A document at an https URL that is fetched again while we run: the key set of the product's login.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::timeout,
};
use url::Url;

use crate::reload::{file::Parse, tls};

/// The longest a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How soon a document that was never had is asked for again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often a fetch may be brought forward, whoever asks for it.
const EARLY_PAUSE: Duration = Duration::from_secs(30);

/// The largest document, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Why there is no new value.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer; it is asked for again.
    #[error("it can't be fetched: {0}")]
    NotReached(String),
    /// An answer that is no such document.
    #[error("it was refused: {0}")]
    Refused(String),
}

/// The last good value of a document, and when it was last fetched good.
pub struct ReloadingUrl<T> {
    shared: Arc<Shared<T>>,
    fetching: JoinHandle<()>,
}

struct Shared<T> {
    name: &'static str,
    url: Url,
    parse: Parse<T>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    value: watch::Sender<Option<Arc<T>>>,
    early: Notify,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    good_at: Option<Instant>,
    early_at: Option<Instant>,
    error: Option<String>,
}

impl<T: Send + Sync + 'static> ReloadingUrl<T> {
    /// Fetches the document, then again after each `refresh` on the current runtime until the handle is dropped. `name` is
    /// the setting that the log names. A document that is not reached is asked for again; redirects are not followed.
    ///
    /// # Errors
    /// [`FetchError::Refused`] for a first answer that is no such document; an error of the system's when it has no roots.
    pub async fn open(name: &'static str, url: Url, parse: Parse<T>, refresh: Duration) -> Result<Self, FetchError> {
        let tls = tls::client_config().map_err(|error| FetchError::Refused(error.to_string()))?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let (value, early) = (watch::channel(None).0, Notify::new());
        let shared = Arc::new(Shared { name, url, parse, client, value, early, times: Mutex::default() });
        match shared.refresh().await {
            Err(error @ FetchError::Refused(_)) => return Err(error),
            first => shared.tell(first),
        }
        let fetching = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    let pause = if shared.value.borrow().is_some() { refresh } else { FIRST_PAUSE.min(refresh) };
                    drop(timeout(pause, shared.early.notified()).await);
                    shared.tell(shared.refresh().await);
                }
            }
        });
        Ok(Self { shared, fetching })
    }

    /// The last good value, unless it was last fetched good longer than `max_age` ago.
    #[must_use]
    pub fn get_fresh(&self, max_age: Duration) -> Option<Arc<T>> {
        let good_at = self.shared.times().good_at?;
        (good_at.elapsed() <= max_age).then(|| self.shared.value.borrow().clone()).flatten()
    }

    /// Brings the next fetch forward, at most once in 30 s: what is missing may have been published just now.
    pub fn fetch_soon(&self) {
        let mut times = self.shared.times();
        if times.early_at.is_none_or(|at| at.elapsed() >= EARLY_PAUSE) {
            times.early_at = Some(Instant::now());
            self.shared.early.notify_one();
        }
    }

    /// Waits for the first good value.
    pub async fn loaded(&self) {
        // The sender lives as long as the handle.
        drop(self.shared.value.subscribe().wait_for(Option::is_some).await);
    }
}

impl<T> Shared<T> {
    async fn refresh(&self) -> Result<(), FetchError> {
        let bytes = timeout(TIMEOUT, self.fetch()).await.unwrap_or_else(|_| not_reached("no answer in time"))?;
        let value = (self.parse)(&bytes).map_err(FetchError::Refused)?;
        self.times().good_at = Some(Instant::now());
        self.value.send_replace(Some(Arc::new(value)));
        Ok(())
    }

    /// Logs what is new: the first good value, a failure, and its end.
    fn tell(&self, outcome: Result<(), FetchError>) {
        let error = outcome.err().map(|error| error.to_string());
        let mut times = self.times();
        if let Some(error) = &error
            && times.error.as_ref() != Some(error)
        {
            let kept_last_good = times.good_at.is_some();
            tracing::error!(setting = self.name, url = %self.url, error, kept_last_good, "not fetched");
        } else if error.is_none() && times.error.is_some() {
            tracing::info!(setting = self.name, url = %self.url, "fetched");
        }
        times.error = error;
    }

    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.url.as_str()).header(header::ACCEPT, "application/json").body(Empty::new());
        let request = request.map_err(|error| FetchError::Refused(error.to_string()))?;
        let (head, body) = match self.client.request(request).await {
            Ok(response) => response.into_parts(),
            Err(error) => return not_reached(&chain(&error)),
        };
        if head.status.is_redirection() {
            return Err(FetchError::Refused(format!("{} leads elsewhere; name the document's own URL", head.status)));
        }
        if head.status != StatusCode::OK {
            return not_reached(&head.status.to_string());
        }
        match Limited::new(body, MAX_BYTES).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(FetchError::Refused(format!("it is over {MAX_BYTES} bytes")))
            }
            Err(error) => not_reached(&chain(&*error)),
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_reached<T>(cause: &str) -> Result<T, FetchError> {
    Err(FetchError::NotReached(cause.to_owned()))
}

/// An error with all that is underneath: the outermost text of a TLS failure says only that there was no connection.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

impl<T> Drop for ReloadingUrl<T> {
    fn drop(&mut self) {
        self.fetching.abort();
    }
}

impl<T> fmt::Debug for ReloadingUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadingUrl").field("url", &self.shared.url.as_str()).finish_non_exhaustive()
    }
}
