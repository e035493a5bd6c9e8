//! Integration: key sets as providers publish them, with keys that the service cannot use.

use serde_json::{Value, json};
use tonic::transport::Channel;

use super::keyset::{access_with, channel, get_access, key_set_response, settings, wait_for_fetches, wait_until};
use crate::support::{
    Issuer, World,
    issuer::claims,
    key_server::KeyServer,
    process::{Serving, binary, serve, signal},
};

/// Starts a service with the key server, and returns it with its log.
async fn serving(world: &World, key_server: &KeyServer) -> (Serving, Channel) {
    let mut command = binary();
    command.args(settings(world, key_server, &["--principal-jwks-refresh=10ms"]));
    command.env("SSL_CERT_FILE", key_server.ca_file());
    let serving = serve(command).await;
    let channel = channel(serving.address);
    (serving, channel)
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_skipped_and_logged_once_per_change() {
    let (world, named, plain) = (World::start().await, Issuer::new("named"), Issuer::new("plain"));
    let (mut precise, mut without_alg) = (named.jwk(), plain.jwk());
    precise["alg"] = json!("Ed25519");
    without_alg.as_object_mut().unwrap().retain(|member, _| member != "alg" && member != "use");
    let encryption =
        json!({"kty": "RSA", "kid": "for-encryption", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"});
    let publish = |keys: Value| (200, None, json!({"keys": keys}).to_string());
    let key_server = KeyServer::start(publish(json!([precise, encryption, "a key", without_alg]))).await;
    let (serving, channel) = serving(&world, &key_server).await;
    let reason = "key 1: use is not sig; key 2: not a public key of a supported type (RSA, P-256 or Ed25519)";
    let at_start: Vec<_> = serving.startup_log.lines().filter(|line| line.contains("keys skipped")).collect();
    assert!(at_start.len() == 1 && at_start[0].contains(reason), "{}", serving.startup_log);
    let as_ed25519 = |issuer: &Issuer| {
        let mut header = issuer.header();
        header["alg"] = json!("Ed25519");
        issuer.sign(&header, &claims("olivia", "acme", "owner"))
    };
    for issuer in [&named, &plain] {
        assert_eq!(get_access(&channel, issuer).await, Ok(()));
        assert_eq!(access_with(&channel, &as_ed25519(issuer)).await, Ok(()));
    }
    // The same set many times, then a new one in which neither of two keys is used.
    wait_for_fetches(&key_server, 5).await;
    key_server.set_response(publish(json!([precise, without_alg, without_alg])));
    wait_until(&channel, &plain, Err("TOKEN_INVALID")).await;
    wait_for_fetches(&key_server, 5).await;
    assert_eq!(get_access(&channel, &named).await, Ok(()));
    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    let skipped: Vec<_> = log.lines().filter(|line| line.contains("keys skipped")).collect();
    assert!(skipped.len() == 2 && skipped[1].contains("key 1: duplicate kid; key 2: duplicate kid"), "{log}");
    assert!(!log.contains("for-encryption") && !log.contains("a key\""), "{log}");
}

#[tokio::test]
async fn a_secret_or_a_set_without_usable_keys_keeps_the_last_good_set() {
    let (world, issuer, new) = (World::start().await, Issuer::new("key"), Issuer::new("new"));
    let key_server = KeyServer::start(key_set_response(&[&issuer])).await;
    let (serving, channel) = serving(&world, &key_server).await;
    for (keys, error) in [
        (json!([new.jwk(), {"kty": "unknown", "d": "AAAA"}]), "key 1 is private or symmetric"),
        (json!([{"kty": "oct", "use": "enc", "kid": "h"}, new.jwk()]), "key 0 is private or symmetric"),
        (json!([new.jwk(), new.jwk()]), "no usable key"),
    ] {
        key_server.set_response((200, None, json!({"keys": keys}).to_string()));
        serving.wait_for_lines(error, 1).await;
        assert_eq!(get_access(&channel, &issuer).await, Ok(()), "{error}");
        assert_eq!(get_access(&channel, &new).await, Err("TOKEN_INVALID".to_owned()), "{error}");
    }
    // The last good set once more is valid again.
    key_server.set_response(key_set_response(&[&issuer]));
    serving.wait_for_lines("\"document fetched\"", 1).await;
    assert_eq!(get_access(&channel, &issuer).await, Ok(()));
}

#[tokio::test]
async fn accepts_published_key_and_rejects_withdrawn_key() {
    let world = World::start().await;
    let new = Issuer::new("key-2");
    let token = new.token("olivia", "acme", "owner");
    assert_eq!(world.open(&token).await.unwrap_err().reason, "TOKEN_INVALID");
    std::fs::write(world.path("jwks.json"), new.jwks().to_string()).unwrap();
    // The file is polled every 250 ms and takes effect at the second poll; until then the old key is valid.
    while world.open(&token).await.is_err() {}
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "TOKEN_INVALID");
}
