//! The resume file: rows that were already checked at Stripe, so that an interrupted run continues instead of starting
//! again.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::SettingError,
    portal::{Recheck, Refusal},
};

/// A row of the directory, and the result of its check.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct CheckedRow {
    /// The tenant, valid or not.
    pub tenant: String,
    /// The value in the customer column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// `OK`, the reason of a refusal, or another result of the command.
    pub reason: String,
    /// What exactly is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The independent evidence that names the tenant; for a backfill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// The `reason` of a verified row.
pub const VERIFIED: &str = "OK";

impl CheckedRow {
    /// Creates the row of a customer that names the tenant.
    #[must_use]
    pub fn verified(tenant: &str, customer: &str) -> Self {
        let customer = Some(customer.to_owned());
        Self { tenant: tenant.to_owned(), customer, reason: VERIFIED.to_owned(), ..Self::default() }
    }

    /// Creates the row of a refusal. The detail is the integrity failure, or the cause of what the data does not explain.
    pub(super) fn refused(tenant: &str, customer: &str, refusal: &Refusal) -> Self {
        let is_explained = refusal.reason().recheck() == Recheck::SameUntilDataChanges;
        let cause = (!is_explained).then(|| refusal.to_string());
        Self {
            reason: refusal.reason().as_str().to_owned(),
            detail: refusal.integrity().map(|integrity| integrity.as_str().to_owned()).or(cause),
            ..Self::verified(tenant, customer)
        }
    }

    /// Returns whether the customer names the tenant.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.reason == VERIFIED
    }

    /// Returns whether the row is the one of [`Self::verified`], without anything else to remember.
    fn is_plain(&self) -> bool {
        self.is_verified() && self.evidence.is_none()
    }

    fn key(&self) -> (&str, &str) {
        (&self.tenant, self.customer.as_deref().unwrap_or_default())
    }
}

/// The length of the shortest line for a row, in bytes, to estimate their number.
const MIN_LINE_BYTES: u64 = 64;

/// The settings that the results depend on; the first line of the file.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct RunSettings {
    /// The base URL of the API.
    pub stripe_api_base: String,
    /// The name of the mode.
    pub stripe_mode: String,
    /// The metadata key by which a customer names its tenant.
    pub tenant_metadata_key: String,
    /// The settings of a backfill; `None` for an audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<BackfillSettings>,
}

/// The settings of a backfill that its results depend on.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct BackfillSettings {
    /// Whether it writes.
    pub write: bool,
    /// The kinds of evidence that it compares.
    pub evidence: Vec<String>,
}

/// An open resume file, locked for one run.
#[derive(Debug)]
pub struct ResumeFile {
    path: PathBuf,
    file: File,
    checked: CheckedRows,
}

/// The rows of an earlier run. There may be millions of verified ones, so only a hash of each is kept.
#[derive(Debug, Default)]
struct CheckedRows {
    hashers: [RandomState; 2],
    /// Sorted.
    verified: Vec<u128>,
    /// By tenant and customer.
    others: HashMap<(String, String), CheckedRow>,
}

impl CheckedRows {
    fn read(lines: impl Iterator<Item = io::Result<Vec<u8>>>, capacity: usize) -> io::Result<Self> {
        let mut rows = Self { verified: Vec::with_capacity(capacity), ..Self::default() };
        for line in lines {
            // The last line is incomplete if the run was interrupted while it was written.
            let Ok(row) = serde_json::from_slice::<CheckedRow>(&line?) else { continue };
            let (tenant, customer) = row.key();
            if row.is_plain() {
                rows.verified.push(rows.hash(tenant, customer));
            } else {
                rows.others.insert((tenant.to_owned(), customer.to_owned()), row);
            }
        }
        rows.verified.sort_unstable();
        Ok(rows)
    }

    /// 128 bits, from two keys that are random in each process: no two rows of a directory have the same hash.
    fn hash(&self, tenant: &str, customer: &str) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one((tenant, customer))));
        high << 64 | low
    }

    fn get(&self, tenant: &str, customer: &str) -> Option<CheckedRow> {
        if self.verified.binary_search(&self.hash(tenant, customer)).is_ok() {
            return Some(CheckedRow::verified(tenant, customer));
        }
        self.others.get(&(tenant.to_owned(), customer.to_owned())).cloned()
    }
}

