//! The resume file: rows that were already checked at Stripe, so that an interrupted run continues instead of starting
//! again.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// A row of the directory, and the result of its check at Stripe.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct CheckedRow {
    pub(super) tenant: String,
    pub(super) customer: String,
    /// `OK`, or the reason of the refusal.
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// The settings that the results depend on; the first line of the file.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct RunSettings {
    pub(super) stripe_api_base: String,
    pub(super) stripe_mode: String,
    pub(super) tenant_metadata_key: String,
}

/// An open resume file, locked for one run.
#[derive(Debug)]
pub(super) struct ResumeFile {
    path: PathBuf,
    file: File,
    checked: HashMap<(String, String), CheckedRow>,
}

impl ResumeFile {
    /// Reads the rows of an earlier run, and appends to the file from then on.
    ///
    /// # Errors
    /// If the file cannot be opened, belongs to a run with different settings, or is in use.
    pub(super) fn open(path: &Path, settings: &RunSettings) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.try_lock().map_err(|_| io::Error::other("it is in use by another run"))?;
        let mut lines = BufReader::new(&file).split(b'\n');
        let mut checked = HashMap::new();
        match lines.next().transpose()? {
            None => write_line(&mut file, settings)?,
            Some(first) if serde_json::from_slice::<RunSettings>(&first).is_ok_and(|found| found == *settings) => {
                for line in lines {
                    // The last line is incomplete if the run was interrupted while it was written.
                    if let Ok(row) = serde_json::from_slice::<CheckedRow>(&line?) {
                        checked.insert((row.tenant.clone(), row.customer.clone()), row);
                    }
                }
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

    pub(super) fn checked_row(&self, tenant: &str, customer: &str) -> Option<&CheckedRow> {
        self.checked.get(&(tenant.to_owned(), customer.to_owned()))
    }

    pub(super) fn add(&mut self, row: &CheckedRow) -> io::Result<()> {
        write_line(&mut self.file, row)
    }

    /// Deletes the file. Called after a complete run, so that a later run checks every row again.
    pub(super) fn remove(self) -> io::Result<()> {
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
        }
    }

    #[test]
    fn resumes_after_an_incomplete_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resume");
        let row = |tenant: &str| CheckedRow {
            tenant: tenant.to_owned(),
            customer: "cus_A".to_owned(),
            reason: "OK".to_owned(),
            detail: None,
        };
        let mut first = ResumeFile::open(&path, &settings("test")).unwrap();
        first.add(&row("acme")).unwrap();
        first.file.write_all(b"{\"tenant\":\"glo").unwrap();
        assert!(ResumeFile::open(&path, &settings("test")).is_err(), "a file is used by one run at a time");
        drop(first);
        let mut second = ResumeFile::open(&path, &settings("test")).unwrap();
        assert_eq!(second.checked_row("acme", "cus_A"), Some(&row("acme")));
        assert_eq!(second.checked_row("acme", "cus_B"), None, "a changed row is checked again");
        second.add(&row("globex")).unwrap();
        drop(second);
        assert!(ResumeFile::open(&path, &settings("live")).is_err(), "the mode is part of the settings");
        let third = ResumeFile::open(&path, &settings("test")).unwrap();
        assert_eq!(third.checked.len(), 2);
        third.remove().unwrap();
        assert!(!path.exists());
    }
}
