//! What principal tokens must contain.

use std::time::Duration;

use super::{error::SettingError, value};
use crate::{
    adapters::directory::Ownership,
    grpc::auth::{
        claim_name::ClaimName,
        rules::{TokenFormat, TokenRules},
        token_type::TokenTypes,
    },
    portal::OwnerRoles,
};

/// The longest lifetime of a token whose role is trusted without the directory.
const MAX_LIFETIME_WITHOUT_DIRECTORY: Duration = Duration::from_hours(1);

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Principal tokens")]
pub(super) struct TokenArguments {
    /// The `iss` of every principal token
    #[arg(long, env = "BILLING_PORTAL_PRINCIPAL_ISSUER", value_name = "TEXT")]
    principal_issuer: String,

    /// The audience that `aud` must name
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_AUDIENCE",
        value_name = "TEXT",
        default_value = "billing-portal",
        hide_short_help = true
    )]
    principal_audience: String,

    /// Audiences that `aud` may name in addition, comma-separated; a token with any other audience is refused
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_OTHER_AUDIENCES",
        value_name = "AUDIENCES",
        value_delimiter = ',',
        hide_short_help = true
    )]
    principal_other_audiences: Vec<String>,

    /// Accepted values of the header member `typ`, comma-separated; none accepts a token without it. JWT and none also accept
    /// other tokens of the same issuer and audience
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_TOKEN_TYPES",
        value_name = "TYPES",
        value_delimiter = ',',
        default_value = "principal+jwt",
        hide_short_help = true
    )]
    principal_token_types: Vec<String>,

    /// Claim with the ID of the user: its literal name, or a JSON Pointer that starts with /
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_SUBJECT_CLAIM",
        value_name = "CLAIM",
        default_value = "sub",
        hide_short_help = true
    )]
    principal_subject_claim: String,

    /// Claim with the ID of the tenant: its literal name, or a JSON Pointer that starts with /
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_TENANT_CLAIM",
        value_name = "CLAIM",
        default_value = "tenant",
        hide_short_help = true
    )]
    principal_tenant_claim: String,

    /// Claim with the role or the roles: its literal name, or a JSON Pointer that starts with /
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_ROLE_CLAIM",
        value_name = "CLAIM",
        default_value = "role",
        hide_short_help = true
    )]
    principal_role_claim: String,

    /// Exact roles that own a tenant, comma-separated
    #[arg(
        long,
        env = "BILLING_PORTAL_OWNER_ROLES",
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "owner",
        hide_short_help = true
    )]
    owner_roles: Vec<String>,

    /// Longest lifetime of a token, from 1s to 1day (24h); above 1h only with --ownership token-and-directory
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_MAX_LIFETIME",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = value::duration::<{ value::SECOND }, { 24 * 3_600 * value::SECOND }>,
        hide_short_help = true
    )]
    principal_max_lifetime: Duration,

    /// How far the issuer's clock may differ, from 0s to 5s
    #[arg(
        long,
        env = "BILLING_PORTAL_PRINCIPAL_CLOCK_SKEW",
        value_name = "DURATION",
        default_value = "5s",
        value_parser = value::duration::<0, { 5 * value::SECOND }>,
        hide_short_help = true
    )]
    principal_clock_skew: Duration,
}

impl TokenArguments {
    pub(super) fn validate(self, ownership: Ownership) -> Result<TokenRules, SettingError> {
        let max_lifetime = self.principal_max_lifetime;
        if max_lifetime > MAX_LIFETIME_WITHOUT_DIRECTORY && ownership != Ownership::TokenAndDirectory {
            let problem = "above 1h it requires --ownership token-and-directory, because only the directory notices a \
                           removed owner before the token expires";
            return Err(SettingError::new("--principal-max-lifetime", problem));
        }
        let audience = value::non_empty("--principal-audience", self.principal_audience)?;
        let other_audiences = value::list("--principal-other-audiences", self.principal_other_audiences)?;
        if other_audiences.contains(&audience) {
            let problem = "must not contain the value of --principal-audience";
            return Err(SettingError::new("--principal-other-audiences", problem));
        }
        Ok(TokenRules {
            issuer: value::non_empty("--principal-issuer", self.principal_issuer)?,
            audience,
            other_audiences,
            max_lifetime,
            clock_skew: self.principal_clock_skew,
            format: TokenFormat {
                types: token_types(self.principal_token_types)?,
                subject: claim("--principal-subject-claim", &self.principal_subject_claim)?,
                tenant: claim("--principal-tenant-claim", &self.principal_tenant_claim)?,
                role: claim("--principal-role-claim", &self.principal_role_claim)?,
                owner_roles: owner_roles(self.owner_roles)?,
            },
        })
    }
}

fn token_types(texts: Vec<String>) -> Result<TokenTypes, SettingError> {
    const NAME: &str = "--principal-token-types";
    TokenTypes::parse(&value::list(NAME, texts)?).map_err(|error| SettingError::new(NAME, error))
}

fn claim(name: &str, text: &str) -> Result<ClaimName, SettingError> {
    ClaimName::parse(text).map_err(|error| SettingError::new(name, error))
}

fn owner_roles(texts: Vec<String>) -> Result<OwnerRoles, SettingError> {
    const NAME: &str = "--owner-roles";
    let problem = "expected at least one exact role (example: owner,org:admin); * is not a pattern";
    OwnerRoles::new(value::list(NAME, texts)?).ok_or_else(|| SettingError::new(NAME, problem))
}
