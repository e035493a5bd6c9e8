//! The workloads that may call, and how they are identified.

use std::net::SocketAddr;

use super::error::SettingError;
use crate::grpc::caller::{Callers, istio::is_spiffe_id, linkerd::is_linkerd_name, mtls::is_dns_name};

/// How the calling workload is identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CallerIdentity {
    /// By the last element of `x-forwarded-client-cert`
    Istio,
    /// By the header `l5d-client-id`
    Linkerd,
    /// By the client certificate of the connection, which this service verifies itself
    Mtls,
    /// No identification: for development, on loopback only
    None,
}

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Callers")]
pub(super) struct CallerArguments {
    /// How the calling workload is identified; mtls requires the --tls-* files; none admits every caller and requires a
    /// loopback listener
    #[arg(long, env = "BILLING_PORTAL_CALLER_IDENTITY", value_name = "IDENTITY", value_enum)]
    caller_identity: CallerIdentity,

    /// Identities that may call, comma-separated: SPIFFE ids (istio), names (linkerd), or SPIFFE ids and DNS names (mtls); required unless --caller-identity is none
    #[arg(long, env = "BILLING_PORTAL_ALLOWED_CALLERS", value_name = "IDENTITIES", value_delimiter = ',')]
    allowed_callers: Vec<String>,
}

impl CallerArguments {
    pub(super) fn validate(self, listener: SocketAddr) -> Result<Callers, SettingError> {
        let allowed = self.allowed_callers;
        // An empty value is one empty name.
        let is_missing = allowed.iter().all(String::is_empty);
        let error = |problem: &str| {
            let required = if is_missing { "required unless --caller-identity is none; " } else { "" };
            SettingError::new("--allowed-callers", format!("{required}{problem}"))
        };
        let all_are = |is_identity: fn(&str) -> bool| !is_missing && allowed.iter().all(|name| is_identity(name));
        match self.caller_identity {
            CallerIdentity::None if !listener.ip().is_loopback() => Err(SettingError::new(
                "--caller-identity",
                "none admits every caller, so --listen must be a loopback address; otherwise use istio, linkerd or mtls",
            )),
            CallerIdentity::None if !is_missing => {
                Err(error("has no effect with --caller-identity none; remove it, or use istio, linkerd or mtls"))
            }
            CallerIdentity::None => Ok(Callers::Anyone),
            CallerIdentity::Istio if all_are(is_spiffe_id) => Ok(Callers::Istio(allowed)),
            CallerIdentity::Istio => {
                Err(error("expected complete SPIFFE ids (example: spiffe://cluster.local/ns/web/sa/settings)"))
            }
            CallerIdentity::Linkerd if all_are(is_linkerd_name) => Ok(Callers::Linkerd(allowed)),
            CallerIdentity::Mtls if all_are(|name| is_spiffe_id(name) || is_dns_name(name)) => {
                Ok(Callers::Mtls(allowed))
            }
            CallerIdentity::Mtls => Err(error(
                "expected complete SPIFFE ids or DNS names in lower case, and not IP addresses (examples: spiffe://example.org/settings, \
                 settings.example.org)",
            )),
            CallerIdentity::Linkerd => Err(error(
                "expected complete identities (example: settings.web.serviceaccount.identity.linkerd.cluster.local)",
            )),
        }
    }
}
