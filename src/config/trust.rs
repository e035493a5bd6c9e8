//! Whom the service believes: which workloads may call, and where the keys of principal tokens come from.

use std::path::PathBuf;

use url::Url;

use crate::{
    config::{CallerIdentity, SettingError, Settings},
    grpc::caller::{Callers, is_linkerd_name, is_spiffe_id},
};

/// Where the key set comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// An https URL.
    Url(Url),
}

/// The workloads that may call.
pub(super) fn callers(settings: &Settings) -> Result<Callers, SettingError> {
    let allowed = settings.allowed_callers.clone();
    let error = |problem: &str| SettingError::new("--allowed-callers", problem);
    let all = |is_identity: fn(&str) -> bool| !allowed.is_empty() && allowed.iter().all(|name| is_identity(name));
    match settings.caller_identity {
        CallerIdentity::None if !settings.listen.ip().is_loopback() => Err(SettingError::new(
            "--caller-identity",
            "none trusts every caller, so --listen must be a loopback address; else give istio or linkerd",
        )),
        CallerIdentity::None if !allowed.is_empty() => {
            Err(error("has no effect with --caller-identity none; leave it out, or give istio or linkerd"))
        }
        CallerIdentity::None => Ok(Callers::Anyone),
        CallerIdentity::Istio if all(is_spiffe_id) => Ok(Callers::Istio(allowed)),
        CallerIdentity::Istio => {
            Err(error("must name whole SPIFFE ids, such as spiffe://cluster.local/ns/web/sa/settings"))
        }
        CallerIdentity::Linkerd if all(is_linkerd_name) => Ok(Callers::Linkerd(allowed)),
        CallerIdentity::Linkerd => {
            Err(error("must name whole identities, such as settings.web.serviceaccount.identity.linkerd.cluster.local"))
        }
    }
}

/// A file, or an https URL.
pub(super) fn key_source(text: &str) -> Result<KeySource, SettingError> {
    let error = |problem: &str| SettingError::new("--principal-jwks", problem);
    if text.is_empty() {
        return Err(error("is empty; name a file or an https URL"));
    }
    if !text.contains("://") {
        return Ok(KeySource::File(text.into()));
    }
    let url = Url::parse(text).map_err(|_| error("is no URL; name a file or an https URL"))?;
    if url.scheme() != "https" {
        return Err(error("is no https URL; over anything else the keys could be anyone's"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(error("must have no user information and no fragment"));
    }
    Ok(KeySource::Url(url))
}
