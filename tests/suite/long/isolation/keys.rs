//! The rotation of the keys that sign the tokens.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::json;
use tokio::{
    sync::mpsc::Receiver,
    time::{MissedTickBehavior, interval},
};

use super::{model::Model, timeline::Timeline};
use crate::support::{Issuer, World, files::replace};

/// The service reads the key set in this interval, and uses a new one after at most 2 s, by docs/contract.md.
const INTERVAL: Duration = Duration::from_millis(250);
const INTERVALS: usize = 8;

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
        rotate(world, model).await?;
        rotations += 1;
    }
    Ok(rotations)
}

/// Replaces the key set by one with the latest key and a new one, and without the one before. Both take effect together, so when
/// the new key is accepted, the one that is withdrawn must be refused: no time limit is needed to know that.
pub(super) async fn rotate(world: &World, model: &Model) -> Result<(), String> {
    let keys = model.keys.lock().unwrap().clone();
    let (latest, withdrawn) = (keys.last(), keys.iter().nth_back(1));
    let next = Key::new(format!("rotated-{}", keys.len()));
    if let Some(withdrawn) = withdrawn {
        // The service remembers tokens that it has verified. It must forget this one.
        if refused(world, &withdrawn.token).await.as_deref() == Some("TOKEN_INVALID") {
            return Err("a token is refused whose key is published".to_owned());
        }
        withdrawn.published.begin(false);
    }
    next.published.begin(true);
    let published: Vec<_> = latest.into_iter().chain([&next]).map(|key| key.issuer.jwk()).collect();
    replace(&world.path("jwks.json"), &json!({"keys": published}).to_string());
    // A machine that is too slow delays this timer as well as the one of the service.
    let (mut timer, mut intervals) = (interval(INTERVAL), 0);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while refused(world, &next.token).await.is_some() {
        intervals += usize::from(timer.tick().now_or_never().is_some());
        if intervals > INTERVALS {
            return Err(format!("a key is not accepted {INTERVALS} readings after it was published"));
        }
    }
    next.published.end();
    if let Some(withdrawn) = withdrawn {
        withdrawn.published.end();
        if refused(world, &withdrawn.token).await.is_none() {
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
