//! The feature flag: an OpenFeature client and provider over a file of flagd definitions.
//!
//! Format: <https://flagd.dev/reference/flag-definitions/>. The targeting key is the tenant id.

use std::sync::Arc;

use async_trait::async_trait;
use flagd_evaluation_engine::{FeatureFlag, FlagParser, Operator};
use open_feature::{
    Client, EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, OpenFeature, StructValue,
    provider::{FeatureProvider, ProviderMetadata, ResolutionDetails},
};

use crate::{
    portal::{Flag, TenantId},
    reload::file::ReloadingFile,
};

/// The flags of a definition file.
pub type Definitions = std::collections::HashMap<String, FeatureFlag>;

/// Why a definition file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    /// Not UTF-8.
    #[error("definition file is not UTF-8 text: {0}")]
    NotText(std::str::Utf8Error),
    /// Not in flagd's format.
    #[error("definition file is not a valid flagd definition: {0}")]
    NotFlagd(String),
}

/// Parses a definition file. One invalid flag makes the whole file invalid; the last good definitions are then kept.
///
/// # Errors
/// [`DefinitionsError`].
pub fn parse(bytes: &[u8]) -> Result<Definitions, DefinitionsError> {
    let text = std::str::from_utf8(bytes).map_err(DefinitionsError::NotText)?;
    let parsed = FlagParser::parse_string(text).map_err(|error| DefinitionsError::NotFlagd(error.to_string()))?;
    Ok(parsed.flags)
}

/// Returns whether a flag can be on for at least one tenant: it is defined, enabled, and on by default or targeted.
/// Used for the health status, the metric and `check`; each call evaluates the flag for its own tenant.
#[must_use]
pub fn could_be_on(definitions: Option<&Definitions>, key: &str) -> bool {
    definitions.and_then(|flags| flags.get(key)).is_some_and(|flag| {
        let default_on = flag.variants.get(&flag.default_variant) == Some(&serde_json::Value::Bool(true));
        flag.state == "ENABLED" && (default_on || is_targeted(flag))
    })
}

fn is_targeted(flag: &FeatureFlag) -> bool {
    flag.targeting.as_ref().is_some_and(|rule| rule.as_object().is_some_and(|rule| !rule.is_empty()))
}

/// The feature flag of this service.
pub struct FileFlag {
    client: Client,
    key: String,
}

impl FileFlag {
    /// Creates the flag `key`, evaluated with the last good definitions of the file.
    pub async fn new(file: Arc<ReloadingFile<Definitions>>, key: String) -> Self {
        // Not OpenFeature's global instance, which all servers in a test process would share.
        let mut api = OpenFeature::default();
        api.set_provider(FileProvider::new(file)).await;
        Self { client: api.create_client(), key }
    }
}

#[async_trait]
impl Flag for FileFlag {
    async fn is_on(&self, tenant: &TenantId) -> bool {
        let context = EvaluationContext::default().with_targeting_key(tenant.as_str());
        match self.client.get_bool_value(&self.key, Some(&context), None).await {
            Ok(on) => on,
            Err(error) => {
                let cause = error.message.as_deref();
                tracing::warn!(flag = self.key, code = %error.code, cause, "flag evaluation failed; flag is off");
                false
            }
        }
    }
}

impl std::fmt::Debug for FileFlag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileFlag").field("key", &self.key).finish_non_exhaustive()
    }
}

/// An OpenFeature provider that evaluates flagd definitions in this process. Only boolean flags are supported; other
/// types return TYPE_MISMATCH.
struct FileProvider {
    metadata: ProviderMetadata,
    file: Arc<ReloadingFile<Definitions>>,
    operator: Operator,
}

impl FileProvider {
    fn new(file: Arc<ReloadingFile<Definitions>>) -> Self {
        Self { metadata: ProviderMetadata::new("flagd-file"), file, operator: Operator::new() }
    }

