//! The unavoidable work of a session: the query of a call before and after Stripe's answer, the two requests, and two durable
//! audit lines.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::adapters::directory::{Dialect, Ownership, Relations};
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

use crate::{audit::Audit, stripe::Stripe};

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
    directory: PathBuf,
    idle: Mutex<Vec<Connection>>,
    query: String,
    stripe: Stripe,
    audit: Audit,
}

impl Sessions {
    pub(crate) fn new(directory: &Path, stripe: Stripe, audit: &Path) -> Result<Self> {
        let relations =
            Relations { schema: String::new(), ownership: Ownership::TokenAndDirectory, tenants: None, owners: None };
        // The statement of the service.
        let query = relations.query(Dialect::Sqlite, "", "").text().to_string();
        let (directory, idle) = (directory.to_owned(), Mutex::default());
        Ok(Self { directory, idle, query, stripe, audit: Audit::new(audit)? })
    }

    pub(crate) async fn open(&self, signed: &str, return_url: &str) -> Result<String> {
        let claims = signed.split_once('.').context("claims")?.1;
        let claims = URL_SAFE_NO_PAD.decode(claims)?;
        let Claims { tenant, sub } = serde_json::from_slice(&claims)?;
        let customer = self.customer(tenant, sub)?;
        self.audit.line(line(tenant, sub, &customer, "intent")).await?;
        let session = self.stripe.open(&customer, return_url).await?;
        self.customer(tenant, sub)?;
        let Session { url } = serde_json::from_slice(&session)?;
        self.audit.line(line(tenant, sub, &customer, "OK")).await?;
        Ok(url)
    }

    /// Reads on the thread of the call, where it costs least, and where a file that is slow or locked would stop other calls.
    fn customer(&self, tenant: &str, user: &str) -> Result<String> {
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match connection {
            Some(connection) => connection,
            None => Connection::open_with_flags(
                &self.directory,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?,
        };
        let mut customer = None;
        let mut statement = connection.prepare_cached(&self.query)?;
        let mut rows = statement.query([tenant, user])?;
        while let Some(row) = rows.next()? {
            if row.get_ref(0)?.as_str()? == "mapping" {
                customer = Some(row.get(3)?);
            }
        }
        drop(rows);
        drop(statement);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        customer.context("no mapping")
    }
}

/// Returns a line as long as an entry of the service.
fn line(tenant: &str, user: &str, customer: &str, event: &str) -> String {
    format!(
        "{{\"event\":\"{event}\",\"tenant\":\"{tenant}\",\"user\":\"{user}\",\"customer\":\"{customer}\",\"other\":\"{:260}\"}}\n",
        ""
    )
}
