//! When the certificates of a file are valid, and what is wrong with them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::{certificate::X509Certificate, time::ASN1Time};

/// How long before its expiry a certificate is reported.
pub const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is valid from a later time on.
    #[error("not valid before {}; check the clock of this machine", humantime::format_rfc3339_seconds(*.0))]
    NotYetValid(SystemTime),
    /// It was valid until an earlier time.
    #[error("expired at {}; replace it", humantime::format_rfc3339_seconds(*.0))]
    Expired(SystemTime),
    /// It is valid for at most [`EXPIRES_SOON`].
    #[error("expires soon, at {}; replace it", humantime::format_rfc3339_seconds(*.0))]
    ExpiresSoon(SystemTime),
    /// It has an extended key usage, but not that of a server.
    #[error("not for server authentication (extended key usage), so callers refuse it; replace it")]
    NotForServers,
    /// It has no subject alternative name.
    #[error("has no subject alternative name, so callers refuse it; replace it")]
    NoName,
}

/// A problem of one of the certificates in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its place in the file, and its subject.
    pub certificate: String,
    /// The problem.
    pub problem: Problem,
    /// Whether the file is of no use because of it.
    pub is_failure: bool,
}

/// A certificate in a file.
#[derive(Debug)]
pub(super) struct Dated {
    /// Its place in the file, and its subject.
    name: String,
    not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Dated {
    pub(super) fn new(index: usize, certificate: &X509Certificate<'_>) -> Self {
        let time =
            |time: ASN1Time| UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default());
        let validity = certificate.validity();
        Self {
            name: format!("certificate {} ({})", index + 1, certificate.subject()),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
        }
    }

    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Returns what is wrong with its time.
    pub(super) fn problem(&self, now: SystemTime) -> Option<Problem> {
        if now < self.not_before {
            Some(Problem::NotYetValid(self.not_before))
        } else if now > self.not_after {
            Some(Problem::Expired(self.not_after))
        } else {
            (now + EXPIRES_SOON >= self.not_after).then_some(Problem::ExpiresSoon(self.not_after))
        }
    }

    pub(super) fn finding(&self, problem: Problem, is_failure: bool) -> Finding {
        Finding { certificate: self.name.clone(), problem, is_failure }
    }
}

/// Returns why clients refuse a certificate of a server, whatever the time.
pub(super) fn problem_of_server(certificate: &X509Certificate<'_>) -> Option<Problem> {
    let usage = certificate.extended_key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        return Some(Problem::NotForServers);
    }
    let names = certificate.subject_alternative_name().ok().flatten();
    names.is_none_or(|names| names.value.general_names.is_empty()).then_some(Problem::NoName)
}
