//! A document at an https URL that is fetched again while the process runs: the key set of the identity provider.
//!
//! The fetch loop is our own. The contract does not allow redirects, requires that an invalid key set is refused as a
//! whole, and keeps the last valid set for a configured time; a key set crate would have nothing left to do.

mod source;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{
    egress::{Connector, Proxy, ProxyError},
    reload::{
        exchange_limit::{self, LimitedConnector},
        status::Status,
    },
    supervisor,
    telemetry::chain,
    tls,
};

/// The time limit of one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause between two fetches until the first one succeeds.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two requests for an early fetch.
const EARLY_INTERVAL: Duration = Duration::from_secs(30);

/// The largest document, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Why a fetch did not result in a valid value.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No document was received. The fetch is repeated.
    #[error("cannot be fetched: {0}")]
    Unreachable(String),
    /// The response is not a valid document.
    #[error("refused: {0}")]
    Invalid(String),
}

/// The last valid value of a document, and when it was fetched.
pub struct ReloadingUrl<T> {
    shared: Arc<Shared<T>>,
    _fetching: AbortOnDropHandle<()>,
}

type Parse<T> = dyn Fn(&[u8]) -> Result<T, FetchError> + Send + Sync;

struct Shared<T> {
    setting: &'static str,
    url: Url,
    parse: Box<Parse<T>>,
    client: Client<LimitedConnector, Empty<Bytes>>,
    value: watch::Sender<Option<Arc<T>>>,
    early: Notify,
    fetching: tokio::sync::Mutex<()>,
    status: Arc<Status>,
    latest: Mutex<Latest>,
}

/// The latest fetches.
#[derive(Default)]
struct Latest {
    /// The latest valid document.
    document: Option<Bytes>,
    early_at: Option<Instant>,
    error: Option<String>,
}

impl<T: Send + Sync + 'static> ReloadingUrl<T> {
    /// Fetches the document once, then again after each `refresh` interval until the handle is dropped, in a task on
    /// the current runtime. `setting` is the flag that names the URL, for the log. A failed fetch is repeated;
    /// redirects are not followed. Connects through `proxy`, if there is one.
    ///
    /// # Errors
    /// [`FetchError::Invalid`] if the first response is not a valid document, or if the system has no trusted roots.
    pub async fn open<E: fmt::Display>(
        setting: &'static str,
        url: Url,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
        refresh: Duration,
        proxy: Option<&Proxy>,
    ) -> Result<Self, FetchError> {
        let parse: Box<Parse<T>> =
            Box::new(move |bytes| parse(bytes).map_err(|error| FetchError::Invalid(error.to_string())));
        let tls = tls::client_config().map_err(|error| FetchError::Invalid(error.to_string()))?;
        let tcp = Connector::new(proxy, &tls, FETCH_TIMEOUT * 3 / 4);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(exchange_limit::limited(connector, FETCH_TIMEOUT));
        let (value, early) = (watch::channel(None).0, Notify::new());
        let (status, latest) = (Status::of(setting), Mutex::default());
        let fetching = tokio::sync::Mutex::default();
        let shared = Arc::new(Shared { setting, url, parse, client, value, early, fetching, status, latest });
        match shared.refresh().await {
            Err(error @ FetchError::Invalid(_)) => return Err(error),
            first => shared.log(first),
        }
        let fetched = Arc::clone(&shared);
        let fetching = supervisor::spawn(setting, move || Arc::clone(&fetched).refresh_repeatedly(refresh));
        Ok(Self { shared, _fetching: fetching })
    }

    /// Returns how long ago the last valid value was fetched, or `None` if there is none.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.shared.status.age()
    }

    /// Returns the last valid value, unless it was fetched longer than `max_age` ago.
    #[must_use]
    pub fn get_fresh(&self, max_age: Duration) -> Option<Arc<T>> {
        (self.age()? <= max_age).then(|| self.shared.value.borrow().clone()).flatten()
    }

    /// Requests an early fetch, at most once in 30 s, because a missing key may have just been published.
    pub fn refresh_soon(&self) {
        let mut latest = self.shared.latest();
        if latest.early_at.is_none_or(|at| at.elapsed() >= EARLY_INTERVAL) {
            latest.early_at = Some(Instant::now());
            self.shared.early.notify_one();
        }
    }

    /// Waits for the first valid value.
    pub async fn loaded(&self) {
        // The sender lives as long as the handle.
        drop(self.shared.value.subscribe().wait_for(Option::is_some).await);
    }
}

impl<T> Shared<T> {
    async fn refresh_repeatedly(self: Arc<Self>, interval: Duration) {
        loop {
            let pause = if self.value.borrow().is_some() { interval } else { FIRST_INTERVAL.min(interval) };
            drop(timeout(pause, self.early.notified()).await);
            self.log(self.refresh().await);
        }
    }

    async fn refresh(&self) -> Result<(), FetchError> {
        // One fetch at a time, so that an older one never replaces a newer one.
        let _fetching = self.fetching.lock().await;
        let bytes =
            timeout(FETCH_TIMEOUT, self.fetch()).await.unwrap_or_else(|_| unreachable("no response in time"))?;
        let is_new = self.latest().document.as_ref() != Some(&bytes);
        if is_new {
            self.value.send_replace(Some(Arc::new((self.parse)(&bytes)?)));
            self.latest().document = Some(bytes);
        }
        self.status.valid(is_new);
        Ok(())
    }

    /// Logs each change: a new error, and the first success after an error.
    fn log(&self, outcome: Result<(), FetchError>) {
        let error = outcome.err().map(|error| error.to_string());
        if error.is_some() {
            self.status.failed();
        }
        let mut latest = self.latest();
        if let Some(error) = &error
            && latest.error.as_ref() != Some(error)
        {
            let kept_last_good = self.status.age().is_some();
            tracing::error!(setting = self.setting, url = %self.url, error, kept_last_good, "document not fetched");
        } else if error.is_none() && latest.error.is_some() {
            tracing::info!(setting = self.setting, url = %self.url, "document fetched");
        }
        latest.error = error;
    }

    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.url.as_str()).header(header::ACCEPT, "application/json").body(Empty::new());
        let request = request.map_err(|error| FetchError::Invalid(error.to_string()))?;
        let (head, body) = match self.client.request(request).await {
            Ok(response) => response.into_parts(),
            Err(error) if exchange_limit::is_exceeded(&error) => return Err(FetchError::Invalid(chain(&error))),
            Err(error) => {
                return unreachable(&ProxyError::find(&error).map_or_else(|| chain(&error), ToString::to_string));
            }
        };
        if head.status.is_redirection() {
            return Err(FetchError::Invalid(format!(
                "{} redirects are not followed; configure the document's final URL",
                head.status
            )));
        }
        if head.status != StatusCode::OK {
            return unreachable(&head.status.to_string());
        }
        match Limited::new(body, MAX_BYTES).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(FetchError::Invalid(format!("larger than {MAX_BYTES} bytes")))
            }
            Err(error) if exchange_limit::is_exceeded(&*error) => Err(FetchError::Invalid(chain(&*error))),
            Err(error) => unreachable(&chain(&*error)),
        }
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable<T>(cause: &str) -> Result<T, FetchError> {
    Err(FetchError::Unreachable(cause.to_owned()))
}

impl<T> fmt::Debug for ReloadingUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadingUrl").field("url", &self.shared.url.as_str()).finish_non_exhaustive()
    }
}
