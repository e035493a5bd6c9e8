//! The origins of the pages that Stripe may link back to.

use super::error::SettingError;
use crate::portal::ReturnOrigins;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Return URL")]
pub(super) struct ReturnUrlArguments {
    /// Exact origins that a return URL may have, comma-separated
    #[arg(
        long,
        env = "BILLING_PORTAL_RETURN_URL_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ',',
        required = true
    )]
    return_url_origins: Vec<String>,
}

impl ReturnUrlArguments {
    pub(super) fn validate(self) -> Result<ReturnOrigins, SettingError> {
        ReturnOrigins::parse(&self.return_url_origins).map_err(|error| SettingError::new("--return-url-origins", error))
    }
}
