//! Integration: the flag file as a kill switch, whatever else is in the file and however it is written.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{
    World,
    files::replace,
    process::{Serving, serve_at, signal},
    world::{FLAG_OFF, FLAG_ON, connect},
};

const PORTAL: &str = "billing.portal.v1.BillingPortal";

/// Waits until the flag is on or off for everyone.
async fn wait_for_flag(world: &World, on: bool) {
    let status = if on { ServingStatus::Serving } else { ServingStatus::NotServing };
    let waited = timeout(Duration::from_secs(20), world.wait_for_health(PORTAL, status)).await;
    assert!(waited.is_ok(), "the flag does not become {}", if on { "on" } else { "off" });
}

#[tokio::test]
async fn switches_off_by_a_file_that_changes_all_the_time() {
    let world = World::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (stop, folder) = (Arc::clone(&stop), world.folder.path().to_owned());
        move || rewrite_until(&stop, &folder)
    });
    wait_for_flag(&world, false).await;
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

/// Replaces the flag file again and again, each time with other white space.
fn rewrite_until(stop: &AtomicBool, folder: &Path) {
    let mut content = FLAG_OFF.to_owned();
    while !stop.load(Ordering::Relaxed) {
        content.push(' ');
        replace(&folder.join("flags.json"), &content);
    }
}

#[tokio::test]
async fn invalid_definition_is_logged_once() {
    let mut world = World::start().await;
    let invalid = r#"{"flags":{"billing-portal":{"state":"ENABLED"}}}"#;
    std::fs::write(world.path("flags.json"), invalid).unwrap();
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let Serving { mut child, address, startup_log, log, .. } = serve_at("info", &arguments).await;
    assert!(startup_log.contains("it has no variants"), "{startup_log}");
    // From here on, the world's requests go to the world.
    world.channel = connect(address).await;
    std::fs::write(world.path("flags.json"), format!("{invalid} ")).unwrap();
    world.wait_for_reload().await;
    std::fs::write(world.path("flags.json"), FLAG_ON).unwrap();
    wait_for_flag(&world, true).await;
    std::fs::write(world.path("flags.json"), invalid).unwrap();
    wait_for_flag(&world, false).await;
    signal(&child, "-TERM");
    child.wait().await.unwrap();
    let log = log.await.unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors: Vec<Value> = lines.filter(|line| line["level"] == "ERROR").collect();
    let causes: Vec<_> = errors.iter().map(|line| (line["setting"].as_str(), line["flag"].as_str())).collect();
    assert_eq!(causes, [(Some("--flags-file"), Some("billing-portal")); 2], "{log}");
}
