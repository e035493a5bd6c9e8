//! The rotation of the keys that sign the tokens.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::{changes::replace, model::Model, timeline::Timeline};
use crate::support::{Issuer, World};

/// A key with its history.
pub(super) struct Key {
    pub(super) issuer: Issuer,
    /// Whether the service has the key.
    pub(super) published: Timeline<bool>,
    /// A token that the rotation itself uses.
    token: String,
}

impl Key {
    fn new(name: String) -> Arc<Self> {
        let issuer = Issuer::new(name.leak());
        let token = issuer.token("rotation", "none", "member");
        Arc::new(Self { issuer, published: Timeline::new(false), token })
    }
}

/// Rotates the key for each request, until there are no more senders. Returns the number of rotations.
pub(super) async fn rotate_keys(world: &World, model: &Model, mut requests: Receiver<()>) -> Result<usize, String> {
    let mut rotations = 0;
    while requests.recv().await.is_some() {
        rotate(world, model, || requests.is_closed()).await?;
        rotations += 1;
    }
    Ok(rotations)
}

/// Replaces the key set by one with the latest key and a new one, and without the one before. Both take effect together, so when the
/// new key is accepted, the one that is withdrawn must be refused: no time limit is needed to know that. Gives up when the calls are over.
pub(super) async fn rotate(world: &World, model: &Model, is_over: impl Fn() -> bool) -> Result<(), String> {
    let keys = model.keys.lock().unwrap().clone();
    let (latest, withdrawn) = (keys.last(), keys.iter().nth_back(1));
    let next = Key::new(format!("rotated-{}", keys.len()));
    if let Some(withdrawn) = withdrawn {
        // The service remembers tokens that it has verified. It must forget this one.
        refused(world, &withdrawn.token).await.map_or(Ok(()), |reason| Err(format!("a published key: {reason}")))?;
        withdrawn.published.begin(false);
    }
    next.published.begin(true);
    let published: Vec<_> = latest.into_iter().chain([&next]).map(|key| key.issuer.jwk()).collect();
    replace(&world.path("jwks.json"), &json!({"keys": published}));
    while refused(world, &next.token).await.is_some() {
        if is_over() {
            return Ok(());
        }
    }
    next.published.end();
    if let Some(withdrawn) = withdrawn {
        withdrawn.published.end();
        if refused(world, &withdrawn.token).await.as_deref() != Some("TOKEN_INVALID") {
            return Err("a token is accepted whose key was withdrawn before the latest key was published".to_owned());
        }
    }
    model.keys.lock().unwrap().push(next);
    Ok(())
}

/// Returns why a token is refused; `None` if it is accepted.
async fn refused(world: &World, token: &str) -> Option<String> {
    world.access(token, "").await.err().map(|refusal| refusal.reason)
}