impl ResumeFile {
    /// Opens the file of `--resume`, if it is given.
    ///
    /// # Errors
    /// If the file cannot be opened, belongs to a run with different settings, or is in use.
    pub fn of_option(path: Option<&Path>, settings: &RunSettings) -> Result<Option<Self>, SettingError> {
        let Some(path) = path else { return Ok(None) };
        let unusable = |error| SettingError::new("--resume", format!("cannot use {}: {error}", path.display()));
        Self::open(path, settings).map(Some).map_err(unusable)
    }

    /// Reads the rows of an earlier run, and appends to the file from then on.
    ///
    /// # Errors
    /// If the file cannot be opened, belongs to a run with different settings, or is in use.
    fn open(path: &Path, settings: &RunSettings) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.try_lock().map_err(|_| io::Error::other("it is in use by another run"))?;
        let capacity = usize::try_from(file.metadata()?.len() / MIN_LINE_BYTES).map_err(io::Error::other)?;
        let mut lines = BufReader::new(&file).split(b'\n');
        let mut checked = CheckedRows::default();
        match lines.next().transpose()? {
            None => write_line(&mut file, settings)?,
            Some(first) if serde_json::from_slice::<RunSettings>(&first).is_ok_and(|found| found == *settings) => {
                checked = CheckedRows::read(lines, capacity)?;
                // Separates an incomplete last line from the next row.
                file.write_all(b"\n")?;
            }
            Some(_) => {
                let problem = "it is not a resume file, or it belongs to a run with different settings; \
                               use a different file";
                return Err(io::Error::other(problem));
            }
        }
        Ok(Self { path: path.to_owned(), file, checked })
    }

    pub(super) fn checked_row(&self, tenant: &str, customer: &str) -> Option<CheckedRow> {
        self.checked.get(tenant, customer)
    }

    pub(super) fn add(&mut self, row: &CheckedRow) -> io::Result<()> {
        write_line(&mut self.file, row)
    }

    /// Deletes the file. Called after a complete run, so that a later run checks every row again.
    ///
    /// # Errors
    /// If the file cannot be deleted.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(self.path)
    }
}

/// Writes a line with one system call, so that a run that is killed leaves at most one incomplete line.
fn write_line(file: &mut File, row: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(row)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: &str) -> RunSettings {
        RunSettings {
            stripe_api_base: "x".to_owned(),
            stripe_mode: mode.to_owned(),
            tenant_metadata_key: "k".to_owned(),
            backfill: None,
        }
    }

    #[test]
    fn resumes_after_an_incomplete_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resume");
        let row = |tenant: &str| CheckedRow::verified(tenant, "cus_A");
        let mut first = ResumeFile::open(&path, &settings("test")).unwrap();
        first.add(&row("acme")).unwrap();
        first.file.write_all(b"{\"tenant\":\"glo").unwrap();
        assert!(ResumeFile::open(&path, &settings("test")).is_err(), "a file is used by one run at a time");
        drop(first);
        let mut second = ResumeFile::open(&path, &settings("test")).unwrap();
        assert_eq!(second.checked_row("acme", "cus_A"), Some(row("acme")));
        assert_eq!(second.checked_row("acme", "cus_B"), None, "a changed row is checked again");
        let refused = CheckedRow { reason: "TENANT_PROOF_MISSING".to_owned(), ..row("globex") };
        let with_evidence = CheckedRow { evidence: Some("client-reference-id".to_owned()), ..row("initech") };
        second.add(&refused).unwrap();
        second.add(&with_evidence).unwrap();
        drop(second);
        assert!(ResumeFile::open(&path, &settings("live")).is_err(), "the mode is part of the settings");
        let third = ResumeFile::open(&path, &settings("test")).unwrap();
        assert_eq!(third.checked_row("globex", "cus_A"), Some(refused));
        assert_eq!(third.checked_row("initech", "cus_A"), Some(with_evidence));
        third.remove().unwrap();
        assert!(!path.exists());
    }
}
