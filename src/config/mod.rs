//! The settings: one file per concern, each with its arguments, their validation and the validated struct. Everything is
//! validated before a file is opened or a port is bound.

mod audit;
mod caller;
mod database_url;
mod directory;
mod egress;
mod environment;
mod error;
mod flag;
mod limits;
mod listener;
mod logging;
mod principal;
mod reconcile;
mod return_url;
mod stripe;
mod tls;
mod token;
mod value;

pub use audit::{AuditSource, AuditTarget};
pub use caller::CallerIdentity;
pub use directory::{DirectoryConfig, TenantsArguments};
pub use environment::{BACKFILL_KEY_FILE, refuse_unknown};
pub use error::SettingError;
pub use flag::FlagConfig;
pub use limits::{LimitsConfig, StripeLimits, StripeLimitsArguments};
pub use listener::ListenerConfig;
pub use logging::{LoggingArguments, LoggingConfig};
pub use principal::{KeySource, PrincipalConfig};
pub use reconcile::{ReconcileArguments, ReconcileConfig};
pub use stripe::{StripeAccount, StripeAccountArguments, StripeConfig, key_file};
pub use tls::TlsConfig;

use crate::{grpc::caller::Callers, portal::ReturnOrigins};

/// The arguments that every command shares, by concern.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    // Concerns with required settings come first.
    #[command(flatten)]
    caller: caller::CallerArguments,
    #[command(flatten)]
    principal: principal::PrincipalArguments,
    #[command(flatten)]
    token: token::TokenArguments,
    #[command(flatten)]
    return_url: return_url::ReturnUrlArguments,
    #[command(flatten)]
    directory: directory::DirectoryArguments,
    #[command(flatten)]
    flag: flag::FlagArguments,
    #[command(flatten)]
    stripe: stripe::StripeArguments,
    #[command(flatten)]
    listener: listener::ListenerArguments,
    #[command(flatten)]
    tls: tls::TlsArguments,
    #[command(flatten)]
    limits: limits::LimitsArguments,
    #[command(flatten)]
    audit: audit::AuditArguments,
    #[command(flatten)]
    logging: logging::LoggingArguments,
}

/// The validated settings, by concern.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listeners.
    pub listener: ListenerConfig,
    /// TLS of the listener, with [`Callers::Mtls`] only.
    pub tls: Option<TlsConfig>,
    /// The workloads that may call.
    pub callers: Callers,
    /// Principal tokens.
    pub principal: PrincipalConfig,
    /// The origins that a return URL may have.
    pub return_origins: ReturnOrigins,
    /// The directory.
    pub directory: DirectoryConfig,
    /// The feature flag.
    pub flag: FlagConfig,
    /// Stripe.
    pub stripe: StripeConfig,
    /// Limits of time, number and rate.
    pub limits: LimitsConfig,
    /// Where audit entries are written.
    pub audit: AuditTarget,
    /// The logs.
    pub logging: LoggingConfig,
}

impl Arguments {
    /// Validates every setting, alone and together with the others.
    ///
    /// # Errors
    /// The first setting that is missing, wrong, contradictory or unsafe.
    pub fn validate(self) -> Result<Config, SettingError> {
        let listener = self.listener.validate()?;
        let stripe = self.stripe.validate()?;
        let directory = self.directory.validate()?;
        let callers = self.caller.validate(listener.address)?;
        Ok(Config {
            tls: self.tls.validate(matches!(callers, Callers::Mtls(_)))?,
            callers,
            listener,
            principal: self.principal.validate(self.token.validate(directory.ownership)?)?,
            return_origins: self.return_url.validate()?,
            directory,
            flag: self.flag.validate()?,
            limits: self.limits.validate(stripe.sessions.mode)?,
            stripe,
            audit: self.audit.validate()?,
            logging: self.logging.validate(),
        })
    }
}

#[cfg(test)]
mod fuzz;
