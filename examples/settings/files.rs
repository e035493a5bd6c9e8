//! The folder with the files that the service reads and writes. In production, an operator provides them.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use tempfile::{NamedTempFile, TempDir};

use crate::people::{GLOBEX, PEOPLE};

/// The flag's key in the flag file.
pub(crate) const FLAG_KEY: &str = "billing-portal";

const SCHEMA: &str = "
DROP TABLE IF EXISTS billing_portal_tenants;
DROP TABLE IF EXISTS billing_portal_owners;
CREATE TABLE billing_portal_tenants (tenant_id TEXT PRIMARY KEY, stripe_customer_id TEXT UNIQUE);
CREATE TABLE billing_portal_owners (tenant_id TEXT, user_id TEXT, PRIMARY KEY (tenant_id, user_id));
";

/// The paths of the files.
pub(crate) struct Files {
    folder: PathBuf,
    /// Removes the folder when dropped; `None` with `--state-dir`.
    _temporary: Option<TempDir>,
    stripe_key: PathBuf,
}

impl Files {
    /// Uses `state_dir`, which is created if it does not exist, or a temporary folder.
    pub(crate) fn create(state_dir: Option<&Path>) -> Result<Self> {
        let (folder, temporary) = match state_dir {
            Some(folder) => {
                fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
                (fs::canonicalize(folder)?, None)
            }
            None => {
                let private = fs::Permissions::from_mode(0o700);
                let temporary =
                    tempfile::Builder::new().prefix("billing-portal-settings-").permissions(private).tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let stripe_key = folder.join("stripe-key");
        Ok(Self { folder, _temporary: temporary, stripe_key })
    }

    pub(crate) fn flags(&self) -> PathBuf {
        self.folder.join("flags.json")
    }

    pub(crate) fn audit(&self) -> PathBuf {
        self.folder.join("audit.jsonl")
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.join("directory.db")
    }

    pub(crate) fn key_set(&self) -> PathBuf {
        self.folder.join("principal-jwks.json")
    }

    pub(crate) fn stripe_key(&self) -> &Path {
        &self.stripe_key
    }

    /// Makes the service read a real Stripe key from its own file, so that the key is not copied.
    pub(crate) fn use_stripe_key(&mut self, file: &Path) {
        file.clone_into(&mut self.stripe_key);
    }

    /// Writes the simulator's key.
    pub(crate) fn write_stripe_key(&self, key: &str) -> Result<()> {
        self.write_secret(&self.stripe_key, &format!("{key}\n"))
    }

    pub(crate) fn principal_key(&self) -> PathBuf {
        self.folder.join("principal-key.pem")
    }

    /// Writes the private key, with which another backend on this machine can sign tokens as well.
    pub(crate) fn write_principal_key(&self, pem: &str) -> Result<()> {
        self.write_secret(&self.principal_key(), pem)
    }

    /// Writes a file that only its owner can read, whatever the mode of an existing file is.
    fn write_secret(&self, path: &Path, text: &str) -> Result<()> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// Writes the public keys.
    pub(crate) fn write_key_set(&self, keys: &serde_json::Value) -> Result<()> {
        Ok(fs::write(self.key_set(), format!("{keys:#}\n"))?)
    }

    /// Writes the flag file: on for every tenant except Globex. Tenants that the targeting does not match get the
    /// default variant, so setting `defaultVariant` to `off` or `state` to `DISABLED` switches the feature off.
    pub(crate) fn write_flags(&self) -> Result<()> {
        let flags = serde_json::json!({
            "$schema": "https://flagd.dev/schema/v0/flags.json",
            "flags": { FLAG_KEY: {
                "state": "ENABLED",
                "variants": { "on": true, "off": false },
                "defaultVariant": "on",
                "targeting": { "if": [{ "in": [{ "var": "targetingKey" }, [GLOBEX.id]] }, "off"] },
            }},
        });
        Ok(fs::write(self.flags(), format!("{flags:#}\n"))?)
    }

    /// Recreates the two relations that the service reads.
    pub(crate) fn write_directory(&self, tenants: &[(&str, String)]) -> Result<()> {
        let database = Connection::open(self.directory()).context("cannot create the directory")?;
        database.execute_batch(SCHEMA)?;
        for (tenant, customer) in tenants {
            database.execute("INSERT INTO billing_portal_tenants VALUES (?1, ?2)", (tenant, customer))?;
        }
        for owner in PEOPLE.iter().filter(|person| person.is_owner_in_directory) {
            database.execute("INSERT INTO billing_portal_owners VALUES (?1, ?2)", (owner.tenant.id, owner.id))?;
        }
        Ok(())
    }
}
