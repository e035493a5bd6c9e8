//! The service's own verification of principal tokens, without a server.

use std::{sync::Arc, time::Duration};

use billing_portal::{
    grpc::auth::{
        jwks,
        keys::{Keys, Source},
        rules::{TokenFormat, TokenRules},
        token::Verifier,
        token_type::TokenTypes,
    },
    portal::Principal,
    reload::file::ReloadingFile,
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::metadata::MetadataMap;

/// Verifies tokens with a fixed key set and the rules of [`super::World`].
pub(crate) struct TokenVerifier {
    verifier: Arc<Verifier>,
    _folder: TempDir,
}

impl TokenVerifier {
    /// Creates a verifier that also accepts tokens without `typ`, which those of other systems do not have. If the key set is
    /// refused, returns why.
    pub(crate) async fn lenient(set: &Value) -> Result<Self, String> {
        let types = TokenTypes::parse(&["none", "JWT", "principal+jwt"].map(str::to_owned)).unwrap();
        Self::with(set, TokenFormat { types, ..TokenFormat::default() }).await
    }

    /// Creates a verifier of tokens in the default format.
    pub(crate) async fn strict(set: &Value) -> Self {
        Self::with(set, TokenFormat::default()).await.unwrap()
    }

    async fn with(set: &Value, format: TokenFormat) -> Result<Self, String> {
        let text = set.to_string();
        jwks::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, text).unwrap();
        let file = ReloadingFile::open_document("--principal-jwks", path, jwks::parse).await;
        let rules = TokenRules {
            issuer: "https://login.test".to_owned(),
            audience: "billing-portal".to_owned(),
            other_audiences: Vec::new(),
            max_lifetime: Duration::from_mins(5),
            clock_skew: Duration::from_secs(5),
            format,
        };
        let keys = Keys::new(Source::File(file), Duration::from_hours(1));
        Ok(Self { verifier: Arc::new(Verifier::new(Arc::new(keys), rules)), _folder: folder })
    }

    /// Returns the verifier, for an interceptor.
    pub(crate) fn shared(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier)
    }

    /// Returns the person that the token names, or the cause of the refusal, which only the log contains.
    pub(crate) fn read(&self, token: &str) -> Result<Principal, String> {
        let Ok(value) = format!("Bearer {token}").parse() else { return Err("not a header value".to_owned()) };
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", value);
        self.verifier.principal(&metadata).map_err(|refusal| refusal.to_string())
    }
}

/// Returns whether a token that was refused for this cause has a valid signature: the claims are read after it.
pub(crate) fn is_about_claims(cause: &str) -> bool {
    cause.starts_with("claims segment ") || cause.starts_with("iss is ")
}
