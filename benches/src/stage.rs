//! What the contenders read, in a folder of its own: keys, directories, a flag. And the tokens that callers send.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};

use crate::{contender, postgres::Postgres, stripe::CUSTOMER};

/// The issuer, the origin of return URLs and the secret key.
pub const ISSUER: &str = "https://login.example.com";
pub const ORIGIN: &str = "https://app.example.com";
const SECRET_KEY: &str = "sk_test_bench";

/// A directory with a number of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Directory {
    Sqlite(usize),
    Postgres(usize),
}

impl Directory {
    /// Returns how many tenants it has.
    pub const fn tenants(self) -> usize {
        match self {
            Self::Sqlite(tenants) | Self::Postgres(tenants) => tenants,
        }
    }
}

/// The files, the servers, and the key that signs tokens.
pub struct Stage {
    folder: TempDir,
    key: Ed25519KeyPair,
    postgres: Option<Postgres>,
    urls: HashMap<Directory, String>,
}

impl Stage {
    /// Creates the files. A directory is created when it is first used.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn new() -> Result<Self> {
        // Not in /tmp, which may be in memory: flushes must reach a disk.
        let folder = tempfile::tempdir_in(contender::programs()?)?;
        let stage = Self { folder, key: Ed25519KeyPair::generate()?, postgres: None, urls: HashMap::new() };
        let x = URL_SAFE_NO_PAD.encode(stage.key.public_key().as_ref());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "bench", "x": x}]});
        let flag = json!({"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"});
        fs::write(stage.path("jwks.json"), keys.to_string())?;
        fs::write(stage.path("flags.json"), json!({"flags": {"billing-portal": flag}}).to_string())?;
        fs::write(stage.path("stripe.key"), SECRET_KEY)?;
        Ok(stage)
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the URL of a directory.
    ///
    /// # Errors
    /// If it cannot be created.
    pub async fn directory(&mut self, directory: Directory) -> Result<String> {
        if let Some(url) = self.urls.get(&directory) {
            return Ok(url.clone());
        }
        let url = match directory {
            Directory::Sqlite(tenants) => {
                let path = self.path(&format!("tenants-{tenants}.db"));
                rusqlite::Connection::open(&path)?.execute_batch(&fill(tenants))?;
                format!("sqlite:{}", path.display())
            }
            Directory::Postgres(tenants) => {
                if self.postgres.is_none() {
                    self.postgres = Some(Postgres::start(self.path("postgres.log")).await?);
                }
                let Some(postgres) = &self.postgres else { unreachable!("started above") };
                let database = format!("tenants_{tenants}");
                let mut connection = postgres.create(&database).await?;
                // Autovacuum would do the same at some time, possibly during a measurement.
                let vacuum = "VACUUM ANALYZE billing_portal_tenants, billing_portal_owners";
                sqlx::raw_sql(AssertSqlSafe(fill(tenants))).execute(&mut connection).await?;
                sqlx::raw_sql(vacuum).execute(&mut connection).await?;
                sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
                connection.close().await?;
                postgres.url(&database)
            }
        };
        self.urls.insert(directory, url.clone());
        Ok(url)
    }

    /// Compiles the library that makes flushes slow.
    ///
    /// # Errors
    /// If the compiler fails.
    pub fn slow_disk(&self) -> Result<PathBuf> {
        let (source, library) = (self.path("slow_disk.c"), self.path("slow_disk.so"));
        fs::write(&source, include_str!("slow_disk.c"))?;
        let status = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).args([&library, &source]).status()?;
        anyhow::ensure!(status.success(), "cc: {status}");
        Ok(library)
    }

    /// Signs tokens of different tenants with a role. Each is different, and begins with `Bearer`.
    ///
    /// # Errors
    /// If the clock is before 1970.
    pub fn tokens(&self, count: usize, tenants: usize, role: &str) -> Result<Arc<[MetadataValue<Ascii>]>> {
        // Spreads the tokens over the tenants: coprime to their number.
        const STRIDE: usize = 7_919;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header =
            URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "typ": "principal+jwt", "kid": "bench"}).to_string());
        let sign = |number: usize| {
            let tenant = format!("tenant-{}", number * STRIDE % tenants + 1);
            let claims = json!({"iss": ISSUER, "aud": "billing-portal", "sub": "owner", "tenant": tenant,
                "role": role, "iat": now, "exp": now + 300, "jti": number.to_string()});
            let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
            let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
            Ok(format!("Bearer {signed}.{signature}").parse()?)
        };
        (0..count).map(sign).collect()
    }
}

/// Returns the statements that fill a directory.
fn fill(tenants: usize) -> String {
    format!(
        "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
         CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
         INSERT INTO billing_portal_tenants
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {tenants})
             SELECT 'tenant-' || i, '{CUSTOMER}' || i FROM n;
         INSERT INTO billing_portal_owners SELECT tenant_id, 'owner' FROM billing_portal_tenants;
         CREATE INDEX customers ON billing_portal_tenants (stripe_customer_id);
         CREATE INDEX tenants ON billing_portal_tenants (tenant_id);
         CREATE INDEX owners ON billing_portal_owners (tenant_id, user_id);"
    )
}
