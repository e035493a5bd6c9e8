//! Why a connection is closed before HTTP/2, in words that say which side has to change what.

use std::{
    io,
    time::{Duration, UNIX_EPOCH},
};

use rustls::{
    AlertDescription, CertificateError, Error,
    InvalidMessage::InvalidContentType,
    PeerIncompatible::{SupportedVersionsExtensionRequired, Tls12NotOffered, Tls12NotOfferedOrEnabled},
    pki_types::UnixTime,
};

use crate::tls::chain::ChainTooLong;

/// Why a connection is closed before HTTP/2.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotEstablished {
    /// Port scans and probes that only connect do this all the time.
    #[error("no HTTP/2 preface")]
    NoPreface,
    #[error("client uses TLS, but this listener has TLS only with --caller-identity mtls")]
    UnexpectedTls,
    #[error("client does not use TLS, but --caller-identity mtls requires it")]
    NoTls,
    #[error("client does not offer TLS 1.3")]
    NoTls13,
    #[error("client does not offer the protocol h2 by ALPN")]
    NoAlpn,
    #[error("client has no certificate")]
    NoCertificate,
    #[error("client certificate is not signed by a CA in --tls-client-ca-file")]
    UnknownCa,
    #[error("client certificate has expired{}", at(*.0))]
    Expired(Option<UnixTime>),
    #[error("client certificate is not valid yet{}", at(*.0))]
    NotYetValid(Option<UnixTime>),
    #[error("client certificate is not for client authentication, or an intermediate not for signing (key usage)")]
    WrongUsage,
    #[error("client sends {0}")]
    LongChain(ChainTooLong),
    #[error("client does not trust the certificate of this listener (alert {0:?})")]
    Distrusted(AlertDescription),
    #[error("client closed the connection during the TLS handshake")]
    Closed,
    #[error("TLS handshake took longer than {}", humantime::format_duration(super::establish::LIMIT))]
    Slow,
    #[error("TLS handshake failed: {0}")]
    Other(Error),
}

impl NotEstablished {
    /// Returns the kind, for logs and metrics, or `None` if it is neither logged nor counted.
    pub(super) fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoPreface => return None,
            Self::UnexpectedTls => "unexpected_tls",
            Self::NoTls => "no_tls",
            Self::NoTls13 => "no_tls_1_3",
            Self::NoAlpn => "no_alpn",
            Self::NoCertificate => "no_certificate",
            Self::UnknownCa => "unknown_ca",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::WrongUsage => "wrong_usage",
            Self::LongChain(_) => "long_chain",
            Self::Distrusted(_) => "distrusted",
            Self::Closed => "closed",
            Self::Slow => "slow",
            Self::Other(_) => "other",
        })
    }

    /// Returns the cause of a handshake that failed after the client sent its first message.
    pub(super) fn of_handshake(error: &io::Error, offers_alpn: bool) -> Self {
        match tls_error(error) {
            // The listener has no certificate for such a client.
            Some(Error::General(_)) if !offers_alpn => Self::NoAlpn,
            Some(error) => error.clone().into(),
            None => Self::Closed,
        }
    }

    /// Returns the cause if already the first message of the client cannot be used.
    pub(super) fn of_hello(error: &io::Error) -> Self {
        // Without an error of TLS, the client closed the connection.
        tls_error(error).map_or(Self::NoPreface, |error| error.clone().into())
    }
}

impl From<Error> for NotEstablished {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's lists grow; the other errors share one text")]
    fn from(error: Error) -> Self {
        use CertificateError as C;
        match error {
            Error::InvalidMessage(InvalidContentType) => Self::NoTls,
            Error::PeerIncompatible(
                Tls12NotOffered | Tls12NotOfferedOrEnabled | SupportedVersionsExtensionRequired,
            ) => Self::NoTls13,
            Error::NoApplicationProtocol => Self::NoAlpn,
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => Self::UnknownCa,
            Error::InvalidCertificate(C::Expired) => Self::Expired(None),
            Error::InvalidCertificate(C::ExpiredContext { not_after, .. }) => Self::Expired(Some(not_after)),
            Error::InvalidCertificate(C::NotValidYet) => Self::NotYetValid(None),
            Error::InvalidCertificate(C::NotValidYetContext { not_before, .. }) => Self::NotYetValid(Some(not_before)),
            Error::InvalidCertificate(C::InvalidPurpose | C::InvalidPurposeContext { .. }) => Self::WrongUsage,
            Error::InvalidCertificate(C::Other(other)) if other.0.is::<ChainTooLong>() => Self::LongChain(ChainTooLong),
            Error::AlertReceived(
                alert @ (AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                // The certificate of a CA with the right name and another key.
                | AlertDescription::DecryptError),
            ) => Self::Distrusted(alert),
            error => Self::Other(error),
        }
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|error| (error as &dyn std::error::Error).downcast_ref())
}

/// Returns when a validity ends or begins, if that is known.
fn at(time: Option<UnixTime>) -> String {
    let time = time.map(|time| UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    time.map_or_else(String::new, |time| format!(" ({})", humantime::format_rfc3339_seconds(time)))
}