    fn evaluate(&self, key: &str, context: &EvaluationContext) -> EvaluationResult<ResolutionDetails<bool>> {
        let definitions =
            self.file.get().ok_or_else(|| error(EvaluationErrorCode::ProviderNotReady, "no definitions are loaded"))?;
        let flag =
            definitions.get(key).ok_or_else(|| error(EvaluationErrorCode::FlagNotFound, "flag is not defined"))?;
        if flag.state != "ENABLED" {
            // A disabled flag is off; this is not an error.
            return Ok(ResolutionDetails::new(false));
        }
        let targeted = if is_targeted(flag) {
            self.operator
                .apply(key, &flag.get_targeting(), context)
                .map_err(|cause| error(EvaluationErrorCode::ParseError, cause.to_string()))?
        } else {
            None
        };
        let variant = targeted.unwrap_or_else(|| flag.default_variant.clone());
        match flag.variants.get(&variant) {
            Some(serde_json::Value::Bool(on)) => Ok(ResolutionDetails::builder().value(*on).variant(variant).build()),
            Some(_) => Err(error(EvaluationErrorCode::TypeMismatch, "variant is not a boolean")),
            None => Err(error(EvaluationErrorCode::General("GENERAL".to_owned()), "variant is not defined")),
        }
    }
}

#[async_trait]
impl FeatureProvider for FileProvider {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.evaluate(key, context)
    }

    async fn resolve_int_value(&self, _: &str, _: &EvaluationContext) -> EvaluationResult<ResolutionDetails<i64>> {
        Err(boolean_only())
    }

    async fn resolve_float_value(&self, _: &str, _: &EvaluationContext) -> EvaluationResult<ResolutionDetails<f64>> {
        Err(boolean_only())
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        Err(boolean_only())
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        Err(boolean_only())
    }
}

fn error(code: EvaluationErrorCode, message: impl Into<String>) -> EvaluationError {
    EvaluationError::builder().code(code).message(message).build()
}

fn boolean_only() -> EvaluationError {
    error(EvaluationErrorCode::TypeMismatch, "only boolean flags are supported")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_on(definition: &str, tenant: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.json");
        std::fs::write(&path, definition).unwrap();
        let file = Arc::new(ReloadingFile::open("--flags-file", path, parse).await);
        let flag = FileFlag::new(Arc::clone(&file), "billing-portal".to_owned()).await;
        flag.is_on(&TenantId::parse(tenant).unwrap()).await
    }

    fn definition(state: &str, default: &str, targeting: &str) -> String {
        format!(
            r#"{{"flags":{{"billing-portal":{{"state":"{state}","variants":{{"on":true,"off":false,"text":"on"}},
            "defaultVariant":"{default}","targeting":{targeting}}}}}}}"#
        )
    }

    #[tokio::test]
    async fn is_on_only_if_enabled_and_variant_is_true() {
        assert!(is_on(&definition("ENABLED", "on", "null"), "acme").await);
        assert!(is_on(&definition("ENABLED", "on", "{}"), "acme").await);
        for off in [
            definition("DISABLED", "on", "null"),
            definition("enabled", "on", "null"),
            definition("ENABLED", "off", "null"),
            definition("ENABLED", "text", "null"),
            definition("ENABLED", "nowhere", "null"),
            definition("ENABLED", "on", r#"{"no_such_operator":[1]}"#),
            r#"{"flags":{}}"#.to_owned(),
            r#"{"flags":{"billing-portal":{"state":"ENABLED"}}}"#.to_owned(),
            "garbage".to_owned(),
            String::new(),
        ] {
            assert!(!is_on(&off, "acme").await, "{off}");
        }
    }

    #[tokio::test]
    async fn targets_tenants_with_flagd_operators() {
        for rule in [
            r#"{"if":[{"==":[{"var":"targetingKey"},"acme"]},"on","off"]}"#,
            r#"{"if":[{"in":[{"var":"targetingKey"},["acme","initech"]]},"on","off"]}"#,
            r#"{"if":[{"starts_with":[{"var":"targetingKey"},"ac"]},"on"]}"#,
        ] {
            assert!(is_on(&definition("ENABLED", "off", rule), "acme").await, "{rule}");
            assert!(!is_on(&definition("ENABLED", "off", rule), "globex").await, "{rule}");
        }
        let everyone = r#"{"fractional":[{"var":"targetingKey"},["on",100],["off",0]]}"#;
        assert!(is_on(&definition("ENABLED", "off", everyone), "acme").await);
    }

    #[test]
    fn could_be_on_if_enabled_and_on_or_targeted() {
        let could = |text: &str| could_be_on(parse(text.as_bytes()).ok().as_ref(), "billing-portal");
        assert!(could(&definition("ENABLED", "on", "null")));
        assert!(could(&definition("ENABLED", "off", r#"{"if":[true,"on","off"]}"#)));
        assert!(!could(&definition("ENABLED", "off", "{}")));
        assert!(!could(&definition("DISABLED", "on", "null")));
        assert!(!could(r#"{"flags":{}}"#));
        assert!(!could_be_on(None, "billing-portal"));
    }
}
