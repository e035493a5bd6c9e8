//! What was already asked of Stripe, in a file: a run that ends early is gone on with, not begun anew.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What was found at Stripe for a row.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Answered {
    pub(super) tenant: String,
    pub(super) customer: String,
    /// `OK`, or the refusal's reason.
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// What the answers depend on beside the row; the file's first line.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Terms {
    pub(super) stripe_api_base: String,
    pub(super) stripe_mode: String,
    pub(super) tenant_metadata_key: String,
}

/// The file, held for one run at a time.
#[derive(Debug)]
pub(super) struct ResumeFile {
    path: PathBuf,
    file: File,
    answered: HashMap<(String, String), Answered>,
}

impl ResumeFile {
    /// Reads what is there and goes on behind it.
    ///
    /// # Errors
    /// When the file can't be used, is of another run, or is in use.
    pub(super) fn open(path: &Path, terms: &Terms) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.try_lock().map_err(|_| io::Error::other("another run uses it"))?;
        let mut lines = BufReader::new(&file).split(b'\n');
        let mut answered = HashMap::new();
        match lines.next().transpose()? {
            None => write_line(&mut file, terms)?,
            Some(first) if serde_json::from_slice::<Terms>(&first).is_ok_and(|found| found == *terms) => {
                for line in lines {
                    // The last line may have been cut short when the run ended.
                    if let Ok(row) = serde_json::from_slice::<Answered>(&line?) {
                        answered.insert((row.tenant.clone(), row.customer.clone()), row);
                    }
                }
                // Whatever was cut short is ended, so that it spoils nothing that follows.
                file.write_all(b"\n")?;
            }
            Some(_) => return Err(io::Error::other("it belongs to a run with other settings, or is no such file")),
        }
        Ok(Self { path: path.to_owned(), file, answered })
    }

    pub(super) fn answered(&self, tenant: &str, customer: &str) -> Option<&Answered> {
        self.answered.get(&(tenant.to_owned(), customer.to_owned()))
    }

    pub(super) fn add(&mut self, row: &Answered) -> io::Result<()> {
        write_line(&mut self.file, row)
    }

    /// The run is over, and what it knows grows old.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(self.path)
    }
}

/// One write a line, so that a run that is killed tears one line at most.
fn write_line(file: &mut File, row: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(row)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(mode: &str) -> Terms {
        Terms { stripe_api_base: "x".to_owned(), stripe_mode: mode.to_owned(), tenant_metadata_key: "k".to_owned() }
    }

    #[test]
    fn a_run_goes_on_behind_a_line_that_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resume");
        let row = |tenant: &str| Answered {
            tenant: tenant.to_owned(),
            customer: "cus_A".to_owned(),
            reason: "OK".to_owned(),
            detail: None,
        };
        let mut first = ResumeFile::open(&path, &terms("test")).unwrap();
        first.add(&row("acme")).unwrap();
        first.file.write_all(b"{\"tenant\":\"glo").unwrap();
        assert!(ResumeFile::open(&path, &terms("test")).is_err(), "one run at a time");
        drop(first);
        let mut second = ResumeFile::open(&path, &terms("test")).unwrap();
        assert_eq!(second.answered("acme", "cus_A"), Some(&row("acme")));
        assert_eq!(second.answered("acme", "cus_B"), None, "a row that was changed is asked for again");
        second.add(&row("globex")).unwrap();
        drop(second);
        assert!(ResumeFile::open(&path, &terms("live")).is_err(), "another mode is another run");
        let third = ResumeFile::open(&path, &terms("test")).unwrap();
        assert_eq!(third.answered.len(), 2);
        third.remove().unwrap();
        assert!(!path.exists());
    }
}
