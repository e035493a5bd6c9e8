//! The feature flag: an OpenFeature client and provider over a file of flagd definitions.
//!
//! Format: <https://flagd.dev/reference/flag-definitions/>. The targeting key is the tenant id.

mod definition;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use flagd_evaluation_engine::Operator;
use open_feature::{
    Client, EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, OpenFeature, StructValue,
    provider::{FeatureProvider, ProviderMetadata, ResolutionDetails},
};
use tokio::time::timeout;

use crate::{
    portal::{Flag, TenantId},
    reload::file::ReloadingFile,
};
pub use definition::{Definition, NotJson, OffReason, Rules, parse};

/// How long a call waits for the file. Reading it takes well under a millisecond.
const REFRESH_LIMIT: Duration = Duration::from_millis(250);

/// The feature flag of this service.
pub struct FileFlag {
    client: Client,
    file: Arc<ReloadingFile<Definition>>,
    key: String,
}

impl FileFlag {
    /// Creates the flag `key`, evaluated with the last good definition of the file.
    pub async fn new(file: Arc<ReloadingFile<Definition>>, key: String) -> Self {
        // Not OpenFeature's global instance, which all servers in a test process would share.
        let mut api = OpenFeature::default();
        api.set_provider(FileProvider::new(Arc::clone(&file))).await;
        Self { client: api.create_client(), file, key }
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

    async fn refresh(&self) {
        // A file system that does not respond must not hold a call until its deadline: the last good definition is used.
        drop(timeout(REFRESH_LIMIT, self.file.refresh()).await);
    }
}

impl std::fmt::Debug for FileFlag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileFlag").field("key", &self.key).finish_non_exhaustive()
    }
}

/// An OpenFeature provider that evaluates the definition of one boolean flag in this process.
struct FileProvider {
    metadata: ProviderMetadata,
    file: Arc<ReloadingFile<Definition>>,
    operator: Operator,
}

impl FileProvider {
    fn new(file: Arc<ReloadingFile<Definition>>) -> Self {
        Self { metadata: ProviderMetadata::new("flagd-file"), file, operator: Operator::new() }
    }

    /// Evaluates one definition from beginning to end, even if the file changes meanwhile.
    fn evaluate(&self, key: &str, context: &EvaluationContext) -> EvaluationResult<ResolutionDetails<bool>> {
        let definition =
            self.file.get().ok_or_else(|| error(EvaluationErrorCode::ProviderNotReady, "no definition is loaded"))?;
        resolve(&definition, &self.operator, key, context)
    }
}

fn resolve(
    definition: &Definition,
    operator: &Operator,
    key: &str,
    context: &EvaluationContext,
) -> EvaluationResult<ResolutionDetails<bool>> {
    let rules = match definition {
        Definition::Enabled(rules) => rules,
        Definition::Off(reason @ OffReason::Missing) => {
            return Err(error(EvaluationErrorCode::FlagNotFound, reason.to_string()));
        }
        // A flag that is switched off is not an error. An invalid definition is logged once, not at each call.
        Definition::Off(OffReason::Disabled | OffReason::Invalid(_)) => return Ok(ResolutionDetails::new(false)),
    };
    let targeted = match &rules.targeting {
        Some(rule) => operator
            .apply(key, rule, context)
            .map_err(|cause| error(EvaluationErrorCode::ParseError, cause.to_string()))?,
        None => None,
    };
    let Some(variant) = targeted.or_else(|| rules.default_variant.clone()) else {
        // Neither targeting nor the definition decides, so the default of the code counts.
        return Ok(ResolutionDetails::new(false));
    };
    match rules.variants.get(&variant) {
        Some(on) => Ok(ResolutionDetails::builder().value(*on).variant(variant).build()),
        None => Err(error(EvaluationErrorCode::General("GENERAL".to_owned()), "variant is not defined")),
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
mod fuzz;

#[cfg(test)]
mod tests;
