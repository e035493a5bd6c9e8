//! The unavoidable work of a session: the query of a call before and after Stripe's answer, the two requests, and two durable
//! audit lines.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::adapters::directory::{Dialect, Ownership, Relations};
use serde::Deserialize;
use sqlx::{
    ConnectOptions as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::sync::{Mutex, Semaphore};

use crate::{audit::Audit, stripe::Stripe};

/// The default of the service.
const CONNECTIONS: usize = 8;

#[derive(Deserialize)]
struct Claims<'a> {
    tenant: &'a str,
    sub: &'a str,
}

#[derive(Deserialize)]
struct Session {
    url: String,
}

pub(crate) struct Sessions {
    /// Not the driver's pool, which tests a connection whenever it is taken and returned.
    idle: Mutex<Vec<SqliteConnection>>,
    free: Semaphore,
    query: &'static str,
    stripe: Stripe,
    audit: Audit,
}

impl Sessions {
    pub(crate) async fn new(directory: &Path, stripe: Stripe, audit: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(directory).read_only(true).disable_statement_logging();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            idle.push(options.connect().await?);
        }
        let relations =
            Relations { schema: String::new(), ownership: Ownership::TokenAndDirectory, tenants: None, owners: None };
        // The statement of the service. The driver prepares it once for each connection.
        let query = relations.query(Dialect::Sqlite, "", "").text().to_string().leak();
        let (idle, free) = (Mutex::new(idle), Semaphore::new(CONNECTIONS));
        Ok(Self { idle, free, query, stripe, audit: Audit::new(audit)? })
    }

    pub(crate) async fn open(&self, signed: &str, return_url: &str) -> Result<String> {
        let claims = signed.split_once('.').context("claims")?.1;
        let claims = URL_SAFE_NO_PAD.decode(claims)?;
        let Claims { tenant, sub } = serde_json::from_slice(&claims)?;
        let customer = self.customer(tenant, sub).await?;
        self.audit.line(line(tenant, sub, &customer, "intent")).await?;
        let session = self.stripe.open(&customer, return_url).await?;
        self.customer(tenant, sub).await?;
        let Session { url } = serde_json::from_slice(&session)?;
        self.audit.line(line(tenant, sub, &customer, "OK")).await?;
        Ok(url)
    }

    async fn customer(&self, tenant: &str, user: &str) -> Result<String> {
        let _free = self.free.acquire().await?;
        let mut connection = self.idle.lock().await.pop().context("no connection")?;
        let rows = sqlx::query(self.query).bind(tenant).bind(user).fetch_all(&mut connection).await?;
        self.idle.lock().await.push(connection);
        let mapping = rows.iter().find(|row| row.get::<&str, _>("fact") == "mapping").context("no mapping")?;
        Ok(mapping.get("stripe_customer_id"))
    }
}

/// Returns a line as long as an entry of the service.
fn line(tenant: &str, user: &str, customer: &str, event: &str) -> String {
    format!(
        "{{\"event\":\"{event}\",\"tenant\":\"{tenant}\",\"user\":\"{user}\",\"customer\":\"{customer}\",\"other\":\"{:260}\"}}\n",
        ""
    )
}
