//! Tests of the binary `billing-portal-backfill`, against the simulator and a directory in SQLite.

mod evidence;
mod keys;
mod messages;
mod postgres;
mod runs;
mod writes;

use std::process::Output;

use serde_json::Value;
use stripe_simulator::{Customer, Mode, RecordedRequest};

use crate::support::{
    World,
    process::{backfill_binary, run, text},
    settings::override_settings,
    stripe::BACKFILL_KEY,
};

/// A world with these further tenants and customers, which do not name a tenant. The world's own three tenants are named.
async fn world_with(customers: &[(&str, &str)]) -> World {
    let world = World::start().await;
    std::fs::write(world.path("backfill.key"), BACKFILL_KEY).unwrap();
    for (tenant, customer) in customers {
        map(&world, tenant, customer);
        world.stripe.add_customer(Customer::new(customer));
    }
    world
}

fn map(world: &World, tenant: &str, customer: &str) {
    world.database().execute("INSERT INTO billing_portal_tenants VALUES (?, ?)", [tenant, customer]).unwrap();
}

fn arguments(world: &World, changes: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> = [
        &format!("--database-url=sqlite:{}", world.path("directory.db").display()),
        &format!("--stripe-backfill-key-file={}", world.path("backfill.key").display()),
        &format!("--stripe-secret-key-file={}", world.path("stripe.key").display()),
        &format!("--stripe-api-base={}", world.stripe.base_url()),
        "--stripe-mode=test",
        "--stripe-rate=10000",
        "--format=json",
    ]
    .map(str::to_owned)
    .into();
    // `--evidence` can be repeated.
    let (repeated, changes): (Vec<&str>, Vec<&str>) =
        changes.iter().copied().partition(|change| change.starts_with("--evidence"));
    override_settings(&mut arguments, &changes);
    arguments.extend(repeated.into_iter().map(str::to_owned));
    arguments
}

/// Runs the binary until it exits. Never prints a key.
async fn backfill(world: &World, changes: &[&str]) -> Output {
    let output = backfill_binary().args(arguments(world, changes)).output().await.unwrap();
    for printed in [&output.stdout, &output.stderr] {
        for key in [BACKFILL_KEY, world.stripe.secret_key(Mode::Test)] {
            assert!(!text(printed).contains(key), "a key is printed");
        }
    }
    output
}

/// The rows of a report in JSON, each as its cells without the names, and without the ids of requests.
fn rows(output: &Output) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let cell = |row: &Value, name: &str| {
        let text = row[name].as_str().unwrap_or("-");
        text.split(" (Stripe request id").next().unwrap_or_default().to_owned()
    };
    let names = ["tenant", "customer", "result", "reason", "detail", "evidence"];
    rows.iter().map(|row| names.map(|name| cell(row, name)).join(" ")).collect()
}

/// The requests that changed something at Stripe.
fn writes(world: &World) -> Vec<RecordedRequest> {
    world.stripe.requests().into_iter().filter(|request| request.method != "GET").collect()
}

/// The tenants whose calls would be refused, by `audit-mapping`.
async fn refused_tenants(world: &World) -> Vec<String> {
    let output = run(world, &["audit-mapping", "--format=json"], &[]).await;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    rows.iter().map(|row| format!("{} {}", row["tenant"].as_str().unwrap(), row["reason"].as_str().unwrap())).collect()
}
