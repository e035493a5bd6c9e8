//! The memory of `audit-mapping` with millions of tenants.

use std::{io::Write as _, time::Instant};

use serde_json::json;

use crate::support::{
    Postgres, World,
    process::{binary, output_and_peak_memory},
};

const TENANTS: u32 = 3_000_000;

/// The limit, in KiB.
const MAX_MEMORY: u64 = 128 * 1024;

#[tokio::test]
#[ignore = "fills three million tenants: run it with `tests/run --long`"]
async fn audit_of_three_million_tenants_keeps_its_memory_small() {
    let database = Postgres::shared().database().await;
    database
        .run(&format!(
            "CREATE TABLE billing_portal_tenants AS
                SELECT 'tenant-' || i AS tenant_id, 'cus_' || i AS stripe_customer_id FROM generate_series(1, {TENANTS}) AS i;
             CREATE INDEX ON billing_portal_tenants (tenant_id); CREATE INDEX ON billing_portal_tenants (stripe_customer_id);
             ANALYZE billing_portal_tenants; CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             GRANT SELECT ON billing_portal_tenants, billing_portal_owners TO {}",
            database.name
        ))
        .await;
    let world = World::with(&[&database.setting()]).await;
    // An earlier run has checked every customer at Stripe, so that this one takes minutes instead of days.
    let resume = world.path("resume");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&resume).unwrap());
    let settings = json!({
        "stripe_api_base": format!("{}/", world.stripe.base_url()), "stripe_mode": "test", "tenant_metadata_key": "tenant_id",
    });
    writeln!(file, "{settings}").unwrap();
    for i in 1..=TENANTS {
        writeln!(file, r#"{{"tenant":"tenant-{i}","customer":"cus_{i}","reason":"OK"}}"#).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();

    let settings = world.settings(&[&database.setting()]);
    let started = Instant::now();
    let mut command = binary();
    command.arg("audit-mapping").args(settings).arg(format!("--resume={}", resume.display()));
    let (output, peak) = output_and_peak_memory(command).await;
    let summary = String::from_utf8(output.stderr).unwrap();
    println!("audit-mapping of {TENANTS} tenants: {:.0?}, at most {} MiB", started.elapsed(), peak / 1024);
    assert!(
        summary.ends_with(&format!(
            "{TENANTS} tenants: {TENANTS} verified, 0 without a billing account, 0 with problems\n"
        )),
        "{summary}"
    );
    assert!(peak < MAX_MEMORY, "{peak} KiB");
}
